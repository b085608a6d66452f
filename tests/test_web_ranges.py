"""
Tests for :mod:`proxypypi.web.ranges`.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import RangeNotSatisfiable
from proxypypi.web.ranges import ByteRange, parse_range


class ParseRangeTests(SynchronousTestCase):
    def test_one_range(self) -> None:
        """
        One range of bytes is understood, in any case and with blanks around it.
        """
        for header, expected in {
            "bytes=0-0": ByteRange(0, 0),
            "bytes=5-9": ByteRange(5, 9),
            "bytes=5-": ByteRange(5, None),
            "bytes=-5": ByteRange(None, 5),
            "bytes=-0": ByteRange(None, 0),
            "Bytes=0-": ByteRange(0, None),
            "bytes= \t5-9 ": ByteRange(5, 9),
        }.items():
            self.assertEqual(expected, parse_range(header), header)

    def test_all_else_is_the_whole_file(self) -> None:
        """
        Several ranges, other units and nonsense mean the same as no header.
        """
        for header in (
            *(None, "", "bytes", "bytes=", "bytes=-", "bytes=9-5", "lines=0-5"),
            *("bytes=0-1,5-9", "bytes=0-1, 0-1", "bytes=a-b", "bytes=1-2-3"),
            *("bytes=--5", "bytes=+1-5", "bytes=\u0665-9", f"bytes={'9' * 19}-"),
            *("xbytes=0-1", "bytes=0-1x", "bytes=0-1\n"),
        ):
            self.assertIsNone(parse_range(header), repr(header))

    def test_is_open(self) -> None:
        """
        Open is what goes on to the end from a given byte.
        """
        for header, is_open in {
            "5-": True,
            "0-": True,
            "5-9": False,
            "-5": False,
        }.items():
            wanted = parse_range(f"bytes={header}")
            assert wanted is not None
            self.assertEqual(is_open, wanted.is_open, header)


class WithinTests(SynchronousTestCase):
    def test_bytes_there_are(self) -> None:
        """
        What lies beyond the end is left out.
        """
        for first, last, size, expected in [
            (0, 0, 10, (0, 1)),
            (5, 9, 10, (5, 10)),
            (5, 99, 10, (5, 10)),
            (5, None, 10, (5, 10)),
            (9, None, 10, (9, 10)),
            (None, 3, 10, (7, 10)),
            (None, 99, 10, (0, 10)),
        ]:
            found = ByteRange(first, last).within(size)
            self.assertEqual(expected, found, (first, last, size))

    def test_no_byte(self) -> None:
        """
        A range without any byte of the file says how many there are.
        """
        for first, last, size in [
            (10, None, 10),
            (10, 12, 10),
            (None, 0, 10),
            (0, None, 0),
            (None, 5, 0),
        ]:
            error = self.assertRaises(
                RangeNotSatisfiable, ByteRange(first, last).within, size
            )
            self.assertEqual(size, error.size, (first, last, size))

    @given(
        st.integers(0, 30) | st.none(),
        st.integers(0, 30) | st.none(),
        st.integers(0, 20),
    )
    def test_as_slices_do(self, first: int | None, last: int | None, size: int) -> None:
        """
        A range is the slice of the file that the specification describes.
        """
        spelt = f"bytes={'' if first is None else first}-{'' if last is None else last}"
        wanted = parse_range(spelt)
        if wanted is None:
            return
        content = bytes(range(size))
        if first is None:
            assert last is not None
            expected = content[-last:] if last else b""
        else:
            expected = content[first:] if last is None else content[first : last + 1]
        try:
            start, stop = wanted.within(size)
        except RangeNotSatisfiable:
            start = stop = 0
        self.assertEqual(expected, content[start:stop])
