"""
Tests for :mod:`proxypypi.store.pins`.
"""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import DamagedRecord
from proxypypi.rules.eviction import Pins
from proxypypi.store.pins import PinStore
from tests.store_contract import note_fsyncs


class PinStoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        self.store = PinStore.of(self.root)
        self.record = self.root / ".proxypypi" / "decisions" / "pins" / "pins.json"

    def test_nothing(self) -> None:
        """
        Where nothing was ever pinned nothing is, and to look writes nothing.
        """
        self.assertEqual({}, self.store.all())
        self.assertEqual(Pins(), self.store.load())
        self.assertFalse(self.root.exists())

    def test_round_trip(self) -> None:
        """
        What is pinned stays so until it is unpinned; its end tells files from projects.
        """
        self.assertEqual({}, self.store.pin(["demo", "torch-2.*.whl"], 1.0))
        self.store.pin(["acme-*", "demo"], 2.0)
        expected = {"acme-*": 2.0, "demo": 1.0, "torch-2.*.whl": 1.0}
        self.assertEqual(list(expected.items()), list(self.store.all().items()))
        self.assertEqual(
            Pins(projects=("acme-*", "demo"), files=("torch-2.*.whl",)),
            self.store.load(),
        )
        self.assertEqual(expected, self.store.unpin(["demo", "other"]))
        self.assertEqual(["acme-*", "torch-2.*.whl"], list(self.store.all()))

    def test_durable(self) -> None:
        """
        It waits for the disk.
        """
        synced = note_fsyncs(self)
        self.store.pin(["demo"], 1.0)
        self.assertLessEqual(2, len(synced))

    def test_damaged(self) -> None:
        """
        A damaged record is an error that names it, and is never written over.
        """
        self.record.parent.mkdir(parents=True)
        for content in (
            b"",
            b"\0" * 100,
            b'{"format":1,',
            b'{"format":1,"pins":[]}',
            b'{"format":2,"pins":{}}',
            b'{"format":1,"pins":{"\xff":1}}',
            b'{"x":' + b"[" * 100_000,
        ):
            self.record.write_bytes(content)
            for act in (
                self.store.load,
                lambda: self.store.pin(["demo"], 1.0),
                lambda: self.store.unpin(["demo"]),
            ):
                error = self.assertRaises(DamagedRecord, act)
                self.assertIn(str(self.record), str(error))
                self.assertIn("everything counts as pinned", str(error))
            self.assertEqual(content, self.record.read_bytes())
            self.assertEqual(["pins.json"], os.listdir(self.record.parent))
