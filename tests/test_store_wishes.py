"""
Tests for :mod:`proxypypi.store.wishes`.
"""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.interfaces import IWishes
from proxypypi.names import normalize
from proxypypi.store.wishes import Wishes

DEMO = normalize("demo")


class WishesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        self.root.mkdir()
        self.wishes = Wishes.of(self.root)

    def test_taken_once(self) -> None:
        """
        A wish is told once, however often it was made.
        """
        verifyObject(IWishes, self.wishes)
        self.assertFalse(self.wishes.take(DEMO))
        for _ in range(2):
            Wishes.of(self.root).make(DEMO)
        self.assertFalse(self.wishes.take(normalize("other")))
        self.assertTrue(self.wishes.take(DEMO))
        self.assertFalse(self.wishes.take(DEMO))

    def test_kinds(self) -> None:
        """
        A wish to read anew what is on disk is none to fetch it anew.
        """
        rereads = Wishes.to_reread(self.root)
        rereads.make(DEMO)
        self.assertFalse(self.wishes.take(DEMO))
        self.assertTrue(rereads.take(DEMO))

    def test_damage(self) -> None:
        """
        What is no wish is none, and no error.
        """
        folder = self.root / ".proxypypi" / "cache" / "refresh"
        (folder / "demo").mkdir(parents=True)
        self.assertFalse(self.wishes.take(DEMO))
        (folder / "demo").rmdir()
        folder.rmdir()
        folder.write_bytes(b"")
        self.assertFalse(self.wishes.take(DEMO))
        with self.assertRaises(OSError):
            self.wishes.make(DEMO)
