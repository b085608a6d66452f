"""
Tests for :mod:`proxypypi.cache.checked`: what a file that cannot be kept goes through.
"""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.cache.checked import CheckedStream
from proxypypi.cache.download import Download
from proxypypi.cache.streams import Streams
from proxypypi.cache.transfer import Transfer
from proxypypi.errors import TooManyStreams, WrongBytes
from proxypypi.events import UNHEARD
from proxypypi.interfaces import IBody, IByteSource
from proxypypi.store.partials import Partial
from tests.distributions import make_sdist
from tests.fake_index import JSON, Fault
from tests.proxy_case import Disk
from tests.proxy_case import Transfer as Answer
from tests.scripted import ScriptedBody, ScriptedIndex, cut
from tests.test_cache_downloads import CONTENT, HELD_BACK, Tee, TeeTestCase


class NoRoomTestCase(TeeTestCase):
    """
    With a file where partial files should lie, nothing can be kept.
    """

    def setUp(self) -> None:
        super().setUp()
        self.in_the_way = self.directory / ".proxypypi" / "cache" / "partial"
        self.in_the_way.parent.mkdir(parents=True)
        self.in_the_way.write_text("in the way")

    def health(self) -> str:
        return self.get("/-/health").body.decode().strip()

    def is_not_here(self) -> None:
        self.assertEqual(([], []), (self.kept(), self.partials()))
        self.assertRegex(self.health(), "^degraded: .* cannot be kept: ")


