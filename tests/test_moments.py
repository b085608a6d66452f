"""
Tests for :mod:`proxypypi.moments`.
"""

from math import inf

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.moments import LATEST, parse_moment, render_second


class ParseTests(SynchronousTestCase):
    def test_good(self) -> None:
        """
        All that RFC 3339 allows, on every Python.
        """
        for text, expected in [
            ("1970-01-01T00:00:00Z", 0.0),
            ("1970-01-01t00:00:01z", 1.0),
            ("1970-01-01 00:00:01Z", 1.0),
            ("1970-01-01T01:00:00+01:00", 0.0),
            ("1969-12-31T23:30:00-00:30", 0.0),
            ("1970-01-01T00:00:00.5Z", 0.5),
            ("1970-01-01T00:00:00.1234Z", 0.1234),
            ("1970-01-01T00:00:00.1234569Z", 0.123456),
            ("9999-12-31T23:59:59+00:00", LATEST),
        ]:
            self.assertEqual(expected, parse_moment(text), text)

    def test_bad(self) -> None:
        """
        A time without its offset could be anybody's.
        """
        for text in [
            *("", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00Z"),
            *("2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "20260101T000000Z"),
            *("2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00.Z", "2026-W01-1"),
            *("2026-01-01T00:00:00Z\n", "\u0662026-01-01T00:00:00Z"),
        ]:
            with self.assertRaises(ValueError, msg=text):
                parse_moment(text)


class RenderTests(SynchronousTestCase):
    def test_render(self) -> None:
        """
        What is to happen at a moment has happened by the second that is named.
        """
        for moment, expected in [
            (0.0, "1970-01-01T00:00:00Z"),
            (0.001, "1970-01-01T00:00:01Z"),
            (1_700_000_000.0, "2023-11-14T22:13:20Z"),
            (LATEST + 1.0, "9999-12-31T23:59:59Z"),
            (inf, "9999-12-31T23:59:59Z"),
        ]:
            self.assertEqual(expected, render_second(moment), moment)

    @given(st.integers(0, LATEST))
    def test_round_trip(self, second: int) -> None:
        """
        A second that is written is the same when it is read.
        """
        self.assertEqual(second, parse_moment(render_second(second)))
