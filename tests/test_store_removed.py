"""
Tests for :mod:`proxypypi.store.removed`.
"""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import DamagedRecord
from proxypypi.store.removed import Removed, load_removed, remove_file
from tests.store_contract import DEMO, OTHER, note_fsyncs


class RemovedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        self.decisions = self.root / "decisions"
        self.root.mkdir()

    def put(self, name: str) -> Removed:
        (self.root / name).write_bytes(b"x")
        return Removed(
            filename=name,
            path=name,
            sha256="5f",
            size=1,
            removed_at=1_700_000_000.5,
            by="me",
            reason="",
        )

    def remove(self, removed: Removed) -> str:
        return remove_file(self.root, self.decisions, DEMO, removed)

    def test_round_trip(self) -> None:
        """
        Files are gone, and on record in the order in which they went.
        """
        entries = [self.put("a.whl"), self.put("b.whl"), self.put("a.whl")]
        self.assertEqual("", self.remove(entries[0]))
        self.assertFalse((self.root / "a.whl").exists())
        self.put("a.whl")
        for entry in entries[1:]:
            self.assertEqual("", self.remove(entry))
        self.assertEqual(entries, load_removed(self.decisions, DEMO))
        self.assertEqual([], load_removed(self.decisions, OTHER))

    def test_durable(self) -> None:
        """
        It waits for the disk: of the record first, then of the directory.
        """
        entry = self.put("a.whl")
        synced = note_fsyncs(self)
        self.remove(entry)
        self.assertEqual(3, len(synced))

    def test_not_removed(self) -> None:
        """
        What cannot be removed is not on record as if it had been.
        """
        first, second = self.put("a.whl"), self.put("b.whl")
        self.remove(first)
        (self.root / "b.whl").unlink()
        self.assertRaises(FileNotFoundError, self.remove, second)
        self.assertEqual([first], load_removed(self.decisions, DEMO))

    def test_damaged(self) -> None:
        """
        A damaged record is an error that names it, and is set aside for a new one.
        """
        for content in (b"", b"[1]", b'{"format":2,"removed":[]}', b'{"format":1}'):
            entry = self.put("a.whl")
            record = self.decisions / "removed" / "demo.json"
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_bytes(content)
            with self.assertRaises(DamagedRecord) as raised:
                load_removed(self.decisions, DEMO)
            self.assertIn(str(record), str(raised.exception))
            self.assertEqual(str(raised.exception), self.remove(entry))
            self.assertEqual([entry], load_removed(self.decisions, DEMO))
            aside = record.with_name("demo.json.damaged")
            self.assertEqual(content, aside.read_bytes())