class StreamedTests(NoRoomTestCase):
    def test_one_transfer_each(self) -> None:
        """
        Every client gets all of it by a transfer of its own, and is told that it is not
        stored; health says why, the log once.
        """
        for _ in range(3):
            answer = self.get(self.url)
            self.has_all(answer)
            self.assertEqual("proxypypi; fwd=miss", answer.header("Cache-Status"))
            self.assertEqual(str(self.size), answer.header("Content-Length"))
        self.assertEqual([None] * 3, self.ranges())
        self.is_not_here()

    def test_mends(self) -> None:
        """
        The first that finds room again is kept, and all is well.
        """
        self.get(self.url)
        self.in_the_way.unlink()
        self.has_all(self.get(self.url))
        self.is_here()
        self.assertEqual("ok", self.health())

    def test_small_ones_mend_nothing(self) -> None:
        """
        That a page finds room says nothing of files.
        """
        self.get(self.url)
        self.index.add_project("other")
        self.get("/simple/other/")
        self.assertRegex(self.health(), "^degraded: ")

    def test_last_bytes_wait(self) -> None:
        """
        The last 1024 bytes are not given out before the whole has been checked.
        """
        self.index.fail(self.path, Fault(stall_at=self.size - 1, stall=1))
        transfer = self.start_file()
        self.assertEqual(self.content[: self.size - HELD_BACK], transfer.body)
        self.advance(1)
        self.has_all(transfer)

    def test_length_not_known(self) -> None:
        """
        Where nobody says how long it is, any byte may be the last.
        """
        self.index.sizes = False
        self.index.fail(self.path, Fault(chunked=True, stall_at=30_000, stall=1))
        transfer = self.start_file()
        self.assertEqual(self.content[: 30_000 - HELD_BACK], transfer.body)
        self.advance(1)
        self.has_all(transfer)

    def test_wrong_bytes(self) -> None:
        """
        What the index does not speak of no client completes; the page is had anew.
        """
        longer = self.content + b"x" * 5000
        for fault in (
            Fault(wrong_bytes=True),
            Fault(wrong_bytes=True, chunked=True),
            Fault(body=longer, chunked=True),
            Fault(body=self.content[:-5], chunked=True),
        ):
            pages = len(self.index.asked("/simple/demo/"))
            self.index.fail(self.path, evolve(fault, delay=0.1))
            transfer = self.start_file()
            self.advance(0.1)
            self.assertTrue(transfer.is_cut, fault)
            self.assertLess(len(transfer.body), self.size)
            self.has_all(self.start_file())
            self.assertGreater(len(self.index.asked("/simple/demo/")), pages, fault)
        self.is_not_here()

    def test_another_length(self) -> None:
        """
        A length that is not the index's is said before a byte is promised.
        """
        self.index.fail(self.path, Fault(body=b"short"))
        self.assertEqual(502, self.get(self.url).code)

    def test_resumed(self) -> None:
        """
        A connection that breaks is taken up again, and nobody notices.
        """
        self.index.fail(self.path, Fault(truncate_at=40_000))
        transfer = self.start_file()
        self.advance(0.2)
        self.has_all(transfer)
        self.assertEqual([None, "bytes=40000-"], self.ranges())

    def test_too_late(self) -> None:
        """
        Who has got no byte in time is told to come again, and nothing is logged but
        that it is not kept.
        """
        built = make_sdist("demo", "2.0")
        path = self.index.add(built)
        self.index.fail(path, Fault(delay=5, stall_at=10))
        wire = self.connect()
        wire.send(f"GET /files/demo/{built.filename} HTTP/1.1")
        self.flush()
        self.advance_slowly(13)
        self.assertEqual(503, wire.code)
        self.assertEqual([], self.flushLoggedErrors())

    def test_retries_used_up(self) -> None:
        """
        When no try brings more, the client is cut.
        """
        self.index.fail(self.path, Fault(truncate_at=40_000))
        self.index.fail(self.path, Fault(truncate_at=0), times=None)
        transfer = self.start_file()
        self.advance_slowly(6)
        self.assertTrue(transfer.is_cut)
        self.assertEqual(self.content[:40_000], transfer.body)

    def test_refused(self) -> None:
        """
        What upstream says before its first byte is said in turn.
        """
        self.index.fail(self.path, Fault(status=500), times=None)
        answer = self.start_file()
        self.advance_slowly(10)
        self.assertEqual(502, answer.code)

    def test_ranges(self) -> None:
        """
        All from some byte on comes likewise, checked from the first.
        """
        answer = self.get(self.url, Range="bytes=70000-")
        self.assertEqual((206, self.content[70_000:]), (answer.code, answer.body))
        self.index.fail(self.path, Fault(wrong_bytes=True, delay=0.1))
        transfer = self.start_file(Range="bytes=70000-")
        self.advance(0.1)
        self.assertTrue(transfer.is_cut)

    def test_leaving(self) -> None:
        """
        A client that leaves ends its transfer, and makes place for another.
        """
        self.index.fail(self.path, Fault(stall_at=30_000, stall=1000), times=None)
        transfers = [self.start_file() for _ in range(64)]
        answer = self.get(self.url, Accept=JSON)
        self.assertEqual((503, "2"), (answer.code, answer.header("Retry-After")))
        transfers[0].hang_up()
        self.flush()
        self.assertIsNone(self.start_file().code)  # it waits for upstream


