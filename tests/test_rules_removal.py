"""
Tests for :mod:`proxypypi.rules.removal`.
"""

from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.model import Change, Distribution, Doubt, FileFacts, ProjectPage, Release
from proxypypi.names import normalize
from proxypypi.rules.removal import (
    are_strangers,
    doubtful,
    is_released,
    is_withheld,
    observe,
    weigh,
)

INDEX, OTHER = "https://index.example/simple/", "https://other.example/simple/"
ONE, TWO = "demo-1.0.tar.gz", "demo-2.0.tar.gz"
A, B = {"sha256": "5f" * 32}, {"sha256": "af" * 32}
DAY = 86_400.0
UPLOADED, UPLOADED_AT = "2026-01-02T03:04:05Z", 1_767_323_045.0


def page_of(*names: str, **said: Any) -> ProjectPage:
    files = tuple(
        Distribution(filename=name, url=name, hashes=A, upload_time=UPLOADED)
        for name in names
    )
    return ProjectPage(
        name=normalize("demo"), distributions=files, **{"index": INDEX, **said}
    )


def facts_of(**known: Any) -> FileFacts:
    facts: dict[str, Any] = {"hashes": A, "seen_at": 0.0, "origin": INDEX}
    return FileFacts(
        size=7, modified_at=11, inode=13, changed_at=17, **{**facts, **known}
    )


class DoubtfulTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        Doubtful is a list that is suddenly empty, or of an index's younger days.
        """
        cases: list[tuple[str, ProjectPage, ProjectPage, Change | None]] = [
            ("the same", page_of(ONE), page_of(ONE), None),
            ("more", page_of(ONE), page_of(ONE, TWO), None),
            ("fewer", page_of(ONE, TWO), page_of(ONE), None),
            ("others", page_of(ONE), page_of(TWO), None),
            ("none", page_of(ONE), page_of(), Change.EMPTY),
            ("none of another index", page_of(ONE), page_of(index=OTHER), Change.EMPTY),
            ("none as ever", page_of(), page_of(), None),
            ("none archived", page_of(ONE), page_of(status="archived"), Change.EMPTY),
            ("quarantine", page_of(ONE), page_of(status="quarantined"), None),
            (
                "quarantine with files, then none",
                page_of(ONE, status="quarantined"),
                page_of(),
                None,
            ),
            (
                "older, quarantined",
                page_of(ONE, last_serial=2),
                page_of(ONE, last_serial=1, status="quarantined"),
                None,
            ),
            (
                "older",
                page_of(ONE, last_serial=2),
                page_of(ONE, last_serial=1),
                Change.OLDER,
            ),
            (
                "same serial",
                page_of(ONE, last_serial=2),
                page_of(TWO, last_serial=2),
                None,
            ),
            ("newer", page_of(ONE, last_serial=2), page_of(ONE, last_serial=3), None),
            ("no serial now", page_of(ONE, last_serial=2), page_of(ONE), None),
            ("no serial before", page_of(ONE), page_of(ONE, last_serial=2), None),
            (
                "another index's serial",
                page_of(ONE, last_serial=2),
                page_of(ONE, last_serial=1, index=OTHER),
                None,
            ),
        ]
        for case, before, said, expected in cases:
            self.assertIs(expected, doubtful(before, said), case)


class WeighTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        What is said twice, a TTL apart, is believed; of a serial, a day apart.
        """
        cases: list[tuple[str, Doubt | None, Change, float, float, Doubt]] = []

        def case(
            name: str,
            before: tuple[Change, float, bool] | None,
            said: tuple[Change, float, float],
            expected: tuple[Change, float, bool],
        ) -> None:
            cases.append((name, doubt(before), *said, doubt(expected) or self.fail()))

        def doubt(of: tuple[Change, float, bool] | None) -> Doubt | None:
            return Doubt(change=of[0], since=of[1], believed=of[2]) if of else None

        gone, empty, older = Change.GONE, Change.EMPTY, Change.OLDER
        case("first", None, (gone, 1000, 600), (gone, 1000, False))
        case("soon", (gone, 1000, False), (gone, 1599, 600), (gone, 1000, False))
        case("a TTL on", (gone, 1000, False), (gone, 1600, 600), (gone, 1000, True))
        case("empty", (empty, 1000, False), (empty, 1600, 600), (empty, 1000, True))
        case("for good", (gone, 1000, True), (gone, 1001, 600), (gone, 1000, True))
        case("other", (gone, 1000, True), (empty, 9999, 600), (empty, 9999, False))
        case("wrong clock", (gone, 1000, False), (gone, 900, 600), (gone, 900, False))
        case("no TTL", (gone, 1000, False), (gone, 1000, 0), (gone, 1000, True))
        case("serial", (older, 1, False), (older, DAY, 600), (older, 1, False))
        case("a day on", (older, 1, False), (older, DAY + 1, 600), (older, 1, True))
        long = 3 * DAY
        case("long TTL", (older, 1, False), (older, DAY + 1, long), (older, 1, False))
        for name, before, change, now, ttl, expected in cases:
            self.assertEqual(expected, weigh(before, change, now, ttl), name)

    @given(
        st.lists(st.tuples(st.sampled_from(Change), st.floats(0, 1e5)), max_size=20),
        st.floats(1, 1e5),
    )
    def test_never_at_once(self, said: list[tuple[Change, float]], ttl: float) -> None:
        """
        Nothing is believed before it has been said, without a break, for a TTL.
        """
        doubt: Doubt | None = None
        now, since, last = 0.0, 0.0, None
        for change, pause in said:
            now += pause
            if change is not last:
                since, last = now, change
            doubt = weigh(doubt, change, now, ttl)
            self.assertEqual((change, since), (doubt.change, doubt.since))
            if doubt.believed:
                self.assertGreaterEqual(now - since, ttl)


class ObserveTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        What a refresh at 1000 makes of what is known of a file.
        """
        listed = facts_of(uploaded_at=UPLOADED_AT)
        missed = evolve(listed, missed_at=900.0)
        withdrawn = evolve(missed, missed_again=True)
        private = facts_of(origin=None)
        here, away = page_of(ONE), page_of(TWO)
        moved = page_of(ONE, index=OTHER)
        cases: list[tuple[str, FileFacts, ProjectPage | None, FileFacts | None]] = [
            ("listed", facts_of(), here, listed),
            ("of another index", facts_of(origin=OTHER), here, listed),
            ("listed by another", listed, moved, evolve(listed, origin=OTHER)),
            ("back at another", withdrawn, moved, evolve(listed, origin=OTHER)),
            ("another's other", evolve(listed, hashes=B), moved, None),
            ("missed", listed, away, evolve(listed, missed_at=1000.0)),
            ("gone", listed, None, evolve(listed, missed_at=1000.0)),
            ("missed again", missed, away, withdrawn),
            ("gone again", missed, None, withdrawn),
            ("the same refresh", evolve(missed, missed_at=1000.0), away, None),
            ("still away", withdrawn, away, withdrawn),
            ("back", withdrawn, here, listed),
            ("private", private, away, private),
            ("other bytes", evolve(withdrawn, hashes=B), here, None),
            ("other bytes at once", evolve(listed, hashes=B), here, None),
        ]
        for case, facts, page, expected in cases:
            found = observe(facts, page, ONE, 1000.0)
            self.assertEqual(expected or facts, found, case)


class IsReleasedTests(SynchronousTestCase):
    def test_table(self) -> None:
        """
        A release counts for that very file, and for what was known when it was given.
        """
        for missed_at, release, expected in (
            (None, None, False),
            (None, Release("5f", 1.0), True),
            (None, Release("af", 1.0), False),
            (5.0, Release("5f", 4.0), False),
            (5.0, Release("5f", 5.0), True),
            (5.0, Release("af", 9.0), False),
        ):
            facts = facts_of(hashes={"sha256": "5f"}, missed_at=missed_at)
            self.assertIs(expected, is_released(facts, release), release)


class IsWithheldTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        Withheld is what was younger than that when it was missed first, and confirmed.
        """
        age = 14 * DAY
        young = facts_of(uploaded_at=1000.0, missed_at=1001.0, missed_again=True)
        for case, facts, withhold, expected in [
            ("young", young, age, True),
            ("nearly old", evolve(young, missed_at=999.0 + age), age, True),
            ("old", evolve(young, missed_at=1000.0 + age), age, False),
            ("not confirmed", evolve(young, missed_again=False), age, False),
            ("listed", facts_of(uploaded_at=1000.0), age, False),
            ("no upload-time", evolve(young, uploaded_at=None), age, False),
            ("uploaded later", evolve(young, missed_at=1.0), age, True),
            ("never", young, 0.0, False),
            ("never, uploaded later", evolve(young, missed_at=1.0), 0.0, False),
            ("private", evolve(young, origin=None), age, False),
        ]:
            self.assertIs(expected, is_withheld(facts, withhold), case)

    @given(st.lists(st.booleans(), max_size=12), st.floats(1, 1e6), st.floats(1, 1e6))
    def test_once_more(
        self, refreshes: list[bool], pause: float, withhold: float
    ) -> None:
        """
        However refreshes go: a file is withheld only while the last two missed it, and
        only by its age at the first that did.
        """
        facts = facts_of()
        missed: list[float] = []
        for number, is_listed in enumerate(refreshes):
            now = UPLOADED_AT + number * pause
            page = page_of(ONE) if is_listed else page_of(TWO)
            facts = observe(facts, page, ONE, now)
            missed = [] if is_listed else [*missed, now]
            known = any(refreshes[: number + 1])
            young = bool(missed) and missed[0] - UPLOADED_AT < withhold
            expected = known and len(missed) > 1 and young
            self.assertIs(expected, is_withheld(facts, withhold))


class AreStrangersTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        One file that was known is enough to be no stranger.
        """
        cases: list[tuple[str, ProjectPage, list[dict[str, str]], bool]] = [
            ("the same", page_of(ONE), [A], False),
            ("one of them", page_of(ONE, TWO), [B, A], False),
            ("renamed", page_of(TWO), [A], False),
            ("others", page_of(ONE), [B], True),
            ("no digests any more", page_of(ONE), [{"md5": "5f"}], True),
            ("nothing known", page_of(ONE), [], False),
            ("no files", page_of(), [A], False),
        ]
        for case, page, known, expected in cases:
            self.assertIs(expected, are_strangers(page, known), case)
