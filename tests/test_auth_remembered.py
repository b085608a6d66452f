"""
Tests for :mod:`proxypypi.auth.remembered`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.auth.remembered import Remembered
from proxypypi.model import User

BOB = User(name="bob")


class RememberedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.remembered = Remembered()

    def test_for_a_while(self) -> None:
        """
        Until then, and for what was said alone.
        """
        digest = self.remembered.digest(b"Basic x")
        self.remembered.keep(digest, BOB, 10.0)
        self.assertEqual(BOB, self.remembered.get(digest, 9.9))
        self.assertIsNone(self.remembered.get(digest, 10.0))
        other = self.remembered.digest(b"Basic y")
        self.assertIsNone(self.remembered.get(other, 1.0))
        self.remembered.doubt()
        self.assertIsNone(self.remembered.get(digest, 1.0))

    def test_was_right(self) -> None:
        """
        That is known for longer, also when it has to be found out again.
        """
        digest = self.remembered.digest(b"Basic x")
        self.assertFalse(self.remembered.was_right(digest))
        self.remembered.keep(digest, BOB, 10.0)
        self.remembered.doubt()
        self.assertTrue(self.remembered.was_right(digest))
        other = self.remembered.digest(b"Basic y")
        self.assertFalse(self.remembered.was_right(other))

    def test_what_was_said_is_not_there(self) -> None:
        """
        Neither as it was, nor as another process would have it.
        """
        digest = self.remembered.digest(b"Basic hunter2")
        self.remembered.keep(digest, BOB, 10.0)
        self.assertNotIn("hunter2", repr(self.remembered))
        self.assertNotEqual(digest, Remembered().digest(b"Basic hunter2"))

    def test_bounded(self) -> None:
        """
        The oldest goes when there are too many.
        """
        digests = [self.remembered.digest(b"%d" % i) for i in range(1500)]
        for digest in digests:
            self.remembered.keep(digest, BOB, 10.0)
        self.assertEqual(1000, len(self.remembered))
        self.assertIsNone(self.remembered.get(digests[0], 1.0))
        self.assertEqual(BOB, self.remembered.get(digests[-1], 1.0))
