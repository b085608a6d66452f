"""
Tests for :mod:`proxypypi.rules.eviction`.
"""

from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.model import FileFacts
from proxypypi.names import normalize
from proxypypi.rules.eviction import (
    ALL,
    YOUNG,
    Kind,
    Pins,
    Stored,
    counted,
    kind_of,
    last_use,
    surplus,
    unused,
)

NOW = 1_000_000.0
INDEX = "http://index.example/simple/"

FACTS = FileFacts(
    size=1,
    modified_at=1,
    inode=1,
    changed_at=1,
    hashes={"sha256": "5f"},
    seen_at=0.0,
    origin=INDEX,
)


def stored(filename: str, size: int = 10, idle: float = 1000.0, **more: Any) -> Stored:
    """
    :param idle: seconds since its last use.
    """
    name = normalize(more.pop("name", "demo"))
    return Stored(name=name, filename=filename, size=size, used_at=NOW - idle, **more)


def names(files: list[Stored]) -> str:
    return " ".join(file.filename for file in files)


class SurplusTests(SynchronousTestCase):
    def test_table(self) -> None:
        """
        The least recently used go, down to a little below what is allowed; what is
        private does not count, and what is pinned, young or the last there is, stays.
        """
        a, b, c = stored("a", 10, 300), stored("b", 20, 200), stored("c", 70, 100)
        pinned = replace(a, kind=Kind.PINNED)
        last = replace(a, kind=Kind.LAST)
        private = replace(a, kind=Kind.PRIVATE)
        young = replace(a, used_at=NOW - YOUNG + 1)
        for files, most, spare, expected in (
            ([], 0, 0, ""),
            ([c, b, a], None, 0, ""),
            ([c, b, a], 100, 0, ""),
            ([c, b, a], 99, 0, "a"),
            ([c, b, a], 94, 0, "a b"),
            ([c, b, a], 0, 0, "a b c"),
            ([private, b, c], 90, 0, ""),
            ([private, b, c], 89, 0, "b"),
            ([pinned, b, c], 99, 0, "b"),
            ([last, b, c], 99, 0, "b"),
            ([young, b, c], 99, 0, "b"),
            ([young, last, pinned, private], 0, 0, ""),
            ([a, b, c], None, 1, "a"),
            ([a, b, c], None, 11, "a b"),
            ([a, b, c], 99, 11, "a b"),
            ([a, b, c], 60, 1, "a b c"),
            ([a, b, c], 1000, 1000, "a b c"),
        ):
            case = (names(files), most, spare)
            self.assertEqual(expected, names(surplus(files, NOW, most, spare)), case)

    def test_equally_old(self) -> None:
        """
        Those that were used at the same moment go in the order they are in.
        """
        files = [stored("b"), stored("a"), stored("c", idle=2000), stored("d")]
        self.assertEqual("c b a d", names(surplus(files, NOW, 0)))

    @given(
        st.lists(
            st.builds(
                Stored,
                name=st.sampled_from([normalize("one"), normalize("two")]),
                filename=st.text("abc", min_size=1),
                size=st.integers(0, 100),
                used_at=st.floats(NOW - 300, NOW),
                kind=st.sampled_from(Kind),
            ),
            unique_by=lambda file: (file.name, file.filename),
        ),
        st.integers(0, 1000),
        st.integers(0, 100),
    )
    def test_any(self, files: list[Stored], most: int, spare: int) -> None:
        """
        What goes may go, and is needed; nothing that stays could go before it. If that
        is not enough, nothing else could.
        """
        going = surplus(files, NOW, most, spare)
        staying = [file for file in files if file not in going]
        able = [f for f in staying if f.kind is Kind.CACHED and NOW - f.used_at >= 60]
        freed = counted(going)
        for file in going:
            self.assertIs(Kind.CACHED, file.kind)
            self.assertGreaterEqual(NOW - file.used_at, YOUNG)
            self.assertLessEqual(file.used_at, min([f.used_at for f in able] or [NOW]))
        if able:
            self.assertLessEqual(counted(staying), most)
            self.assertGreaterEqual(freed, spare)
        if counted(files) <= most:
            self.assertLess(freed - (going[-1].size if going else 0), max(spare, 1))


class UnusedTests(SynchronousTestCase):
    def test_table(self) -> None:
        """
        All that were not used since a moment, the oldest first, whatever their size.
        """
        a, b, c = stored("a", 10, 300), stored("b", 20, 200), stored("c", 70, 100)
        pinned = replace(a, kind=Kind.PINNED)
        for files, idle, expected in (
            ([c, b, a], 0, "a b c"),
            ([c, b, a], 100, "a b"),
            ([c, b, a], 199, "a b"),
            ([c, b, a], 400, ""),
            ([c, b, pinned], 0, "b c"),
            ([replace(a, used_at=NOW - 5)], 0, ""),
        ):
            going = unused(files, NOW, NOW - idle)
            self.assertEqual(expected, names(going), (names(files), idle))


class KindTests(SynchronousTestCase):
    def test_table(self) -> None:
        """
        Only what its index lists still, and is asked for, can go; what is not known yet
        is as good as private.
        """
        its, others = {INDEX, "http://x.example/"}, {"http://x.example/"}
        for facts, asked, expected in (
            (FACTS, its, Kind.CACHED),
            (FACTS, others, Kind.LAST),
            (FACTS, (), Kind.LAST),
            (evolve(FACTS, missed_at=5.0), its, Kind.LAST),
            (evolve(FACTS, origin=None), its, Kind.PRIVATE),
            (None, its, Kind.PRIVATE),
        ):
            self.assertIs(expected, kind_of(facts, asked), (facts, expected))


class LastUseTests(SynchronousTestCase):
    def test_table(self) -> None:
        """
        It is the latest moment that is known, and not that of a clock that was wrong.
        """
        for moments, expected in (
            ((None, 5.0, 3.0), 5.0),
            ((7.0, None, 3.0), 7.0),
            ((NOW + 1, 3.0), NOW + 1),
            ((NOW + 3_601, 3.0), 3.0),
            ((NOW + 3_601,), 0.0),
            ((), 0.0),
            ((NOW,), NOW),
        ):
            self.assertEqual(expected, last_use(NOW, *moments), moments)


class PinsTests(SynchronousTestCase):
    def test_table(self) -> None:
        """
        Projects are pinned with all their files, files by themselves, by globs too.
        """
        file = stored("demo-1.0-py3-none-any.whl")
        for pins, expected in (
            (Pins(), False),
            (Pins(projects=("demo",)), True),
            (Pins(projects=("dem",)), False),
            (Pins(projects=("x", "d*")), True),
            (Pins(files=("demo-1.0-py3-none-any.whl",)), True),
            (Pins(files=("demo-1.*.whl",)), True),
            (Pins(files=("demo-2.*.whl", "demo")), False),
            (ALL, True),
        ):
            self.assertIs(expected, pins.hold(file), pins)