class MinFreeTests(TeeTestCase):
    def start_with(self, min_free: int | None, free: int, volume: int) -> None:
        """
        :param free: bytes that the volume says are free.
        """
        self.start_proxy(min_free=min_free)
        status = os.statvfs_result((1, 1, volume, free, free, 9, 9, 9, 0, 255))
        self.asked_of_disk: list[Any] = []

        def statvfs(path: Any) -> os.statvfs_result:
            self.asked_of_disk.append(path)
            return status

        self.patch(os, "statvfs", statvfs)

    def is_kept(self) -> bool:
        for sizes in (True, False):
            self.index.sizes = sizes
            self.has_all(self.get(self.url))
        kept = bool(self.kept())
        self.assertEqual([], self.partials())
        health = self.get("/-/health").body.decode()
        self.assertEqual(kept, health == "ok\n", health)
        return kept

    def test_limits(self) -> None:
        """
        A file is kept if it leaves as much free as was asked for; without a word of it
        that is 500 MB, or a tenth of the volume.
        """
        large, small = 10**10, 10**9
        for min_free, volume, left, expected in (
            (1000, large, 1000, True),
            (1000, large, 999, False),
            (None, large, 500_000_000, True),
            (None, large, 499_999_999, False),
            (None, small, 100_000_000, True),
            (None, small, 99_999_999, False),
        ):
            self.start_with(min_free, self.size + left, volume)
            self.assertIs(expected, self.is_kept(), (min_free, volume, left))
            if expected:
                os.unlink(self.directory / self.published)
                self.settle()

    def test_off(self) -> None:
        """
        With 0 the volume is not asked.
        """
        self.start_with(0, 0, 0)
        self.assertTrue(self.is_kept())
        self.assertEqual([], self.asked_of_disk)

    def test_in_a_thread(self) -> None:
        """
        It is asked in a thread, as it may be far away; who comes meanwhile waits, too.
        """
        self.get("/simple/demo/")
        self.start_with(1000, self.size, 10**10)
        self.get("/simple/demo/")
        self.threads.hold("check_room")
        transfers = [self.start_file() for _ in range(2)]
        self.assertEqual([None, None], [t.code for t in transfers])
        self.threads.release()
        self.flush()
        for transfer in transfers:
            self.has_all(transfer)

    def test_together(self) -> None:
        """
        Room that a file on its way will need is not given to another.
        """
        self.start_with(5000, 2 * self.size, 10**10)
        other = evolve(self.wheel, filename="demo-2.0-py3-none-any.whl")
        self.index.add(other)
        self.index.fail(self.path, Fault(stall_at=1000, stall=1))
        first = self.start_file()
        self.assertEqual(
            "proxypypi; fwd=miss",
            self.get(f"/files/demo/{other.filename}").header("Cache-Status"),
        )
        self.advance(1)
        self.has_all(first)
        self.is_here()


