"""
Tests for :mod:`proxypypi.cache.housekeeping`, over HTTP: which files are here.
"""

import os
from collections.abc import Callable
from typing import Any

from proxypypi.store.pins import PinStore
from proxypypi.store.tally import Tally
from tests.bundle_case import make_bundle, note_of, packed
from tests.distributions import make_wheel
from tests.eviction_case import LONG, EvictionTestCase
from tests.proxy_case import INDEX_URL
from tests.recorded import Recorded
from tests.test_bundles_arrival import bring


class BoundTests(EvictionTestCase):
    def test_least_recently_used_go(self) -> None:
        """
        As files come, those go that were not used for longest. A use is that a file is
        given out, whole or in part, not that its head or its metadata is.
        """
        self.allow(3.5)
        self.fetch("1234")
        self.assertEqual("234", self.here())
        self.fetch("2")
        self.get(self.url("3"), "HEAD")
        self.get(f"{self.url('3')}.metadata")
        self.fetch("5")
        self.assertEqual("245", self.here())
        self.get(self.url("4"), Range="bytes=0-9")
        self.fetch("6")
        self.assertEqual("456", self.here())
        self.assertEqual("ok", self.health())

    def test_told(self) -> None:
        """
        The log has one line for all that go at once, and no more.
        """
        self.allow(3.5)
        self.fetch("123")
        recorded = Recorded.during(self)
        self.fetch("4")
        (said,) = (s for s in recorded.sentences if "evicted" in s)
        self.assertRegex(said, rf"^files evicted: 1, {self.size} bytes, the first not ")

    def test_unlimited(self) -> None:
        """
        Without a bound nothing goes, and nobody counts.
        """
        self.fetch("123456789")
        self.assertEqual("123456789", self.here())
        self.assertEqual(0, self.evictions())
        self.assertIsNone(Tally.of(self.directory).read())

    def test_not_each_new_file(self) -> None:
        """
        All files are looked at when there are too many, not whenever one comes; and
        then as many go that a few more find room.
        """
        wheels = [make_wheel("many", f"1.{100 + number}") for number in range(130)]
        most = sum(len(wheel.content) for wheel in wheels[:100])
        self.start_proxy(max_size=most)
        for wheel in wheels:
            self.index.add(wheel)
        for wheel in wheels:
            self.get(f"/files/many/{wheel.filename}")
            self.advance(LONG)
        self.assertLess(len(self.kept()), 101)
        self.assertGreater(len(self.kept()), 94)
        self.assertLess(self.evictions(), 9)

    def test_larger_than_all(self) -> None:
        """
        A file that would not fit if it were alone is streamed, and makes no room.
        """
        self.allow(0.9)
        recorded = Recorded.during(self)
        for _ in range(2):
            answer = self.get(self.url("1"))
            self.assertEqual(self.wheels["1"].content, answer.body)
            self.assertEqual("proxypypi; fwd=miss", answer.header("Cache-Status"))
        self.assertEqual("", self.here())
        self.assertIn("more than the", self.health())
        self.assertEqual(1, sum("--max-size" in s for s in recorded.sentences))

    def test_young_ones_stay(self) -> None:
        """
        What was used within a minute stays, be it too much: the log says so once, and
        health, until there is something that may go.
        """
        self.allow(2.5)
        recorded = Recorded.during(self)
        self.fetch("12345", pause=1)
        self.assertEqual("12345", self.here())
        self.assertRegex(self.health(), "^degraded: .* more than the .* --max-size")
        self.assertEqual(1, sum("nothing can go" in s for s in recorded.sentences))
        self.assertLess(self.evictions(), 3)
        for _ in range(7):
            self.advance(10)
            self.get(self.url("1"))
        self.advance(50)
        self.assertEqual("15", self.here())
        self.assertEqual("ok", self.health())
        evictions = self.evictions()
        self.advance(1000)
        self.assertEqual(evictions, self.evictions())

    def test_nothing_can_ever_go(self) -> None:
        """
        Where all is pinned, it is not tried again and again.
        """
        PinStore.of(self.directory).pin(["demo"], 1.0)
        self.allow(1.5)
        self.fetch("123")
        self.assertIn("nothing can go", self.health())
        evictions = self.evictions()
        self.advance(1000)
        self.assertEqual(evictions, self.evictions())
        self.assertEqual("123", self.here())

    def test_room_is_made_by_others(self) -> None:
        """
        Where nothing could go, all is well again soon after somebody has made room, or
        when the next file comes, without another look at all files.
        """
        for pause in (61, 0):
            PinStore.of(self.directory).pin(["demo"], 1.0)
            self.allow(1.5)
            self.fetch("12")
            self.assertIn("nothing can go", self.health())
            evictions = self.evictions()
            self.prune("12")
            self.assertIn("nothing can go", self.health())
            self.advance(pause)
            if not pause:
                self.fetch("3", pause=0)
            self.assertEqual("ok", self.health())
            self.assertEqual(evictions, self.evictions())

    def test_another_evicts(self) -> None:
        """
        So it is if another process was at it when that was tried again.
        """
        PinStore.of(self.directory).pin(["demo"], 1.0)
        self.allow(2.5)
        self.fetch("123")
        other = self.be_evicting()
        self.fetch("4", pause=2.5)
        self.assertIn("nothing can go", self.health())
        self.prune("12")
        os.close(other)
        evictions = self.evictions()
        self.advance(1)
        self.assertEqual(("34", "ok"), (self.here(), self.health()))
        self.assertEqual(evictions, self.evictions())

    def prune(self, versions: str) -> None:
        """
        As another process does that evicts.
        """
        for version in versions:
            (self.directory / "demo" / self.wheels[version].filename).unlink()
        left = len(self.here()) * self.size
        Tally.of(self.directory).correct(left, None, self.clock.seconds())

    def test_what_comes_meanwhile(self) -> None:
        """
        If others fetch more while files go, more go a moment later.
        """
        self.allow(3.5)
        self.fetch("1234")
        self.meanwhile(lambda: Tally.of(self.directory).add(10 * self.size))
        self.fetch("5", pause=0)
        evictions = self.evictions()
        self.advance(1.1)
        self.assertEqual(evictions + 1, self.evictions())
        count = Tally.of(self.directory).read()
        assert count is not None
        self.assertEqual(3 * self.size, count.size)

    def meanwhile(self, do: Callable[[], object]) -> None:
        """
        Something else happens just when the first file goes.
        """
        unlink = os.unlink

        def do_both(path: Any, *more: Any, **options: Any) -> None:
            if str(path).endswith(".whl"):
                patch.restore()
                do()
            unlink(path, *more, **options)

        patch = self.patch(os, "unlink", do_both)

    def test_counted_daily(self) -> None:
        """
        What people put here that an index lists is noticed to be too much when all are
        counted again: once a day, if files come.
        """
        self.allow(5.5)
        self.fetch("1")
        for version in "234":
            self.drop(self.wheels[version], "demo")
        self.advance(2)
        self.files("demo")
        self.fetch("5", pause=85_000)
        self.fetch("6", pause=2_000)
        self.assertEqual("123456", self.here())
        evictions = self.evictions()
        self.fetch("7")
        self.assertEqual("34567", self.here())
        self.assertEqual(evictions + 1, self.evictions())
        self.fetch("7")
        self.assertEqual(evictions + 1, self.evictions())

    def test_clock_that_was_wrong(self) -> None:
        """
        So are they if they were counted at a time that is yet to come.
        """
        self.allow(3.5)
        self.fetch("123")
        tally = Tally.of(self.directory)
        tally.correct(0, None, self.clock.seconds() + 1e6)
        self.fetch("4")
        self.assertEqual("234", self.here())

    def test_brought(self) -> None:
        """
        What a bundle brings beside the server counts when the next file comes.
        """
        self.allow(3.5)
        self.fetch("1")
        brought = [self.wheels[version] for version in "23456"]
        notes = {w.filename: note_of(w, origin=INDEX_URL) for w in brought}
        with self.change():
            bring(self.directory, make_bundle(packed(*brought, files=notes)))
        self.advance(LONG)
        self.fetch("7")
        self.assertEqual("567", self.here())
        self.assertEqual("ok", self.health())

    def test_at_the_start(self) -> None:
        """
        What is too much at the start goes, as when the bound is lowered, or files were
        put there while nothing ran; unless all were counted just now.
        """
        self.fetch("12345")
        self.allow(3.5)
        self.proxy.core.housekeeping.begin()
        self.assertEqual("345", self.here())
        self.allow(3.5)
        self.proxy.core.housekeeping.begin()
        self.assertEqual(1, self.evictions())
        self.advance(LONG)
        self.allow(3.5)
        self.proxy.core.housekeeping.begin()
        self.assertEqual(2, self.evictions())

    def test_end(self) -> None:
        """
        A server that ends evicts no more, and leaves nothing to be done later.
        """
        self.allow(1.5)
        self.fetch("12", pause=1)
        self.proxy.core.housekeeping.stop()
        self.advance(LONG)
        self.fetch("3")
        self.assertEqual("123", self.here())
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_state_is_lost(self) -> None:
        """
        Without the record of uses, files count from when they came; without the facts,
        as private, until they are looked at again; without a count all are counted.
        """
        self.allow(3.5)
        self.fetch("1231")
        self.forget("uses")
        self.fetch("4")
        self.assertEqual("234", self.here())
        self.forget("facts")
        self.allow(3.5)
        self.fetch("5678")
        self.assertEqual("234678", self.here())
        self.files("demo")
        self.fetch("9")
        self.assertEqual("789", self.here())
        self.forget("tally")
        self.fetch("1")
        self.assertEqual("189", self.here())


