"""
Tests for :mod:`proxypypi.auth.realm`.
"""

from twisted.cred.portal import IRealm
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.auth.checkers import Identity, Right
from proxypypi.auth.realm import Realm
from proxypypi.interfaces import IUser
from proxypypi.model import User
from proxypypi.names import normalize
from proxypypi.store.tokens import Token

READ, BOTH = frozenset({Right.READ}), frozenset(Right)


class RealmTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.realm = Realm({"bob": ("acme-*",)})

    def avatar(self, identity: Identity) -> User:
        interface, user, logout = self.realm.requestAvatar(identity, None, IUser)
        self.assertIs(IUser, interface)
        verifyObject(IUser, user)
        logout()
        assert isinstance(user, User)
        return user

    def test_interface(self) -> None:
        """
        It is a realm, and its avatars are users.
        """
        verifyObject(IRealm, self.realm)
        with self.assertRaises(NotImplementedError):
            self.realm.requestAvatar(Identity("bob", BOTH), None, IRealm)

    def test_users(self) -> None:
        """
        The file says what a user may do, the table in which projects.
        """
        for name, rights, expected in (
            ("eve", READ, User(name="eve", may_read=True)),
            (
                *("eve", frozenset({Right.UPLOAD})),
                User(name="eve", may_read=True, may_upload=True, may_administer=True),
            ),
            (
                *("bob", BOTH),
                User(
                    name="bob",
                    may_read=True,
                    may_upload=True,
                    may_administer=True,
                    projects=("acme-*",),
                ),
            ),
        ):
            self.assertEqual(expected, self.avatar(Identity(name, rights)))

    def test_tokens(self) -> None:
        """
        What a token and its user may both do, may be done with it.
        """

        def publishes(identity: Identity, project: str, upstream_has: bool) -> bool:
            user = self.avatar(identity)
            return user.may_publish(normalize(project), upstream_has=upstream_has)

        def token(*globs: str, upload: bool = True) -> Token:
            return Token(name="t", may_upload=upload, projects=globs, created_at=0.0)

        for identity, project, upstream_has, expected in (
            (Identity("", BOTH, token()), "new", False, True),
            (Identity("", BOTH, token()), "known", True, False),
            (Identity("", BOTH, token("known")), "known", True, True),
            (Identity("", BOTH, token("known")), "new", False, False),
            (Identity("", BOTH, token(upload=False)), "new", False, False),
            (Identity("bob", BOTH, token()), "acme-x", False, True),
            (Identity("bob", BOTH, token()), "acme-x", True, False),
            (Identity("bob", BOTH, token()), "new", False, False),
            (Identity("bob", BOTH, token("new")), "new", False, False),
            (Identity("bob", BOTH, token("acme-x")), "acme-x", True, True),
            (Identity("bob", BOTH, token("acme-x")), "acme-y", False, False),
            (Identity("bob", READ, token("acme-x")), "acme-x", False, False),
            (Identity("eve", BOTH, token("known")), "known", True, False),
        ):
            told = (identity, project, upstream_has)
            self.assertIs(expected, publishes(*told), told)

    def test_names(self) -> None:
        """
        The log tells tokens from users.
        """
        token = Token(name="ci", created_at=0.0)
        for user, name in (("bob", "bob's token ci"), ("", "token ci")):
            self.assertEqual(name, self.avatar(Identity(user, READ, token)).name)
