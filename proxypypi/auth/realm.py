"""
What those who have logged in may do.
"""

from collections.abc import Mapping
from typing import Any

from attrs import define
from twisted.cred.portal import IRealm
from zope.interface import implementer

from proxypypi.auth.checkers import Identity, Right
from proxypypi.interfaces import IUser
from proxypypi.model import User


@implementer(IRealm)
@define(eq=False)
class Realm:
    """
    Its avatars are :class:`~proxypypi.model.User`.

    :ivar _projects: globs of the projects that users may upload, where that is said.
    """

    _projects: Mapping[str, tuple[str, ...]]

    def requestAvatar(self, avatarId: Any, mind: object, *interfaces: Any) -> Any:
        """
        :param avatarId: an :class:`~proxypypi.auth.checkers.Identity`.
        """
        if IUser not in interfaces:
            raise NotImplementedError("there are no avatars but IUser")
        return IUser, self._user(avatarId), _forget

    def _user(self, identity: Identity) -> User:
        may_upload = Right.UPLOAD in identity.rights
        user = User(
            name=identity.user,
            may_read=True,  # who may put files here may have them
            may_upload=may_upload,
            may_administer=may_upload,
            projects=self._projects.get(identity.user, ()),
        )
        token = identity.token
        if token is None:
            return user
        may_upload = may_upload and token.may_upload
        return User(
            name=f"{identity.user}'s token {token.name}".removeprefix("'s "),
            may_read=True,
            may_upload=may_upload,
            may_administer=may_upload,
            projects=token.projects,
            on_behalf_of=user if identity.user else None,
        )


def _forget() -> None:
    """
    Who has logged in to one request need not log out.
    """
