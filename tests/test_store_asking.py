"""
Tests for :mod:`proxypypi.store.asking`.
"""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.rules.asking import Asking
from proxypypi.store.asking import AskingStore

ASKING = Asking(
    indexes={"https://one.example/": ("*",), "https://two.example/": ("a-*", "!a-b")},
    refused=("acme-*",),
)


class AskingStoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).resolve()
        self.store = AskingStore.of(self.root)
        self.record = self.root / ".proxypypi" / "cache" / "asking" / "record.json"

    def test_kept(self) -> None:
        """
        The last that was said is known to whoever asks; before, nothing is.
        """
        self.assertIsNone(self.store.load())
        for asking in (ASKING, Asking()):
            self.store.save(asking)
            self.assertEqual(asking, AskingStore.of(self.root).load())

    def test_damaged(self) -> None:
        """
        Where it cannot be read, nobody counts as asked.
        """
        self.store.save(ASKING)
        whole = self.record.read_bytes()
        for content in (b"", whole[:-3], b"[]", whole.replace(b"1", b"2", 1), b"\xff"):
            self.record.write_bytes(content)
            self.assertEqual(Asking(), self.store.load(), content)
        self.record.unlink()
        self.record.symlink_to(self.record)
        self.assertEqual(Asking(), self.store.load())