class GoneTests(EvictionTestCase):
    """
    What clients see of it.
    """

    def setUp(self) -> None:
        super().setUp()
        self.allow(1.5)
        self.fetch("1")

    def test_fetched_again(self) -> None:
        """
        What has gone is listed as ever, its metadata is answered at once, and it is
        fetched when somebody asks for it.
        """
        before = set(self.files("demo"))
        self.fetch("2", pause=0)
        self.assertEqual("2", self.here())
        self.assertEqual(before, set(self.files("demo")))
        requests = len(self.index.requests)
        metadata = self.get(f"{self.url('1')}.metadata")
        self.assertEqual(self.wheels["1"].metadata, metadata.body)
        self.assertEqual("proxypypi; hit", metadata.header("Cache-Status"))
        self.assertEqual(requests, len(self.index.requests))
        answer = self.get(self.url("1"))
        self.assertEqual(self.wheels["1"].content, answer.body)
        self.assertEqual("proxypypi; fwd=miss; stored", answer.header("Cache-Status"))

    def test_metadata_that_the_index_does_not_offer(self) -> None:
        """
        It was offered while the wheel was here, so that it is answered afterwards, too.
        """
        self.index.remove(self.wheels["1"].filename)
        self.index.add(self.wheels["1"], core_metadata=False)
        self.advance(901)
        listed = self.files("demo")[self.wheels["1"].filename]
        self.assertIn("core-metadata", listed)
        self.fetch("2", pause=0)
        metadata = self.get(f"{self.url('1')}.metadata")
        self.assertEqual(
            (200, self.wheels["1"].metadata), (metadata.code, metadata.body)
        )

    def test_in_the_middle(self) -> None:
        """
        Who is being sent a file when it goes gets all of it.
        """
        wire = self.connect()
        wire.transport.room = 2000
        wire.send(f"GET {self.url('1')} HTTP/1.1")
        self.advance(LONG)
        self.fetch("2")
        self.assertEqual("2", self.here())
        wire.take(1_000_000)
        self.assertEqual(self.wheels["1"].content, wire.body)

    def test_between_two_looks(self) -> None:
        """
        Who asks while a file goes, of which it is not known yet, notices nothing.
        """
        self.threads.hold("evict")
        self.fetch("2", pause=0)
        self.get(self.url("1"))
        self.advance(LONG)
        self.get(self.url("1"))
        os.unlink(self.directory / "demo" / self.wheels["1"].filename)
        answer = self.get(self.url("1"))
        self.assertEqual((200, self.wheels["1"].content), (answer.code, answer.body))


