"""
Tests for :mod:`proxypypi.quantities`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.quantities import amount, plural


class QuantitiesTests(SynchronousTestCase):
    def test_plural(self) -> None:
        """
        One is one, all else are many.
        """
        for count, said in ((0, "0 files"), (1, "1 file"), (2_000, "2,000 files")):
            self.assertEqual(said, plural(count, "file"))

    def test_amount(self) -> None:
        """
        A size is told in the unit that it fits.
        """
        for size, said in (
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (999_960, "1.0 MB"),
            (2_540_000, "2.5 MB"),
            (3_000_000_000, "3.0 GB"),
            (5 * 10**18, "5,000.0 PB"),
        ):
            self.assertEqual(said, amount(size))
