"""
Tests for :mod:`proxypypi.kinds`.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timezone
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from twisted.trial.unittest import SynchronousTestCase

from proxypypi import kinds
from proxypypi.errors import BadSettings
from proxypypi.kinds import Kind, duration, flag, shown, size

ALL = {name: k for name, k in vars(kinds).items() if isinstance(k, Kind)}

HUGE = 1 << 100_000  # which Python does not even print

POWERS = {
    "": 1,
    "k": 1000,
    "M": 1000**2,
    "G": 1000**3,
    "T": 1000**4,
    "Ki": 1024,
    "Mi": 1024**2,
    "Gi": 1024**3,
    "Ti": 1024**4,
}

texts = (
    st.text()
    | st.from_regex(r"\A[0-9.+-]{0,5} ?[kmgtKMGT]?[iI]?[bB]?\Z")
    | st.from_regex(r"\A[0-9.e+-]{0,5} ?[smhdSMHD]?\Z")
    | st.floats().map(repr)
)


class SizeTests(SynchronousTestCase):
    def test_good(self) -> None:
        """
        Bytes, or a number with a unit, in any case, with a B or without.
        """
        cases = [
            *(("0", 0), ("1", 1), ("007", 7), ("12b", 12), ("12 B", 12)),
            *(("1k", 1000), ("1kB", 1000), ("1KB", 1000), ("1kb", 1000)),
            *(("1KiB", 1024), ("1ki", 1024), ("1KIB", 1024)),
            *(("500MB", 500_000_000), ("500 MB", 500_000_000), ("1MiB", 1 << 20)),
            *(("2GB", 2_000_000_000), ("2GiB", 2 << 30), ("2g", 2_000_000_000)),
            *(("3TB", 3 * 10**12), ("3TiB", 3 << 40), ("7.9TiB", 8686141859430)),
            *(("1.5GB", 1_500_000_000), ("0.5KiB", 512), ("0.1KiB", 102)),
            (str((1 << 63) - 1), (1 << 63) - 1),
        ]
        for text, value in cases:
            self.assertEqual(value, size(text), text)

    def test_bad(self) -> None:
        """
        What is no size is refused, with the value and what it should look like.
        """
        for text in (
            *("", " ", "much", "-1", "+1", "1.5", "1.5B", "1e3", "GB", ".5GB", "5.GB"),
            *("1 0", "1,5GB", "1PB", "1GBB", "1Gbit", "1kiBB", "0x10", "1_000"),
            *("1GB\n", "\u0661", "1\u212a", "nan", "inf", "9" * 5000, "9" * 21),
        ):
            with self.assertRaises(BadSettings, msg=text) as caught:
                size(text)
            self.assertIn(repr(text), str(caught.exception))
            self.assertIn("GiB", str(caught.exception))
        for text in (str(1 << 63), "9999999999TB"):
            with self.assertRaises(BadSettings, msg=text) as caught:
                size(text)
            self.assertIn("more bytes than", str(caught.exception))

    @given(
        st.integers(0, 1 << 22),
        st.sampled_from(sorted(POWERS)),
        st.sampled_from(["", " "]),
        st.sampled_from(["", "B"]),
        st.sampled_from([str, str.lower, str.upper, str.swapcase]),
    )
    def test_arithmetic(
        self, number: int, unit: str, gap: str, b: str, case: Callable[[str], str]
    ) -> None:
        """
        A number and a unit are their product.
        """
        text = f"{number}{gap}{case(unit + b)}"
        self.assertEqual(number * POWERS[unit], size(text), text)

    @given(texts)
    def test_nothing_but_bad_settings(self, text: str) -> None:
        """
        Whatever it is given, it refuses properly, or it is a size a file can have.
        """
        try:
            value = size(text)
        except BadSettings:
            return
        self.assertTrue(0 <= value < 1 << 63, text)


class DurationTests(SynchronousTestCase):
    def test_good(self) -> None:
        """
        Seconds, or a number with a unit.
        """
        cases = [
            *(("0", 0.0), ("600", 600.0), ("0.5", 0.5), ("1e3", 1000.0)),
            *(("0s", 0.0), ("5s", 5.0), ("5 s", 5.0), ("30m", 1800.0)),
            *(("12h", 43200.0), ("1.5h", 5400.0), ("7d", 604800.0)),
            *(("0.001s", 0.001), ("100000d", 8.64e9)),
        ]
        for text, value in cases:
            self.assertEqual(value, duration(text), text)

    def test_bad(self) -> None:
        """
        What is no time is refused, with the value and what it should look like.
        """
        for text in (
            *("", " ", "soon", "d", "-1d", "+1d", "1e3s", "1w", "7D", "5M", "1ms"),
            *("1d12h", "1 0s", "1,5h", ".5h", "infs", "nand", "inf", "nan", "-1"),
            *("1\nd", "7d\n", "\u0661d", "9" * 5000 + "d", "999999d", "1e10"),
        ):
            with self.assertRaises(BadSettings, msg=text) as caught:
                duration(text)
            self.assertIn(repr(text), str(caught.exception))
            self.assertIn("s, m, h or d", str(caught.exception))

    @given(
        st.integers(0, 100_000),
        st.sampled_from([("s", 1), ("m", 60), ("h", 3600), ("d", 86400)]),
    )
    def test_arithmetic(self, number: int, unit: tuple[str, int]) -> None:
        """
        A number and a unit are their product.
        """
        letter, factor = unit
        self.assertEqual(number * factor, duration(f"{number}{letter}"))
        self.assertEqual(number * factor / 2, duration(f"{number / 2}{letter}"))

    @given(texts)
    def test_nothing_but_bad_settings(self, text: str) -> None:
        """
        Whatever it is given, it refuses properly, or it is a time one can wait.
        """
        try:
            value = duration(text)
        except BadSettings:
            return
        self.assertTrue(0.0 <= value < 1e10, text)


class FlagTests(SynchronousTestCase):
    def test_flags(self) -> None:
        """
        There are three ways to say each.
        """
        for text in ("true", "True", "TRUE", "yes", "1"):
            self.assertIs(True, flag(text), text)
        for text in ("false", "False", "no", "NO", "0"):
            self.assertIs(False, flag(text), text)
        for text in ("", "on", "off", "y", "2", "none", " true"):
            with self.assertRaises(BadSettings, msg=text) as caught:
                flag(text)
            self.assertIn(repr(text), str(caught.exception))
            self.assertIn("true, false, yes, no, 1, 0", str(caught.exception))


class KindTests(SynchronousTestCase):
    def test_good(self) -> None:
        """
        What is read of text, and of what TOML makes of numbers and dates.
        """
        noon = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
        cases: list[tuple[Kind, object, object]] = [
            (kinds.FLAG, True, True),
            (kinds.FLAG, 0, False),
            (kinds.FLAG, "yes", True),
            (kinds.PORT, 8000, 8000),
            (kinds.PORT, "8000", 8000),
            (kinds.SECONDS, 600, 600.0),
            (kinds.SECONDS, 0.5, 0.5),
            (kinds.SECONDS, 1e-7, 1e-7),
            (kinds.DURATION, 600, 600.0),
            (kinds.DURATION, "7d", 604800.0),
            (kinds.SIZE, 500, 500),
            (kinds.SIZE, "1kB", 1000),
            (kinds.STATUS, 403, 403),
            (kinds.DIRECTORY, "a b", Path("a b")),
            (kinds.TEXT, "G\u00fcnter's index", "G\u00fcnter's index"),
            (kinds.SECRET, " \n", " \n"),
            (kinds.GLOB, "Torch_*", "torch-*"),
            (kinds.GLOB, "a.B__c", "a-b-c"),
            (kinds.GLOB, "acme-[a-c]?", "acme-[a-c]?"),
            (kinds.PROJECT, "Zope.Interface", "zope-interface"),
            (kinds.VERSION, "1.0", Version("1.0")),
            (kinds.SHA256, "AB" * 32, "ab" * 32),
            (kinds.INSTANT, "1970-01-01", 86400.0),
            (kinds.INSTANT, date(1970, 1, 1), 86400.0),
            (kinds.INSTANT, "1970-01-01T01:00:00+01:00", 0.0),
            (kinds.INSTANT, "1970-01-01t00:00:01z", 1.0),
            (kinds.INSTANT, "1970-01-01 00:00:01", 1.0),
            (kinds.INSTANT, noon, noon.timestamp()),
            (kinds.INSTANT, noon.replace(tzinfo=None), noon.timestamp()),
        ]
        for kind, value, expected in cases:
            got = kind.read(value)
            self.assertEqual((expected, type(expected)), (got, type(got)), repr(value))

    def test_bad(self) -> None:
        """
        What is not of a kind is refused in a sentence that says what would be.
        """
        cases: list[tuple[Kind, object, str]] = [
            (kinds.FLAG, 2, "'2' is not one of true, false"),
            (kinds.FLAG, 1.0, "1.0 is not one of true, false"),
            (kinds.FLAG, HUGE, "a huge number is not one of"),
            (kinds.PORT, True, "True is not a port"),
            (kinds.PORT, 80.0, "80.0 is not a port"),
            (kinds.PORT, -1, "'-1' is not a port"),
            (kinds.PORT, [80], "[80] is not a port"),
            (kinds.SECONDS, HUGE, "a huge number is not a number of seconds"),
            (kinds.SECONDS, float("inf"), "seconds, such as 600"),
            (kinds.SECONDS, False, "False is not a number of seconds"),
            (kinds.SIZE, 1.5, "1.5 is not a number of bytes"),
            (kinds.STATUS, 500, "'500' is not an HTTP status from 400 to 499"),
            (kinds.STATUS, "no", "'no' is not an HTTP status"),
            (kinds.DIRECTORY, 1, "1 is not a path"),
            (kinds.DIRECTORY, "", "'' is not a path"),
            (kinds.DIRECTORY, "a\0b", "is not a path"),
            (kinds.DIRECTORY, "http://me:b@a/", "'http://***@a/' is not a path, but"),
            (kinds.FILE, "https://b@a/", "'https://***@a/' is not a path, but an addr"),
            (kinds.TEXT, " ", "' ' is not some text"),
            (kinds.TEXT, "a\nb", "is not some text"),
            (kinds.TEXT, {"a": 1}, "a table is not some text"),
            (kinds.SECRET, 271828, "this is not text"),
            (kinds.SECRET, "", "it is empty"),
            (kinds.ENDPOINT, 8000, "8000 is not a server endpoint, such as 'tcp:8000:"),
            (kinds.GLOB, "a b", "'a b' is not a glob"),
            (kinds.GLOB, "", "'' is not a glob"),
            (kinds.GLOB, "!a", "'!a' is not a glob"),
            (kinds.PROJECTS, "!", "'' is not a glob"),
            (kinds.PROJECTS, "!!a", "'!a' is not a glob"),
            (kinds.FILE_HOST, "a/b", "'a/b' is no file host"),
            (kinds.PROJECT, "-a", "'-a' is not a project name"),
            (kinds.VERSION, "one", "'one' is not a version"),
            (kinds.VERSION, 1.0, "1.0 is not a version"),
            (kinds.VERSION, "9" * 5000, "is not a version"),
            (kinds.SHA256, "ab", "'ab' is not a sha256"),
            (kinds.INSTANT, "soon", "'soon' is not a date"),
            (kinds.INSTANT, "2026-02-30", "'2026-02-30' is not a date"),
            (kinds.INSTANT, "9999-12-31", "'9999-12-31' is not a date"),
            (kinds.INSTANT, "2026-W01-1", "is not a date"),
            (kinds.INSTANT, "2026-01-01T", "is not a date"),
            (kinds.INSTANT, time(12), "12:00:00 is not a date"),
            (kinds.INDEX, 5, "5 is not an index address"),
        ]
        for kind, value, words in cases:
            with self.assertRaises(BadSettings, msg=words) as caught:
                kind.read(value)
            self.assertIn(words, str(caught.exception))

    def test_nothing_secret(self) -> None:
        """
        No kind shows credentials, wherever they were put by mistake.
        """
        for name, kind in ALL.items():
            for value in (
                *("https://me:hunter2@index.example/?a", "me:hunter2@ \n"),
                *(["hunter2"], {"hunter2": 1}),
            ):
                try:
                    kind.read(value)
                except BadSettings as e:
                    self.assertNotIn("hunter2", str(e), f"{name} {value!r}")
                    self.assertEqual(1, len(str(e).splitlines()), f"{name} {value!r}")

    @given(st.sampled_from(sorted(ALL)), st.text() | st.integers() | st.floats())
    def test_nothing_but_bad_settings(self, name: str, value: Any) -> None:
        """
        Whatever a kind is given, it reads it, or refuses in one line.
        """
        try:
            ALL[name].read(value)
        except BadSettings as e:
            self.assertFalse(re.search(r"[\r\n]", str(e)), str(e))

    def test_shown(self) -> None:
        """
        What messages say of a value.
        """
        cases: list[tuple[object, str]] = [
            ("a", "'a'"),
            ("https://me:secret@a.example/", "'https://***@a.example/'"),
            *((5, "5"), (HUGE, "a huge number"), ([1], "[1]"), ({}, "a table")),
            (["a", 1, [2], {}, HUGE, 6], "['***', 1, [...], a table, a huge number]"),
        ]
        for value, said in cases:
            self.assertEqual(said, shown(value), said)
