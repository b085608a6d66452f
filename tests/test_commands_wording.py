"""
Tests for :mod:`proxypypi.commands.wording`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.commands.wording import moment, one_line, told
from proxypypi.model import Finding


class WordingTests(SynchronousTestCase):
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
