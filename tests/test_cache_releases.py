"""
Tests for :mod:`proxypypi.cache.releases`.
"""

from collections.abc import Mapping
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.cache.health import Health
from proxypypi.cache.releases import ReleaseCache
from proxypypi.model import Release
from proxypypi.store.releases import Releases, add_release
from tests.proxy_case import Threads
from tests.store_contract import DEMO, OTHER


class ReleaseCacheTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.decisions = Path(self.mktemp()) / "decisions"
        self.threads, self.health = Threads(), Health()
        store = Releases(self.decisions, self.threads)
        self.releases = ReleaseCache(store, self.health)

    def released(self) -> Mapping[str, Release]:
        return self.successResultOf(Deferred.fromCoroutine(self.releases.of(DEMO)))

    def test_read_once(self) -> None:
        """
        It is the same object until something is released, and the disk is read but once
        for it.
        """
        self.assertEqual({}, self.released())
        self.assertEqual([], self.threads.calls)
        for filename in ("a.whl", "b.whl"):
            add_release(self.decisions, DEMO, filename, "5f", 1.0)
            released = self.released()
            self.assertEqual(Release("5f", 1.0), released[filename])
            self.assertIs(released, self.released())
        self.assertEqual(2, len(self.threads.calls))
        add_release(self.decisions, OTHER, "c.whl", "5f", 1.0)
        self.assertIs(released, self.released())

    def test_damaged(self) -> None:
        """
        A damaged record frees nothing, and the health says so until it is whole again,
        or gone.
        """
        record = self.decisions / "releases" / "demo.json"
        add_release(self.decisions, DEMO, "a.whl", "5f", 1.0)
        whole = record.read_bytes()
        for mend in (lambda: record.write_bytes(whole), record.unlink):
            record.write_bytes(b"{")
            for _ in range(2):
                self.assertEqual({}, self.released())
                self.assertIn("demo.json cannot be read", self.health.trouble)
            mend()
            self.released()
            self.assertEqual("", self.health.trouble)
