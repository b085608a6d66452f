"""
Tests for :mod:`proxypypi.commands.wording`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.commands.wording import amount, moment, one_line, plural, told
from proxypypi.model import Finding


class WordingTests(SynchronousTestCase):
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

    def test_moments(self) -> None:
        """
        Times are those of RFC 3339, in UTC and to the second.
        """
        self.assertEqual("2023-11-14T22:13:20Z", moment(1_700_000_000.9))
        self.assertIsNone(moment(None))

    def test_one_line(self) -> None:
        """
        Whatever somebody wrote is a line, and moves no cursor.
        """
        self.assertEqual("a b c [2Jd", one_line("a\r\n b\tc\x1b[2Jd\n"))
        self.assertEqual("é", one_line("é"))

    def test_findings(self) -> None:
        """
        A finding is a line that begins with its grade, and ends with what to do.
        """
        found = Finding.error("a", "it is\nbroken", "mend it")
        self.assertEqual("error: a: it is broken; mend it", told(found))
        self.assertEqual("mended: a: it is broken", told(found, "mended"))
        self.assertEqual("ok: a: fine", told(Finding.ok("a", "fine")))
