"""
Tests for :mod:`proxypypi.store.releases`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.errors import DamagedRecord
from proxypypi.interfaces import IReleases
from proxypypi.model import Release
from proxypypi.store.releases import Releases, add_release, load_releases
from tests.store_contract import DEMO, OTHER, note_fsyncs


class ReleasesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.decisions = Path(self.mktemp()) / "decisions"
        self.releases = Releases(self.decisions, maybeDeferred)
        self.record = self.decisions / "releases" / "demo.json"

    def load(self) -> dict[str, str]:
        released: Mapping[str, Release] = self.successResultOf(self.releases.load(DEMO))
        self.assertLessEqual({each.at for each in released.values()}, {1.0})
        return {filename: each.sha256 for filename, each in released.items()}

    def test_interface(self) -> None:
        """
        It has all that is asked of a store of releases.
        """
        verifyObject(IReleases, self.releases)

    def test_round_trip(self) -> None:
        """
        What is added is there at once, one project's, beside what was there.
        """
        self.assertEqual({}, self.load())
        expected = {}
        for filename, sha256 in (("a.whl", "5f"), ("b.whl", "af"), ("a.whl", "00")):
            self.assertEqual(
                "", add_release(self.decisions, DEMO, filename, sha256, 1.0)
            )
            expected[filename] = sha256
            self.assertEqual(expected, self.load())
        self.assertEqual({}, load_releases(self.decisions, OTHER))
        self.assertEqual(["demo.json"], os.listdir(self.record.parent))

    def test_durable(self) -> None:
        """
        It waits for the disk, and what cannot be written leaves what was there.
        """
        synced = note_fsyncs(self)
        add_release(self.decisions, DEMO, "a.whl", "5f", 1.0)
        self.assertEqual(2, len(synced))

        def fail(*_: Any) -> None:
            raise OSError(5, "Input/output error")

        self.patch(os, "rename", fail)
        with self.assertRaises(OSError):
            add_release(self.decisions, DEMO, "a.whl", "af", 1.0)
        self.assertEqual({"a.whl": "5f"}, self.load())
        self.assertEqual(["demo.json"], os.listdir(self.record.parent))

    def test_damaged(self) -> None:
        """
        A damaged record is an error that names it, until it is set aside for a new one.
        """
        self.record.parent.mkdir(parents=True)
        for content in (
            b"",
            b"\0" * 100,
            b'{"format":1,',
            b"[1]",
            b'{"format":1,"released":[]}',
            b'{"format":2,"released":{}}',
            b'{"format":1,"released":{"\xff":"5f"}}',
            b'{"x":' + b"[" * 100_000,
        ):
            self.record.write_bytes(content)
            loading = self.releases.load(DEMO)
            error = self.failureResultOf(loading, DamagedRecord).value
            self.assertIn(str(self.record), str(error))
            said = add_release(self.decisions, DEMO, "a.whl", "5f", 1.0)
            self.assertEqual(str(error), said)
            self.assertEqual({"a.whl": "5f"}, self.load())
            aside = self.record.with_name("demo.json.damaged")
            self.assertEqual(content, aside.read_bytes())
