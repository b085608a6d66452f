"""
Tests for :mod:`proxypypi.store.marks`.
"""

import os
from pathlib import Path
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.errors import DamagedRecord
from proxypypi.interfaces import IMarks
from proxypypi.model import NO_MARKS, Marks
from proxypypi.store.marks import (
    STATUSES,
    MarkStore,
    Yanks,
    change_yanks,
    load_yanks,
    set_status,
)
from tests.store_contract import DEMO, OTHER, note_fsyncs


class MarkStoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.decisions = Path(self.mktemp()) / "decisions"
        self.store = MarkStore(self.decisions, maybeDeferred)

    def load(self) -> tuple[Marks, str]:
        loaded: tuple[Marks, str] = self.successResultOf(self.store.load(DEMO))
        return loaded

    def yank(self, **versions: str) -> None:
        def change(yanks: Yanks) -> None:
            yanks.versions.update(versions)

        change_yanks(self.decisions, DEMO, change)

    def unyank(self, version: str) -> None:
        def change(yanks: Yanks) -> None:
            del yanks.versions[version]

        change_yanks(self.decisions, DEMO, change)

    def damage(self, kind: str, content: bytes = b"{") -> Path:
        record = self.decisions / kind / "demo.json"
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_bytes(content)
        return record

    def test_interface(self) -> None:
        """
        It has all that is asked of a store of marks.
        """
        verifyObject(IMarks, self.store)

    def test_round_trip(self) -> None:
        """
        What is said is there at once, of one project, until it is taken back; then
        there is nothing left.
        """
        self.assertEqual((NO_MARKS, ""), self.load())
        self.yank(v1="broken")
        self.yank(v2="")
        set_status(self.decisions, DEMO, "archived", "of age")
        expected = Marks(
            status="archived",
            status_reason="of age",
            versions={"v1": "broken", "v2": ""},
        )
        self.assertEqual((expected, ""), self.load())
        self.assertIsNone(self.store.edition(OTHER))
        self.unyank("v1")
        self.unyank("v2")
        set_status(self.decisions, DEMO, "active", None)
        self.assertEqual((NO_MARKS, ""), self.load())
        self.assertIsNone(self.store.edition(DEMO))
        self.assertEqual([], list(self.decisions.rglob("*.json")))

    def test_edition(self) -> None:
        """
        It is another one after each thing that is said, and the same in between.
        """
        editions = {self.store.edition(DEMO)}
        for count, say in enumerate(
            [
                lambda: self.yank(v1="a"),
                lambda: self.yank(v1="b"),
                lambda: set_status(self.decisions, DEMO, "archived", None),
                lambda: set_status(self.decisions, DEMO, "deprecated", None),
            ],
            2,
        ):
            say()
            editions.add(self.store.edition(DEMO))
            editions.add(self.store.edition(DEMO))
            self.assertEqual(count, len(editions))

    def test_durable(self) -> None:
        """
        It waits for the disk, and what cannot be written leaves what was there.
        """
        synced = note_fsyncs(self)
        self.yank(v1="")
        self.assertEqual(2, len(synced))

        def fail(*_: Any) -> None:
            raise OSError(5, "Input/output error")

        self.patch(os, "rename", fail)
        self.assertRaises(OSError, self.yank, v2="")
        self.assertEqual({"v1": ""}, self.load()[0].versions)

    def test_damaged_yanks(self) -> None:
        """
        If it is not known what is yanked, all is; and nobody writes over the record.
        """
        for content in (
            b"",
            b"\0" * 100,
            b"[1]",
            b'{"format":1,"versions":[]}',
            b'{"format":2,"versions":{}}',
            b'{"x":' + b"[" * 100_000,
        ):
            record = self.damage("yanks", content)
            marks, trouble = self.load()
            self.assertIn("damaged", marks.everything or "")
            self.assertIn(f"{record} cannot be read", trouble)
            self.assertIn("all its files count as yanked", trouble)
            self.assertRaises(DamagedRecord, self.yank, v1="")
            self.assertRaises(DamagedRecord, load_yanks, self.decisions, DEMO)
            self.assertEqual(content, record.read_bytes())

    def test_damaged_status(self) -> None:
        """
        If the status is not known, it is quarantined, until somebody says what it is.
        """
        for content in (b"", b'{"format":1,"status":"x"}', b'{"format":2,"status":""}'):
            record = self.damage("status", content)
            marks, trouble = self.load()
            self.assertTrue(marks.quarantined)
            self.assertIn("damaged", marks.status_reason or "")
            self.assertIn(f"{record} cannot be read", trouble)
            set_status(self.decisions, DEMO, "archived", None)
            self.assertEqual("archived", self.load()[0].status)

    def test_unreadable(self) -> None:
        """
        What is no record at all does not pass for none.
        """
        self.damage("status").unlink()
        link = self.decisions / "status" / "demo.json"
        link.symlink_to(link.name)
        self.assertIsNotNone(self.store.edition(DEMO))
        self.assertTrue(self.load()[0].quarantined)
        link.unlink()
        link.mkdir()
        self.assertTrue(self.load()[0].quarantined)

    def test_statuses(self) -> None:
        """
        Those of the specification, and an active project needs no mark.
        """
        for status in STATUSES:
            set_status(self.decisions, DEMO, status, None)
            expected = None if status == "active" else status
            self.assertEqual(expected, self.load()[0].status)
