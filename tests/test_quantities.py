"""
Tests for :mod:`proxypypi.quantities`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.quantities import amount, plural


class QuantitiesTests(SynchronousTestCase):
    def test_counts(self) -> None:
        """
        There is one of a thing, or there are several, or none.
        """
        said = [plural(n, "file") for n in (0, 1, 2)]
        self.assertEqual(["0 files", "1 file", "2 files"], said)
        self.assertEqual("200,000 files", plural(200_000, "file"))

    def test_amounts(self) -> None:
        """
        So many bytes are told in the unit that fits, be it by being rounded up to it.
        """
        for size, said in (
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (1_749_000, "1.7 MB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (2_500_000_000, "2.5 GB"),
            (3 * 10**12, "3.0 TB"),
            (4 * 10**18, "4,000.0 PB"),
        ):
            self.assertEqual(said, amount(size), size)
