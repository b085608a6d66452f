"""
Tests for :mod:`proxypypi.store.attestations`.
"""

from pathlib import Path

from msgspec import Raw
from twisted.internet.defer import maybeDeferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.interfaces import IAttestations
from proxypypi.names import normalize
from proxypypi.store.attestations import AttestationStore

NAME = normalize("demo")
A, B = "a" * 64, "b" * 64


class AttestationStoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.decisions = Path(self.mktemp())
        self.store = AttestationStore(self.decisions, maybeDeferred)

    def test_interface(self) -> None:
        verifyObject(IAttestations, self.store)

    def test_kept(self) -> None:
        """
        They are given back as they are, and known by the file's digest.
        """
        self.assertEqual(frozenset(), self.successResultOf(self.store.digests(NAME)))
        self.assertEqual((), self.successResultOf(self.store.load(NAME, A)))
        kept = (Raw(b'{"a": 1}'), Raw(b"[]"))
        self.successResultOf(self.store.keep(NAME, A, kept))
        loaded = self.successResultOf(self.store.load(NAME, A))
        self.assertEqual([b'{"a": 1}', b"[]"], [bytes(each) for each in loaded])
        self.assertEqual({A}, self.successResultOf(self.store.digests(NAME)))
        self.assertEqual((), self.successResultOf(self.store.load(NAME, B)))

    def test_damaged(self) -> None:
        """
        A damaged record is none, and reported.
        """
        folder = self.decisions / "attestations" / "demo"
        folder.mkdir(parents=True)
        for content in (b"", b"{", b'{"format": 9, "attestations": []}'):
            (folder / f"{A}.json").write_bytes(content)
            self.assertEqual((), self.successResultOf(self.store.load(NAME, A)))
