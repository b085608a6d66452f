"""
Tests for :mod:`proxypypi.cache.books`.
"""

from collections.abc import Sequence
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.cache.books import Books
from proxypypi.events import CONNECTIONS, COUNTED_SINCE, FILES_KEPT, UPSTREAM_REQUESTS
from proxypypi.store.counts import Counts
from proxypypi.store.totals import TotalsStore
from tests.proxy_case import Threads

KEPT = (FILES_KEPT.name,)
SINCE = (COUNTED_SINCE.name,)


class BooksTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000.0)
        self.threads = Threads()
        self.root = Path(self.mktemp())
        self.root.mkdir()
        self.store = TotalsStore.of(self.root, self.threads)
        self.books = self.make()
        self.books.open()

    def make(self, upstreams: Sequence[str] = ()) -> Books:
        return Books(Counts.alone(upstreams), self.store, self.clock)

    def keep_a_file(self) -> None:
        self.books.counts.note(FILES_KEPT)

    def reopen(self, upstreams: Sequence[str] = ()) -> None:
        self.books = self.make(upstreams)
        self.books.open()

    @property
    def on_disk(self) -> int:
        totals = self.store.load()
        return totals.counts[KEPT] if totals is not None else 0

    def read(self) -> int:
        return self.successResultOf(Deferred.fromCoroutine(self.books.read()))[KEPT]

    def close(self) -> "Deferred[None]":
        return Deferred.fromCoroutine(self.books.close())

    @property
    def since(self) -> int:
        return self.books.counts.totals()[SINCE]

    def test_survive(self) -> None:
        """
        What was counted until the end is counted on from, and so is since when.
        """
        self.keep_a_file()
        self.successResultOf(self.close())
        self.assertEqual([], self.clock.getDelayedCalls())
        self.clock.advance(500)
        self.reopen()
        self.keep_a_file()
        self.assertEqual((2, 1_000), (self.read(), self.since))

    def test_look(self) -> None:
        """
        What there is at this moment can be told without the disk, with how things are.
        """
        self.keep_a_file()
        self.books.gauge = lambda: self.books.counts.set(CONNECTIONS, value=3)
        totals = self.books.look()
        self.assertEqual((1, 3), (totals[KEPT], totals[(CONNECTIONS.name,)]))
        self.assertEqual(0, self.on_disk)

    def test_lately(self) -> None:
        """
        How upstreams answered lately is known from the start on, for ten minutes.
        """
        self.reopen(["pypi"])
        for second in range(1, 1_201):
            self.books.counts.note(UPSTREAM_REQUESTS, "pypi", "2xx")
            self.clock.advance(1)
            if second == 30:
                self.assertEqual(30, self.answered_lately())
        self.assertIn(self.answered_lately(), range(540, 601))

    def answered_lately(self) -> int:
        grown = self.books.lately.growth(self.books.look())
        return grown[(UPSTREAM_REQUESTS.name, "pypi", "2xx")]

    def test_every_few_seconds(self) -> None:
        """
        A crash loses five seconds at most; what was asked for meanwhile, it does not.
        """
        self.keep_a_file()
        self.clock.advance(5)
        self.assertEqual(1, self.on_disk)
        self.keep_a_file()
        self.assertEqual(2, self.read())
        self.keep_a_file()
        self.reopen()
        self.assertEqual(2, self.read())

    def test_nothing_new(self) -> None:
        """
        While nothing happens, nothing is written.
        """
        self.keep_a_file()
        self.clock.advance(5)
        self.threads.calls.clear()
        self.books.counts.set(CONNECTIONS, value=5)
        for _ in range(10):
            self.clock.advance(5)
        self.assertEqual([], self.threads.calls)

    def test_damaged(self) -> None:
        """
        Without a record that can be read, counting begins anew.
        """
        self.keep_a_file()
        self.successResultOf(self.close())
        (path,) = (self.root / ".proxypypi" / "cache").iterdir()
        path.write_bytes(b"oops")
        self.clock.advance(500)
        self.reopen()
        self.assertEqual((0, 1_500), (self.read(), self.since))
        self.keep_a_file()
        self.clock.advance(5)
        self.assertEqual(1, self.on_disk)

    def test_not_to_be_written(self) -> None:
        """
        Where nothing can be written it counts in memory, and the log says so once.
        """
        (self.root / ".proxypypi").write_bytes(b"")
        with capturedLogs() as events:
            for _ in range(3):
                self.keep_a_file()
                self.clock.advance(5)
        self.assertEqual(3, self.read())
        (said,) = map(formatEvent, events)
        self.assertIn("what is counted cannot be kept", str(said))
        (self.root / ".proxypypi").unlink()
        self.clock.advance(5)
        self.assertEqual(3, self.on_disk)

    def test_silent_disk(self) -> None:
        """
        Nobody waits more than two seconds for a disk, and no second thread does.
        """
        self.threads.hold("_save")
        self.keep_a_file()
        reading = Deferred.fromCoroutine(self.books.read())
        self.assertNoResult(reading)
        self.clock.advance(2)
        self.assertEqual(1, self.successResultOf(reading)[KEPT])
        again = Deferred.fromCoroutine(self.books.read())
        self.clock.advance(2)
        self.successResultOf(again)
        closing = self.close()
        self.clock.advance(2)
        self.successResultOf(closing)
        self.assertEqual(1, self.threads.calls.count("_save"))
        self.threads.release()
        self.assertEqual(1, self.on_disk)

    def test_while_it_is_saved(self) -> None:
        """
        What is counted while the disk is slow is there when who asked, or ended, has an
        answer.
        """
        for ask in (self.books.read, self.books.close):
            self.keep_a_file()
            self.threads.hold()
            self.clock.advance(5)
            self.keep_a_file()
            asking = Deferred.fromCoroutine(ask())
            self.threads.step()
            self.assertNoResult(asking)
            self.threads.release()
            self.successResultOf(asking)
            self.assertEqual(self.books.counts.totals()[KEPT], self.on_disk)

    def test_another_process_is_slow(self) -> None:
        """
        What another process has counted earlier, and saves later, undoes nothing.
        """
        threads = Threads()
        threads.hold()
        counts, store = self.books.counts, TotalsStore.of(self.root, threads)
        other = Books(counts, store, self.clock)
        other.open()
        self.keep_a_file()
        reading = Deferred.fromCoroutine(other.read())
        self.keep_a_file()
        self.successResultOf(self.close())
        threads.release()
        self.assertEqual(1, self.successResultOf(reading)[KEPT])
        self.assertEqual(2, self.on_disk)

    def test_gauge(self) -> None:
        """
        How things are is noted before anybody reads it, and every few seconds, for
        those who ask another process.
        """
        taken: list[float] = []
        self.books.gauge = lambda: taken.append(self.clock.seconds())
        self.clock.advance(5)
        self.clock.advance(1)
        self.read()
        self.assertEqual([1_005.0, 1_006.0], taken)

    def test_the_first_is_gone(self) -> None:
        """
        When the process that opened the books has died, those it left write nothing: a
        new server may count already.
        """
        self.keep_a_file()
        self.books.counts.set(COUNTED_SINCE, value=0)
        self.assertEqual(1, self.read())
        self.assertEqual([], self.threads.calls)

    def test_before_and_after(self) -> None:
        """
        Who has not opened the books, or has closed them, writes nothing.
        """
        self.successResultOf(self.close())
        for books in (self.make(), self.books):
            self.books = books
            self.threads.calls.clear()
            self.keep_a_file()
            self.read()
            self.successResultOf(self.close())
            self.assertEqual([], self.threads.calls)
