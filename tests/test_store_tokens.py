"""
Tests for :mod:`proxypypi.store.tokens`.
"""

import re
from pathlib import Path

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import DamagedRecord, TokenExists
from proxypypi.store.tokens import Token, TokenStore

CI = Token(
    name="ci",
    user="bob",
    may_upload=True,
    projects=("acme-*",),
    created_at=5.0,
    expires_at=9.5,
)


class TokenStoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).absolute()
        self.folder = self.root / ".proxypypi" / "decisions" / "tokens"
        self.store = TokenStore.of(self.root)

    def damage(self, content: bytes) -> Path:
        """
        All records there are.
        """
        for path in self.folder.iterdir():
            path.write_bytes(content)
        return path

    def test_found(self) -> None:
        """
        By its secret, just as it was made; another process does, too.
        """
        secret = self.store.add(CI)
        other = self.store.add(Token(name="other", created_at=6.0))
        self.assertEqual(CI, TokenStore.of(self.root).find(secret))
        self.assertEqual(Token(name="other", created_at=6.0), self.store.find(other))
        for wrong in ("", secret[:-1], secret.upper(), f"{secret} ", "../x", "ci"):
            self.assertIsNone(self.store.find(wrong))

    def test_secret(self) -> None:
        """
        256 random bits, known by how they begin, and on disk in no form to be used.
        """
        secrets = {self.store.add(Token(name=str(i), created_at=0)) for i in range(50)}
        self.assertEqual(50, len(secrets))
        for secret in secrets:
            self.assertIsNotNone(re.fullmatch(r"proxypypi-[\w-]{43}", secret), secret)
        kept = b"".join(
            p.name.encode() + p.read_bytes() for p in self.folder.iterdir()
        ).decode()
        for secret in secrets:
            self.assertNotIn(secret.removeprefix("proxypypi-"), kept)

    def test_no_tokens(self) -> None:
        """
        It is no error that there are none.
        """
        self.assertIsNone(self.store.find("x"))
        self.assertEqual({}, self.store.all().intact)
        self.assertFalse(self.store.revoke("ci"))

    def test_names(self) -> None:
        """
        No two have one name, until the first is revoked.
        """
        first = self.store.add(CI)
        with self.assertRaises(TokenExists):
            self.store.add(CI)
        self.assertTrue(self.store.revoke("ci"))
        self.assertFalse(self.store.revoke("ci"))
        self.assertIsNone(self.store.find(first))
        self.assertEqual(CI, self.store.find(self.store.add(CI)))
        self.assertEqual([CI], list(self.store.all().intact.values()))

    def test_expires(self) -> None:
        """
        At its time, if it has one.
        """
        for now, expected in ((9.4, False), (9.5, True)):
            self.assertIs(expected, CI.has_expired(now))
        self.assertFalse(Token(name="a", created_at=0.0).has_expired(1e12))

    def test_damaged(self) -> None:
        """
        A damaged one grants nothing, and is told from those that are well.
        """
        secret = self.store.add(CI)
        for content in (
            b"",
            b"\xff",
            b"[" * 5000,
            b'{"format": 1}',
            b'{"format":2,"name":"ci","user":"","may_upload":true,"projects":[],'
            b'"created_at":1,"expires_at":null}',
        ):
            path = self.damage(content)
            with self.assertRaises(DamagedRecord):
                self.store.find(secret)
            found = self.store.all()
            self.assertEqual({}, found.intact)
            self.assertEqual([str(path)], [e.path for e in found.damaged])
            with capturedLogs() as events:
                self.store.check()
            (said,) = map(formatEvent, events)
            self.assertIn(f"a token is of no use, {path} is damaged", said)

    def test_other_files(self) -> None:
        """
        What else lies there is left alone.
        """
        self.folder.mkdir(parents=True)
        for name in ("x.json", ".abc.tmp", "note.txt", "0" * 64):
            (self.folder / name).touch()
        (self.folder / f"{'0' * 63}g.json").touch()
        found = self.store.all()
        self.assertEqual(({}, []), (found.intact, found.damaged))
