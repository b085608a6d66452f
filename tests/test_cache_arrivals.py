"""
Tests for :mod:`proxypypi.cache.arrivals`.
"""

import errno
from collections.abc import Callable
from hashlib import sha256

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from proxypypi.cache.arrivals import Arrivals, ArrivingFile
from proxypypi.errors import NoRoom, TooLarge, TooManyUploads
from proxypypi.interfaces import IUpload, IUploadStore
from proxypypi.model import LocalFile
from proxypypi.names import NormalizedName


@implementer(IUpload)
@define(eq=False)
class FakeUpload:
    path: str = ""
    content: bytes = b""
    discarded: bool = False

    def write(self, data: bytes) -> None:
        self.content += data

    def sync(self) -> "Deferred[None]":
        return succeed(None)

    def publish(
        self, name: NormalizedName, filename: str
    ) -> "Deferred[LocalFile | None]":
        return succeed(None)

    def discard(self) -> None:
        self.discarded = True


@implementer(IUploadStore)
@define(eq=False)
class FakeStore:
    """
    :ivar room: bytes.
    :ivar looking: those who wait to be told of it; :obj:`None` to tell at once.
    """

    room: int = 1 << 60
    looking: "list[Deferred[None]] | None" = None
    opened: list[FakeUpload] = field(factory=list)

    def check_room(self, size: int) -> "Deferred[None]":
        if size > self.room:
            raise OSError(errno.ENOSPC, "full")
        if self.looking is None:
            return succeed(None)
        self.looking.append(Deferred())
        return self.looking[-1]

    def open(self) -> FakeUpload:
        self.opened.append(FakeUpload())
        return self.opened[-1]


async def just_look(check: "Callable[[], Deferred[None]]") -> None:
    """
    Make no room.
    """
    await check()


class ArrivalsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = FakeStore()
        self.arrivals = Arrivals(self.store, 1000, just_look)

    def opening(self, length: int | None) -> "Deferred[ArrivingFile]":
        return Deferred.fromCoroutine(self.arrivals.open(length))

    def open(self, length: int | None) -> ArrivingFile:
        return self.successResultOf(self.opening(length))

    def test_written(self) -> None:
        """
        What comes is written, counted and hashed; a file may be so large and no larger.
        """
        arriving = self.open(10_000)
        arriving.write(b"a" * 400)
        arriving.write(b"b" * 600)
        content = b"a" * 400 + b"b" * 600
        self.assertEqual(content, self.store.opened[0].content)
        self.assertEqual(1000, arriving.size)
        self.assertEqual(sha256(content).hexdigest(), arriving.sha256)
        self.assertRaises(TooLarge, arriving.write, b"c")
        self.assertEqual(content, self.store.opened[0].content)

    def test_too_large(self) -> None:
        """
        What says its length may have a form around a file that is so large.
        """
        most = 1000 + 1024 * 1024
        for length in (None, 0, 1000, most):
            self.arrivals.check(length)
        self.assertRaises(TooLarge, self.arrivals.check, most + 1)

    def test_room(self) -> None:
        """
        There has to be room for all that are under way, less what they have written;
        for one that does not say its length, as for the largest.
        """
        self.store.room = 1500
        first = self.open(1000)
        self.failureResultOf(self.opening(501), NoRoom)
        self.failureResultOf(self.opening(None), NoRoom)
        first.write(b"x" * 500)
        second = self.open(None)
        first.discard()
        second.discard()
        self.assertTrue(all(upload.discarded for upload in self.store.opened))
        self.open(1500)

    def test_one_after_the_other(self) -> None:
        """
        Those that come at the same time are counted, too.
        """
        looking: list[Deferred[None]] = []
        self.store.room = 1500
        self.store.looking = looking
        first, second = self.opening(1000), self.opening(1000)
        self.assertEqual(1, len(looking))
        looking[0].callback(None)
        self.successResultOf(first)
        self.failureResultOf(second, NoRoom)

    def test_most(self) -> None:
        under_way = [self.open(1) for _ in range(32)]
        self.failureResultOf(self.opening(1), TooManyUploads)
        under_way[0].discard()
        self.open(1)