class OverflowTests(TeeTestCase):
    """
    The disk fills up in the middle of a file that clients follow.
    """

    def setUp(self) -> None:
        super().setUp()
        self.disk = Disk()
        self.addCleanup(self.disk.restore)

    def follow(self, *ranges: str) -> list[Answer]:
        """
        Some clients, of which the last comes before there is a byte for it.
        """
        self.index.fail(self.path, Fault(stall_at=30_000, stall=1))
        return [
            self.start_file(),
            self.start_file(),
            self.start_file(Range="bytes=20000-"),
            self.start_file(Range="bytes=70000-"),
        ]

    def all_have_all(self, transfers: list[Answer]) -> None:
        for transfer, start in zip(transfers, (0, 0, 20_000, 70_000), strict=True):
            self.assertTrue(transfer.is_complete)
            self.assertEqual(self.content[start:], transfer.body)

    def test_unnoticed(self) -> None:
        """
        Each follower goes on by itself from where the disk was full, and notices
        nothing; nothing partial stays.
        """
        self.disk.room = 50_000
        transfers = self.follow()
        self.advance(1)
        self.all_have_all(transfers)
        self.assertEqual(([], []), (self.kept(), self.partials()))
        offset = {r for r in self.ranges() if r is not None}
        self.assertEqual(1, len(offset), self.ranges())
        self.assertRegex(
            self.get("/-/health").body, b"^degraded: .*No space left on device"
        )
        self.assertEqual(
            [], os.listdir(self.directory / ".proxypypi/cache/partial/demo")
        )

    def test_full_at_once(self) -> None:
        """
        If it takes not even the first byte, all have it from the start.
        """
        self.disk.is_full = True
        transfers = self.follow()
        self.advance(1)
        self.all_have_all(transfers)

    def test_much_left(self) -> None:
        """
        What is left of an earlier attempt is not read into memory where the rest finds
        no room.
        """
        self.index.fail(self.path, Fault(stall_at=90_000))
        self.start_file()
        self.crash()
        self.start_proxy(min_free=10**18)
        sizes: list[int] = []

        def pread(fd: int, size: int, offset: int) -> bytes:
            sizes.append(size)
            return b""

        overflow = Download._overflow

        def overflowing(download: Download, error: OSError) -> None:
            with mock.patch("os.pread", pread):
                overflow(download, error)

        self.patch(Download, "_overflow", overflowing)
        self.has_all(self.get(self.url))
        self.assertEqual([0], sizes)

    def test_everywhere(self) -> None:
        """
        Wherever it ends, also in what was held back.
        """
        for room in (1, HELD_BACK, self.size - HELD_BACK, self.size - 1):
            self.disk.room = room
            transfers = self.follow()
            self.advance(1)
            self.all_have_all(transfers)
            self.assertEqual(([], []), (self.kept(), self.partials()), room)

    def test_no_ranges(self) -> None:
        """
        Where upstream knows no ranges, what it sends again is passed over.
        """
        self.disk.room = 50_000
        transfers = self.follow()
        self.index.fail(self.path, Fault(ranges=False), times=None)
        self.advance(1)
        self.all_have_all(transfers)

    def test_wrong_bytes(self) -> None:
        """
        What comes from then on is checked with what came before.
        """
        self.disk.room = 50_000
        transfers = self.follow()
        self.index.fail(self.path, Fault(wrong_bytes=True), times=None)
        self.advance(1)
        for transfer in transfers:
            self.assertTrue(transfer.is_cut)

    def test_slow_follower(self) -> None:
        """
        One that is far behind has what came before the disk was full from there.
        """
        self.get("/simple/demo/")
        self.disk.room = 50_000
        self.index.fail(self.path, Fault(stall_at=60_000, stall=1))
        wire = self.connect()
        wire.transport.room = 1
        wire.send(f"GET {self.url} HTTP/1.1")
        self.advance(1)
        self.assertEqual(([], []), (self.kept(), self.partials()))
        for _ in range(100):
            if len(wire.body) < self.size:
                wire.take(1)
                self.flush()
        self.assertEqual(self.content, wire.body)

    def test_more_than_64(self) -> None:
        """
        There are places for 64; the rest is cut.
        """
        self.disk.room = 50_000
        self.index.fail(self.path, Fault(stall_at=30_000, stall=1))
        self.index.fail(self.path, Fault(stall_at=1000, stall=1), times=None)
        transfers = [self.start_file() for _ in range(66)]
        self.advance(1)
        self.assertEqual(2, len([t for t in transfers if t.is_cut]))
        self.advance_slowly(4)
        self.assertEqual(64, len([t for t in transfers if t.is_complete]))

    def test_room_again(self) -> None:
        """
        When there is room again, it is kept, and all is well.
        """
        self.disk.room = 50_000
        self.get(self.url)
        self.disk.room = None
        self.get(self.url)
        self.is_here()
        self.assertEqual("ok\n", self.get("/-/health").body.decode())


class CannotBePublishedTests(TeeTestCase):
    def fail_publishing(self, spoil: Callable[[Partial], None]) -> None:
        def publish(partial: Partial) -> None:
            spoil(partial)
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

        self.patch(Partial, "_publish", publish)

    def test_whole_all_the_same(self) -> None:
        """
        When all has come and it gets no name, the clients have all the same; nobody is
        asked again.
        """
        self.fail_publishing(lambda partial: None)
        self.index.fail(self.path, Fault(stall_at=30_000, stall=1))
        transfers = [self.start_file() for _ in range(2)]
        self.advance(1)
        for transfer in transfers:
            self.has_all(transfer)
        self.assertEqual([None], self.ranges())
        self.assertEqual(([], []), (self.kept(), self.partials()))
        self.assertRegex(self.get("/-/health").body, b"^degraded: .*quota")

    def test_lost(self) -> None:
        """
        What the disk has lost of it meanwhile nobody is given.
        """
        self.fail_publishing(lambda partial: os.ftruncate(partial.fd, 40_000))
        self.index.fail(self.path, Fault(stall_at=30_000, stall=1))
        transfer = self.start_file()
        self.advance(1)
        self.assertTrue(transfer.is_cut)
        self.assertEqual(([], []), (self.kept(), self.partials()))


class CheckedStreamTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp()).resolve()
        directory.mkdir()
        self.tee = Tee(directory)
        self.clock = Clock()
        self.index = ScriptedIndex()
        self.streams = Streams(UNHEARD)
        self.distrusted: list[bool] = []
        self.received = b""

    def make(self) -> CheckedStream:
        transfer = Transfer(self.tee.listed, self.index, self.clock, UNHEARD)
        return self.streams.check(transfer, lambda: self.distrusted.append(True))

    def begin(self) -> tuple[CheckedStream, "Deferred[None]", ScriptedBody]:
        stream = self.make()
        delivered = stream.deliver(self.receive)
        return stream, delivered, self.index.answer(ScriptedBody(total=len(CONTENT)))

    def receive(self, data: bytes) -> None:
        self.received += data

    def test_body(self) -> None:
        """
        It is a body like any other, from the first byte.
        """
        stream, delivered, body = self.begin()
        verifyObject(IBody, stream)
        self.assertEqual((0, 5000, 5000), (stream.start, stream.length, stream.total))
        body.send(CONTENT)
        self.assertEqual(CONTENT[: 5000 - HELD_BACK], self.received)
        body.end()
        self.successResultOf(delivered)
        self.assertEqual(CONTENT, self.received)

    def test_leaves_room(self) -> None:
        """
        Its client may be slow, so it takes no place that others are left.
        """
        self.begin()
        self.assertTrue(self.index.asked[0].paced)

    def test_pace(self) -> None:
        """
        A pause holds upstream, also what comes after it broke off meanwhile.
        """
        stream, _, body = self.begin()
        body.send(CONTENT[:2000])
        stream.pause()
        self.assertTrue(body.is_paused)
        body.fail(cut())
        self.clock.advance(0.2)
        body = self.index.answer(ScriptedBody(start=2000, total=len(CONTENT)))
        self.assertTrue(body.is_paused)
        stream.resume()
        self.assertFalse(body.is_paused)

    def test_every_end_frees_the_place(self) -> None:
        """
        However it ends, it frees one place.
        """
        others = [self.make() for _ in range(63)]
        for case in ("end", "fail", "cancel", "abandon", "wrong"):
            stream, delivered, body = self.begin()
            self.assertRaises(TooManyStreams, self.make)
            if case == "end":
                body.send(CONTENT)
                body.end()
                self.successResultOf(delivered)
            elif case == "fail":
                body.fail(ZeroDivisionError())
                self.failureResultOf(delivered, ZeroDivisionError)
            elif case == "wrong":
                body.send(CONTENT + b"x")
                self.failureResultOf(delivered, WrongBytes)
            else:
                stream.abandon() if case == "abandon" else delivered.cancel()
                self.failureResultOf(delivered, CancelledError)
                self.assertTrue(body.is_cancelled)
            stream.abandon()
            others.append(self.make())
            others.pop().abandon()
        self.assertEqual([True], self.distrusted)

    def test_abandoned_before(self) -> None:
        """
        One that is open, and never delivered, lets go of upstream's answer.
        """
        stream = self.make()
        opened = Deferred.fromCoroutine(stream.open())
        body = self.index.answer(ScriptedBody(total=len(CONTENT)))
        self.successResultOf(opened)
        stream.abandon()
        self.assertTrue(body.is_abandoned)

    def test_source(self) -> None:
        """
        Who joins is given a source that has no byte here, and all of it as the rest.
        """
        directory = self.tee.directory / ".proxypypi" / "cache" / "partial"
        directory.parent.mkdir(parents=True)
        directory.write_text("in the way")
        for leave in (True, False):
            joined = self.tee.join()
            body = self.tee.index.answer(ScriptedBody(total=len(CONTENT)))
            source = self.successResultOf(joined)
            verifyObject(IByteSource, source)
            self.assertEqual((5000, 0), (source.size, source.released))
            if not leave:
                source.rest().deliver(self.receive)
                body.send(CONTENT)
                body.end()
            source.close()
            self.assertIs(leave, body.is_abandoned)
        self.assertEqual(CONTENT, self.received)
