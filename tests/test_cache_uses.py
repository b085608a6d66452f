"""
Tests for :mod:`proxypypi.cache.uses`.
"""

import shutil
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.cache import uses
from proxypypi.cache.uses import Uses
from proxypypi.names import normalize
from proxypypi.store.uses import UseStore
from tests.proxy_case import Threads
from tests.recorded import Recorded

DEMO = normalize("demo")
FILE = (DEMO, "demo-1.0.zip")


class UsesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.threads = Threads()
        self.root = Path(self.mktemp())
        self.store = UseStore.of(self.root)
        self.uses = Uses(self.store, self.clock, self.threads)

    def last(self) -> float | None:
        return self.store.load().of(*FILE)

    def test_every_few_seconds(self) -> None:
        """
        However often a file is used, it is written down once in two seconds; while none
        is, nothing is written.
        """
        for _ in range(50):
            self.uses.note(FILE)
            self.clock.advance(1.0)
        self.assertEqual(1049.0, self.last())
        self.assertEqual(["note"] * 25, self.threads.calls)
        self.clock.advance(100.0)
        self.assertEqual(["note"] * 25, self.threads.calls)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_flush(self) -> None:
        """
        At the end, what is not written yet is, at once.
        """
        self.uses.note(FILE)
        self.assertIsNone(self.last())
        self.successResultOf(Deferred.fromCoroutine(self.uses.flush()))
        self.assertEqual(1000.0, self.last())
        self.assertEqual([], self.clock.getDelayedCalls())
        self.successResultOf(Deferred.fromCoroutine(self.uses.flush()))
        self.assertEqual(["note"], self.threads.calls)

    def test_bounded(self) -> None:
        """
        If many files are used at once, they are written down before the time.
        """
        self.patch(uses, "_MOST", 3)
        for number in range(7):
            self.uses.note((DEMO, f"{number}.zip"))
        self.assertEqual(["note"] * 2, self.threads.calls)

    def test_cannot_be_written(self) -> None:
        """
        Then the log says so, once until it can be, and nothing else is the worse for
        it.
        """
        recorded = Recorded.during(self)
        for times in (1, 2):
            self.root.write_bytes(b"")
            for _ in range(5):
                self.uses.note(FILE)
                self.clock.advance(10.0)
            self.assertEqual(times, len(recorded.sentences))
            self.assertIn("uses of files cannot be noted: ", recorded.sentences[-1])
            self.root.unlink()
            self.uses.note(FILE)
            self.clock.advance(10.0)
            self.assertEqual(self.clock.seconds() - 10.0, self.last())
            shutil.rmtree(self.root)
