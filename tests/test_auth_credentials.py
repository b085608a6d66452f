"""
Tests for :mod:`proxypypi.auth.credentials`.
"""

from base64 import b64encode

from twisted.cred.credentials import IUsernamePassword
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.auth.credentials import IToken, parse_authorization
from proxypypi.errors import NotAuthenticated


def basic(said: bytes) -> bytes:
    return b"Basic " + b64encode(said)


class ParseTests(SynchronousTestCase):
    def test_passwords(self) -> None:
        """
        In UTF-8, as we ask for; what is none is taken for Latin-1, as pip has it.
        """
        for said, name, password in (
            (b"bob:hunter2", "bob", "hunter2"),
            (b"bob:a:b:", "bob", "a:b:"),
            (b"bob:", "bob", ""),
            (b":x", "", "x"),
            ("Éve:naïve".encode(), "Éve", "naïve"),
            ("Éve:naïve".encode("latin-1"), "Éve", "naïve"),
        ):
            for header in (basic(said), basic(said).replace(b"Basic", b"bAsIc ")):
                found = parse_authorization([header])
                self.assertTrue(IUsernamePassword.providedBy(found))
                self.assertEqual(
                    (name.encode(), password.encode()),
                    (found.username, found.password),
                )

    def test_tokens(self) -> None:
        """
        A token is the password of __token__, or stands alone.
        """
        for header in (basic(b"__token__:a-b_c"), b"Bearer a-b_c", b"bearer  a-b_c "):
            found = parse_authorization([header])
            self.assertTrue(IToken.providedBy(found), header)
            self.assertEqual("a-b_c", found.secret)
            self.assertNotIn("a-b_c", repr(found))

    def test_nothing(self) -> None:
        """
        Who says nothing is told what is needed.
        """
        with self.assertRaises(NotAuthenticated) as caught:
            parse_authorization([])
        self.assertIn("are needed", str(caught.exception))

    def test_nonsense(self) -> None:
        """
        So is who says what is not understood; none of that is repeated.
        """
        for headers in (
            [b""],
            [b"Basic"],
            [b"Basic "],
            [b"Basic hunter2!"],
            [b"Basic hunter2"],
            [b"Digest username=hunter2"],
            [b"Negotiate hunter2"],
            [basic(b"hunter2")],
            [basic(b"bob:hun\0ter2")],
            [basic(b"bob\r\n:hunter2")],
            [basic(b"bob:x") + b" hunter2"],
            [basic(b"bob:x"), basic(b"bob:x")],
            [b"\xff\xfe hunter2"],
        ):
            with self.assertRaises(NotAuthenticated, msg=repr(headers)) as caught:
                parse_authorization(headers)
            self.assertNotIn("hunter2", str(caught.exception))
            self.assertNotIn(b64encode(b"hunter2").decode(), str(caught.exception))
