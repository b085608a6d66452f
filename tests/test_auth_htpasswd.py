"""
Tests for :mod:`proxypypi.auth.htpasswd`.
"""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.auth.htpasswd import read_users, weak
from proxypypi.errors import BadUsers
from tests.test_auth_hashes import KNOWN

APR1, SHA1, BCRYPT = KNOWN[0][1], KNOWN[2][1], KNOWN[4][1]


class ReadUsersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()

    def refusal(self, content: bytes | None = None) -> str:
        if content is not None:
            self.path.write_bytes(content)
        with self.assertRaises(BadUsers, msg=repr(content)) as caught:
            read_users(self.path)
        return str(caught.exception)

    def test_users(self) -> None:
        """
        Names in any script, with comments, empty lines and either end of line.
        """
        content = f"# ours\r\n\r\nbob:{APR1}\r\n  \nÉve x:{SHA1}  \nci:{BCRYPT}"
        self.path.write_text(content, "utf-8")
        users = read_users(self.path)
        self.assertEqual(["bob", "Éve x", "ci"], list(users))
        self.assertTrue(users["bob"].fits(b"hunter2"))
        self.assertEqual(["Éve x"], weak(users))

    def test_nobody(self) -> None:
        """
        A file may have no users: tokens may be all there is.
        """
        self.path.write_bytes(b"\n# nobody\n")
        self.assertEqual({}, dict(read_users(self.path)))

    def test_bad_lines(self) -> None:
        """
        A line that is not understood is told by file and number; nothing is shown of it
        that may be a password.
        """
        for line, words in (
            ("bob:hunter2", "'bob' is plain, or hashed by crypt: make it anew"),
            ("bob:", "'bob' is plain"),
            ("bob:$6$salt$hunter2", "'bob' is hashed by SHA-2 crypt"),
            ("hunter2", "it is not NAME:HASHED-PASSWORD"),
            (f":{APR1}", "it is not NAME:HASHED-PASSWORD"),
            (f"bob:hunter2:{APR1}", "'bob' is plain"),
            (f"__token__:{APR1}", "no user can be called __token__"),
            (f"b\x1b[31mob:{APR1}", "has to be printable"),
            (f"eve:{APR1}", "'eve' was there already"),
        ):
            said = self.refusal(f"eve:{APR1}\n\n{line}\n".encode())
            self.assertTrue(said.startswith(f"{str(self.path)!r}, line 3: "), said)
            self.assertIn(words, said)
            self.assertNotIn("hunter2", said)
        self.assertIn("line 1: it is not UTF-8", self.refusal(b"b\xffb:x"))

    def test_bad_files(self) -> None:
        """
        So is a file that is none.
        """
        self.assertIn("No such file", self.refusal())
        self.assertIn("too large", self.refusal(b"#" * 5_000_000))
        self.path.unlink()
        self.path.mkdir()
        self.assertIn("Is a directory", self.refusal())