class MinFreeTests(EvictionTestCase):
    """
    The disk has room for three files.
    """

    def start_with(self, **settings: Any) -> None:
        self.start_proxy(min_free=1000, **settings)

        def statvfs(path: Any) -> os.statvfs_result:
            free = round(3.5 * self.size) - len(self.here()) * self.size + 1000
            return os.statvfs_result((1, 1, 10**9, free, free, 9, 9, 9, 0, 255))

        self.patch(os, "statvfs", statvfs)

    def test_makes_room(self) -> None:
        """
        With a bound, files go for the disk's sake, too, though it is not reached.
        """
        self.start_with(max_size=20 * self.size)
        self.fetch("123")
        self.assertEqual("123", self.here())
        self.fetch("4")
        self.assertEqual("34", self.here())
        self.fetch("5")
        self.assertEqual("345", self.here())
        self.assertEqual("ok", self.health())

    def test_two_at_once(self) -> None:
        """
        So they do for each of two that come at the same time.
        """
        self.start_with(max_size=10 * self.size)
        self.fetch("123")
        self.threads.hold("evict")
        transfers = [self.start(self.url(version)) for version in "45"]
        self.assertEqual([None, None], [transfer.code for transfer in transfers])
        self.threads.release()
        self.flush()
        for transfer in transfers:
            self.assertTrue(transfer.is_complete)
        self.assertEqual("45", self.here()[-2:])

    def test_another_makes_room(self) -> None:
        """
        While another process evicts, it is waited for: what goes there may be enough,
        and if it is not, more may go here.
        """
        self.start_with(max_size=20 * self.size)
        self.fetch("123")
        for version, others, here in (("4", "1", "234"), ("5", "", "45")):
            lock = self.be_evicting()
            transfer = self.start(self.url(version))
            self.advance(1)
            self.assertIsNone(transfer.code)
            for gone in others:
                os.unlink(self.directory / "demo" / self.wheels[gone].filename)
            os.close(lock)
            self.advance(1)
            self.assertEqual(self.wheels[version].content, transfer.body)
            self.assertEqual(here, self.here())
            self.advance(LONG)

    def test_another_takes_long(self) -> None:
        """
        It is not waited for long; then what finds no room is streamed.
        """
        self.start_with(max_size=20 * self.size)
        self.fetch("123")
        lock = self.be_evicting()
        transfer = self.start(self.url("4"))
        self.advance_slowly(6)
        os.close(lock)
        self.assertEqual(self.wheels["4"].content, transfer.body)
        self.assertEqual("proxypypi; fwd=miss", transfer.header("Cache-Status"))
        self.assertEqual("123", self.here())

    def test_no_bound(self) -> None:
        """
        Without one, no file goes: what finds no room is streamed.
        """
        self.start_with()
        self.fetch("1234")
        self.assertEqual("123", self.here())
        self.assertRegex(self.health(), "^degraded: .* cannot be kept: ")

    def test_nothing_can_go(self) -> None:
        """
        Where all is young, it is streamed as well; that is not tried for each file.
        """
        self.start_with(max_size=20 * self.size)
        self.fetch("123", pause=1)
        evictions = self.evictions()
        self.fetch("456789", pause=1)
        self.assertEqual("123", self.here())
        self.assertEqual(evictions + 1, self.evictions())
        self.assertRegex(self.health(), "^degraded: .* cannot be kept: ")
        self.advance(LONG)
        self.fetch("4")
        self.assertIn("4", self.here())
        self.assertEqual("ok", self.health())


