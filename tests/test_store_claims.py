"""
Tests for :mod:`proxypypi.store.claims`.
"""

import json
import os
from pathlib import Path

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.interfaces import IClaims
from proxypypi.names import normalize
from proxypypi.store.claims import ClaimStore

DEMO = normalize("demo")
OTHER = normalize("demo-more")


class ClaimStoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        self.root.mkdir()
        self.store = ClaimStore.of(self.root)
        self.file = self.root / ".proxypypi" / "decisions" / "claims" / "demo.json"

    def claim(self) -> bool:
        return self.store.claim(DEMO, 5.0, "why")

    def test_interface(self) -> None:
        """
        It keeps the promises of its interface, by form.
        """
        verifyObject(IClaims, self.store)

    def test_claim(self) -> None:
        """
        A claim holds for one name, until it is dropped, and after a restart.
        """
        self.assertFalse(self.store.is_claimed(DEMO))
        self.assertTrue(self.claim())
        again = ClaimStore.of(self.root)
        self.assertTrue(again.is_claimed(DEMO))
        self.assertFalse(again.is_claimed(OTHER))
        self.assertTrue(again.unclaim(DEMO))
        self.assertFalse(self.store.is_claimed(DEMO))
        self.assertEqual([], list(self.file.parent.iterdir()))

    def test_twice(self) -> None:
        """
        What is claimed, or is not, stays so, and one is told.
        """
        self.assertFalse(self.store.unclaim(DEMO))
        self.claim()
        before = self.file.read_bytes()
        self.assertFalse(self.store.claim(DEMO, 6.0, "other"))
        self.assertEqual(before, self.file.read_bytes())
        self.store.unclaim(DEMO)
        self.assertFalse(self.store.unclaim(DEMO))

    def test_record(self) -> None:
        """
        The record says when and why.
        """
        self.claim()
        expected = {"format": 1, "claimed_at": 5.0, "reason": "why"}
        self.assertEqual(expected, json.loads(self.file.read_bytes()))

    def test_existence(self) -> None:
        """
        Whatever is at the place of the record is a claim.
        """
        self.file.parent.mkdir(parents=True)
        for make in (
            self.file.touch,
            lambda: self.file.symlink_to("nowhere"),
            lambda: self.file.write_bytes(b"\xff{"),
        ):
            make()
            self.assertTrue(self.store.is_claimed(DEMO))
            self.assertFalse(self.claim())
            self.assertTrue(self.store.unclaim(DEMO))

    def test_cannot_be_told(self) -> None:
        """
        A place that cannot be looked at is an error, not an unclaimed name.
        """
        self.file.parent.parent.mkdir(parents=True)
        self.file.parent.symlink_to("claims")
        self.assertRaises(OSError, self.store.is_claimed, DEMO)

    def test_damaged(self) -> None:
        """
        Records that say nothing are reported by the names they claim, others are not.
        """
        self.claim()
        whole = self.file.read_bytes()
        self.store.claim(OTHER, 5.0, "why")
        for damaged in (b"", whole[:-2], b"[]", b"\xff" * 20):
            self.file.write_bytes(damaged)
            with capturedLogs() as logs:
                self.store.check()
            (said,) = map(formatEvent, logs)
            self.assertIn("the claim of demo is damaged", said)
            self.assertTrue(self.store.is_claimed(DEMO))

    def test_nothing_to_check(self) -> None:
        """
        A directory without claims is no trouble.
        """
        with capturedLogs() as logs:
            self.store.check()
        self.assertEqual([], logs)

    def test_durable(self) -> None:
        """
        Claims wait for the disk when they are made and when they are dropped.
        """
        synced: list[int] = []
        self.patch(os, "fsync", synced.append)
        self.claim()
        self.assertEqual(5, len(synced))  # for three new folders, too
        self.store.unclaim(DEMO)
        self.assertEqual(6, len(synced))

    def test_all_or_nothing(self) -> None:
        """
        A claim that fails in its last step is none, and leaves nothing.
        """

        def fail(*arguments: object) -> None:
            raise OSError("disk full")

        self.patch(os, "rename", fail)
        self.assertRaises(OSError, self.claim)
        self.assertFalse(self.store.is_claimed(DEMO))
        self.assertEqual([], list(self.file.parent.iterdir()))
