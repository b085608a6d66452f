"""
Tests for :mod:`proxypypi.store.tally`.
"""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.store.tally import Count, Tally


class TallyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        self.tally = Tally.of(self.root)
        self.record = self.root / ".proxypypi" / "cache" / "tally" / "record.json"

    def test_nobody_has_counted(self) -> None:
        """
        Then what comes is not noted: it would only be a part.
        """
        self.assertIsNone(self.tally.read())
        self.assertIsNone(self.tally.add(5))
        self.assertFalse(self.root.exists())

    def test_added_to(self) -> None:
        """
        What was counted is added to by all processes.
        """
        self.assertEqual(Count(100, 7.0), self.tally.correct(100, None, 7.0))
        self.assertEqual(Count(105, 7.0), self.tally.add(5))
        self.assertEqual(Count(112, 7.0), Tally.of(self.root).add(7))
        self.assertEqual(Count(112, 7.0), self.tally.read())

    def test_what_came_meanwhile(self) -> None:
        """
        What came while all were counted is not lost; what was wrong before is.
        """
        self.tally.correct(100, None, 7.0)
        since = self.tally.read()
        self.tally.add(5)
        self.assertEqual(Count(35, 9.0), self.tally.correct(30, since, 9.0))
        self.assertEqual(Count(35, 9.0), self.tally.read())
        since = self.tally.read()
        self.tally.correct(20, None, 9.0)
        self.assertEqual(Count(50, 9.0), self.tally.correct(50, since, 9.0))

    def test_damaged(self) -> None:
        """
        A damaged record is as good as none: all are counted again.
        """
        for content in (
            b"",
            b"\0" * 50,
            b'{"format":1,"size":"x","counted_at":1}',
            b'{"format":2,"size":1,"counted_at":1}',
            b"[" * 100_000,
        ):
            self.tally.correct(100, None, 7.0)
            self.record.write_bytes(content)
            self.assertIsNone(self.tally.read(), content)
            self.assertIsNone(self.tally.add(1), content)
        self.tally.correct(100, None, 7.0)
        self.assertEqual(Count(101, 7.0), self.tally.add(1))
