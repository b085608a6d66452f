"""
Tests for :mod:`proxypypi.rules.inventory`.
"""

from math import inf
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.model import (
    Distribution,
    FileFacts,
    LocalFile,
    Marks,
    ProjectPage,
    Release,
)
from proxypypi.names import normalize
from proxypypi.rules.cooldown import MinAges
from proxypypi.rules.inventory import Item, Kind, describe
from proxypypi.settings import Settings

DEMO = normalize("demo")
INDEX = "https://index.example/simple/"
A, B = "5f" * 32, "af" * 32
DAY = 86_400.0
UPLOADED_AT = 1_767_323_045.0

FILE = LocalFile(
    filename="demo-1.0.tar.gz",
    path="/demo-1.0.tar.gz",
    size=7,
    modified_at=11,
    inode=13,
    changed_at=17,
)
FACTS = FileFacts(
    size=7, modified_at=11, inode=13, changed_at=17, hashes={"sha256": A}, seen_at=5.0
)
SETTINGS = Settings(directory=Path("/nowhere"))
NOW = UPLOADED_AT + 100 * DAY

CACHED = evolve(FACTS, origin=INDEX, uploaded_at=UPLOADED_AT)


def page_of(**said: Any) -> ProjectPage:
    listed: dict[str, Any] = {"url": "u", "hashes": {"sha256": A}, **said}
    entry = Distribution(filename=FILE.filename, **listed)
    return ProjectPage(name=DEMO, index=INDEX, distributions=(entry,))


def item(facts: FileFacts | None = CACHED, **more: Any) -> Item:
    given: dict[str, Any] = {"page": None, "settings": SETTINGS, "now": NOW, **more}
    min_ages = MinAges.said_by(given["settings"])
    return describe(DEMO, FILE, facts, min_ages=min_ages, **given)


class KindTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        Whose a file is, is told by what is known of that very file, and by the digest
        that the index lists.
        """
        cases: list[tuple[str, FileFacts | None, ProjectPage | None, Kind]] = [
            ("nothing known", None, None, Kind.UNREAD),
            ("nothing known, but listed", None, page_of(), Kind.UNREAD),
            ("of one it replaced", evolve(CACHED, inode=1), page_of(), Kind.UNREAD),
            ("private", FACTS, None, Kind.PRIVATE),
            ("listed by now", FACTS, page_of(), Kind.CACHED),
            ("another", FACTS, page_of(hashes={"sha256": B}), Kind.PRIVATE),
            ("cached", CACHED, None, Kind.CACHED),
            ("another by now", CACHED, page_of(hashes={"sha256": B}), Kind.CACHED),
        ]
        for case, facts, page, kind in cases:
            found = item(facts, page=page)
            self.assertIs(kind, found.kind, case)
            self.assertEqual(INDEX if kind is Kind.CACHED else None, found.index, case)
            self.assertEqual(None if kind is Kind.UNREAD else A, found.sha256, case)

    def test_times(self) -> None:
        """
        A private file counts from when it was first seen, another from its upload.
        """
        self.assertEqual(5.0, item(FACTS).uploaded_at)
        self.assertEqual(UPLOADED_AT, item(CACHED).uploaded_at)
        self.assertEqual("1.0", item().version)


class YankedTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        People here yank files, and the index does; our reason is told, if we give one.
        """
        ours, silent = Marks(versions={"1": "ours"}), Marks(versions={"1": ""})
        theirs, none = page_of(yanked="theirs"), page_of()
        for page, marks, expected in (
            (None, Marks(), (None, False)),
            (none, Marks(), (None, False)),
            (theirs, Marks(), ("theirs", False)),
            (theirs, ours, ("ours", True)),
            (theirs, silent, ("theirs", True)),
            (none, silent, ("", True)),
            (None, Marks(files={FILE.filename: "one"}), ("one", True)),
            (None, Marks(versions={"2": "another"}), (None, False)),
        ):
            for facts in (CACHED, None):
                found = item(facts, page=page, marks=marks)
                self.assertEqual(expected, (found.yanked, found.yanked_here))


class RemovedTests(SynchronousTestCase):
    def test_withheld(self) -> None:
        """
        What vanished young is withheld, unless people released that very file.
        """
        missed_at = UPLOADED_AT + DAY
        gone = evolve(CACHED, missed_at=missed_at, missed_again=True)
        for released, expected in (
            ({}, (True, False)),
            ({FILE.filename: Release(B, NOW)}, (True, False)),
            ({FILE.filename: Release(A, NOW)}, (False, True)),
        ):
            found = item(gone, released=released)
            self.assertEqual(expected, (found.withheld, found.released), released)
            self.assertEqual(missed_at, found.missed_at)
        old = item(
            gone,
            settings=evolve(SETTINGS, withhold=0.5 * DAY),
            released={FILE.filename: Release(A, NOW)},
        )
        self.assertEqual((False, True), (old.withheld, old.released))


class HeldBackTests(SynchronousTestCase):
    def test_young(self) -> None:
        """
        What is too young is told until when, unless people set it free; private files
        are of any age.
        """
        settings = evolve(SETTINGS, min_age=7 * DAY)
        free_at = UPLOADED_AT + 7 * DAY
        for facts, now, expected in (
            (CACHED, free_at - 1, free_at),
            (CACHED, free_at, None),
            (evolve(CACHED, uploaded_at=None), free_at, inf),
            (FACTS, free_at - 1, None),
        ):
            found = item(facts, settings=settings, now=now)
            self.assertEqual((expected, False), (found.held_back, found.released))
        released = {FILE.filename: Release(A, NOW)}
        found = item(settings=settings, now=free_at - 1, released=released)
        self.assertEqual((None, True), (found.held_back, found.released))
