"""
Tests for :mod:`proxypypi.store.totals`.
"""

import json
from pathlib import Path

from twisted.internet.defer import maybeDeferred
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.store.totals import Totals, TotalsStore

TOTALS = Totals(1_700_000_000.0, {("requests", "simple", "hit"): 3, ("streams",): 0})


class TotalsStoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        self.root.mkdir()
        self.store = TotalsStore.of(self.root, maybeDeferred)
        self.path = self.root / ".proxypypi" / "cache" / "counts.json"

    def test_kept(self) -> None:
        """
        What was saved is loaded.
        """
        self.successResultOf(self.store.save(TOTALS))
        self.assertEqual(TOTALS, self.store.load())

    def test_never_less(self) -> None:
        """
        A count that is on disk does not become less; others may become more meanwhile.
        """
        self.successResultOf(self.store.save(TOTALS))
        fewer = {("requests", "simple", "hit"): 2, ("streams",): 1}
        self.successResultOf(self.store.save(Totals(TOTALS.since, fewer)))
        most = {("requests", "simple", "hit"): 3, ("streams",): 1}
        self.assertEqual(Totals(TOTALS.since, most), self.store.load())

    def test_nothing(self) -> None:
        """
        Without a record there is nothing to load.
        """
        self.assertIsNone(self.store.load())

    def test_damaged(self) -> None:
        """
        A record that cannot be read, or is of another version, is no record, and the
        log says so.
        """
        self.successResultOf(self.store.save(TOTALS))
        whole = self.path.read_bytes()
        good = json.loads(whole)
        for content in (
            b"",
            whole[:-9],
            b"\xff" * 100,
            b"[" * 100_000,
            json.dumps({**good, "format": 2}).encode(),
            json.dumps({**good, "since": -1}).encode(),
            json.dumps({**good, "counts": [[["streams"], -1]]}).encode(),
            json.dumps({**good, "counts": [[["streams"], 2**64]]}).encode(),
            json.dumps({**good, "counts": [["streams", 1, 2]]}).encode(),
        ):
            self.path.write_bytes(content)
            with capturedLogs() as events:
                self.assertIsNone(self.store.load(), content[:80])
            self.assertEqual(1, len(events))
        self.path.write_bytes(whole)
        self.assertEqual(TOTALS, self.store.load())

    def test_not_to_be_had(self) -> None:
        """
        That it cannot be saved is an error.
        """
        (self.root / ".proxypypi").write_bytes(b"")
        self.failureResultOf(self.store.save(TOTALS), OSError)
        self.assertIsNone(self.store.load())
