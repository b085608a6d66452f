"""
Tests for :mod:`proxypypi.bundles.merging`.
"""

from itertools import product
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.bundles.merging import added, merged, stricter
from proxypypi.bundles.notes import FileNote
from proxypypi.model import FileFacts
from proxypypi.store.marks import STATUSES
from tests.bundle_case import INDEX
from tests.store_contract import BARE_FACTS

OTHER = "https://mirror.example/simple/"

PRIVATE = evolve(BARE_FACTS, hashes={"sha256": "5f" * 32, "md5": "5f"}, seen_at=100.0)
CACHED = evolve(PRIVATE, origin=INDEX, uploaded_at=10.0)


def missed(facts: FileFacts, at: float, again: bool = False) -> FileFacts:
    return evolve(facts, missed_at=at, missed_again=again)


class MergedTests(SynchronousTestCase):
    def merge(
        self, ours: FileFacts, at: float, theirs: FileFacts, theirs_at: float, **x: Any
    ) -> FileFacts:
        note = FileNote.of(theirs, **x)
        once = merged(ours, at, note, theirs_at)
        self.assertEqual(once, merged(once, max(at, theirs_at), note, theirs_at))
        return once

    def test_seen(self) -> None:
        """
        A file was first seen when the first of both saw it.
        """
        for ours, theirs in ((100.0, 50.0), (50.0, 100.0)):
            facts = evolve(PRIVATE, seen_at=ours)
            found = self.merge(facts, 0, evolve(PRIVATE, seen_at=theirs), 0)
            self.assertEqual(evolve(PRIVATE, seen_at=50.0), found)

    def test_attested(self) -> None:
        """
        It is attested if it is for one of both.
        """
        found = self.merge(PRIVATE, 0, PRIVATE, 0, attestations=(b"{}",))
        self.assertTrue(found.attested)
        attested = evolve(PRIVATE, attested=True)
        self.assertTrue(self.merge(attested, 0, PRIVATE, 0).attested)

    def test_private_or_cached(self) -> None:
        """
        What is private here stays so, and what is cached, too, whatever a bundle says.
        """
        for ours, theirs in product((PRIVATE, CACHED), repeat=2):
            for at, theirs_at in ((1, 2), (2, 1)):
                self.assertEqual(ours, self.merge(ours, at, theirs, theirs_at))
        missing = missed(CACHED, 2, True)
        self.assertEqual(PRIVATE, self.merge(PRIVATE, 1, missing, 2))

    def test_origin(self) -> None:
        """
        It stays from where it came first.
        """
        found = self.merge(CACHED, 1, evolve(CACHED, origin=OTHER), 2)
        self.assertEqual(INDEX, found.origin)

    def test_later_word(self) -> None:
        """
        Of what the index says, the later counts: that of the newer page, or that the
        file was missed after it. But what was missed here stays so.
        """
        for ours, at, theirs, theirs_at, expected in (
            (CACHED, 1, missed(CACHED, 2), 2, missed(CACHED, 2)),
            (missed(CACHED, 2), 2, CACHED, 1, missed(CACHED, 2)),
            (missed(CACHED, 2), 1, CACHED, 3, missed(CACHED, 2)),
            (missed(CACHED, 2, True), 1, CACHED, 3, missed(CACHED, 2, True)),
            (missed(CACHED, 2, True), 1, missed(CACHED, 9), 9, missed(CACHED, 2, True)),
            (missed(CACHED, 9), 1, missed(CACHED, 2, True), 9, missed(CACHED, 2, True)),
            (
                CACHED,
                1,
                evolve(CACHED, uploaded_at=20.0),
                3,
                evolve(CACHED, uploaded_at=20.0),
            ),
            (CACHED, 3, missed(CACHED, 2, True), 1, CACHED),
            (CACHED, 1, missed(CACHED, 2), 1, missed(CACHED, 2)),
            (missed(CACHED, 2), 1, CACHED, 1, missed(CACHED, 2)),
            (missed(CACHED, 2), 1, missed(CACHED, 2, True), 1, missed(CACHED, 2, True)),
            (missed(CACHED, 2, True), 1, missed(CACHED, 2), 1, missed(CACHED, 2, True)),
        ):
            case = (ours, at, theirs, theirs_at)
            self.assertEqual(expected, self.merge(*case), case)


class DecisionTests(SynchronousTestCase):
    def test_stricter(self) -> None:
        """
        Quarantine keeps more people away than an archive, and that more than an end of
        its support; a project without a status is active.
        """
        ordered = (None, "deprecated", "archived", "quarantined")
        for one, other in product(ordered, repeat=2):
            expected = ordered.index(one) > ordered.index(other)
            self.assertEqual(expected, stricter(one, other), (one, other))
        self.assertFalse(stricter("active", None))
        for status in STATUSES:
            self.assertFalse(stricter(status, status))

    def test_added(self) -> None:
        """
        Of two reasons, ours stays.
        """
        theirs = {"1": "theirs", "2": ""}
        self.assertEqual({"2": ""}, added({"1": "ours", "3": ""}, theirs))