class TroubleTests(EvictionTestCase):
    def test_cannot_be_removed(self) -> None:
        """
        Files that cannot be removed are told once, as long as that is so, and tried
        again.
        """
        self.allow(1.5)
        unlink = os.unlink

        def refuse(path: Any, *more: Any, **options: Any) -> None:
            if str(path).endswith(".whl"):
                raise PermissionError(1, "Operation not permitted", str(path))
            unlink(path, *more, **options)

        recorded = Recorded.during(self)
        patch = self.patch(os, "unlink", refuse)
        self.fetch("123")
        self.assertRegex(self.health(), "^degraded: .*cannot be removed: Operation not")
        self.assertEqual(
            1, sum("cannot be removed" in said for said in recorded.sentences)
        )
        patch.restore()
        self.fetch("4")
        self.assertEqual("4", self.here())
        self.assertEqual("ok", self.health())

    def test_unforeseen(self) -> None:
        """
        What nobody has foreseen is told with its traceback, and tried again, be it met
        when a file comes, later, or at the start.
        """
        self.allow(1.5)
        unlink = os.unlink

        def fail(path: Any, *more: Any, **options: Any) -> None:
            if str(path).endswith(".whl"):
                raise RuntimeError("out of order")
            unlink(path, *more, **options)

        patch = self.patch(os, "unlink", fail)
        self.fetch("12", pause=0)
        self.advance(61)
        said = "degraded: nothing can be evicted: out of order"
        self.check_unforeseen(said)
        self.advance(61)
        self.check_unforeseen(said)
        self.allow(1.5)
        self.proxy.core.housekeeping.begin()
        self.check_unforeseen(said)
        patch.restore()
        self.advance(61)
        self.assertEqual(("2", "ok"), (self.here(), self.health()))

    def check_unforeseen(self, said: str) -> None:
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))
        self.assertEqual(said, self.health())

    def test_damaged_pins(self) -> None:
        """
        If it cannot be known what is pinned, all is, and health says so, until it can.
        """
        self.allow(1.5)
        record = self.directory / ".proxypypi" / "decisions" / "pins" / "pins.json"
        record.parent.mkdir(parents=True)
        record.write_bytes(b"nonsense")
        self.fetch("12")
        self.assertEqual("12", self.here())
        self.assertIn("everything counts as pinned", self.health())
        record.unlink()
        self.fetch("3")
        self.assertEqual("3", self.here())
        self.assertEqual("ok", self.health())

    def test_cannot_even_begin(self) -> None:
        """
        Where the proxy's own state cannot be written, nothing goes, and files are
        served; it is tried again until it can.
        """
        self.allow(1.5)
        (self.directory / ".proxypypi" / "cache").mkdir(parents=True)
        (self.directory / ".proxypypi" / "cache" / "turns").write_text("in the way")
        self.fetch("12")
        self.assertEqual("12", self.here())
        self.assertIn("nothing can be evicted: ", self.health())
        (self.directory / ".proxypypi" / "cache" / "turns").unlink()
        self.advance(61)
        self.assertEqual(("2", "ok"), (self.here(), self.health()))
