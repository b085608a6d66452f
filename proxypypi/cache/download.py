"""
The tee: a file comes from upstream once, and whoever wants it follows its growth.
"""

import errno
import os
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, NoReturn

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from proxypypi.cache.holdings import Holdings
from proxypypi.cache.others import follow
from proxypypi.cache.rereading import check_again, reread
from proxypypi.cache.sources import NOTHING_LATEST, Follower
from proxypypi.cache.transfer import Transfer, releasable
from proxypypi.errors import (
    CannotFollow,
    CannotKeep,
    ProxypypiError,
    UpstreamError,
    UpstreamNonsense,
)
from proxypypi.events import FILES_KEPT, RESUMED, IEvents
from proxypypi.interfaces import IBody, IByteSource, IIndex, IPartial
from proxypypi.model import Distribution, Fate
from proxypypi.names import NormalizedName
from proxypypi.rules.integrity import strongest


@define(eq=False)
class Download:
    """
    One file on its way from upstream to the directory.

    :ivar size: bytes in all; :obj:`None` until the index or upstream has said it.
    :ivar released: bytes that followers may have: all but the last, until length and
        digest agree with the index.
    :ivar overflowed: the directory does not take it; each follower has the rest by
        itself.
    :ivar kept: is it in the directory, by our doing?
    :ivar error: why it failed, or could not be kept.
    :ivar latest: what came last, which is sent to all without reading it again.
    :ivar _open: opens the partial file anew.
    :ivar _find_room: is there room for this file?
    :ivar _stream: goes on for one client, with a transfer and the last it has brought.
    :ivar _finished: told of its end before anybody else is.
    """

    _log: ClassVar[Logger] = Logger()

    _name: NormalizedName
    _listed: Distribution
    _index: IIndex
    _partial: IPartial
    _holdings: Holdings
    _events: IEvents
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _open: Callable[[], IPartial]
    _find_room: Callable[["Download"], Awaitable[None]]
    _stream: Callable[[Transfer, bytes], IBody]
    _finished: Callable[["Download"], None]
    size: int | None = field(init=False)
    released: int = field(default=0, init=False)
    ended: bool = field(default=False, init=False)
    failed: bool = field(default=False, init=False)
    overflowed: bool = field(default=False, init=False)
    kept: bool = field(default=False, init=False)
    error: Failure | None = field(default=None, init=False)
    latest: tuple[int, bytes] = field(default=NOTHING_LATEST, init=False)
    _transfer: Transfer = field(init=False)
    _tail: bytes = field(default=b"", init=False)
    _followers: set[Follower] = field(factory=set, init=False)
    _waiting: "list[Deferred[IByteSource]]" = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self.size = self._listed.size
        self._transfer = Transfer(
            self._listed,
            self._index,
            self._clock,
            self._events,
            self._start_anew,
            self._in_thread,
        )

    def is_of(self, listed: Distribution, index: IIndex) -> bool:
        """
        Will what comes be the file that *index* lists so, and be checked for that?
        """
        algorithm = strongest(listed.hashes)
        return self._index is index and (
            algorithm is None
            or self._listed.hashes.get(algorithm) == listed.hashes[algorithm]
        )

    def follow(self) -> "Deferred[IByteSource]":
        """
        :returns: fires once there is something to give out; fails as the download
            does if it fails before that.
        """
        waiter: Deferred[IByteSource] = Deferred()
        self._waiting.append(waiter)
        self._tell()
        return waiter

    @property
    def fd(self) -> int:
        """
        All followers read by this one descriptor, each at its own offset. It outlives
        the download until the last of them has left.
        """
        return self._partial.fd

    @property
    def got(self) -> int:
        """
        How many bytes have come, be they good or not.
        """
        return max(self._transfer.got, self._partial.size)

    @property
    def missing(self) -> int:
        """
        How many bytes have to find room yet, as far as is known.
        """
        return max(0, (self.size or 0) - self.got)

    @property
    def waiting(self) -> int:
        """
        How many want it.
        """
        return len(self._followers) + sum(not w.called for w in self._waiting)

    def leave(self, follower: Follower) -> None:
        self._followers.discard(follower)
        if self.ended and not self._followers:
            self._partial.close()

    def rest(self) -> IBody:
        return self._stream(self._transfer.fork(), self._tail)

    async def run(self) -> None:
        """
        Fetch, check, publish. Never fails: its followers and waiters are told.
        """
        try:
            if not await self._is_brought():
                await self._resume()
                await self._learn_size()
                await self._find_room(self)
                await self._transfer.run(self._write, self._release)
                await self._publish()
                self.released = self.size = self._transfer.got
        except OSError as e:
            self._overflow(e)
        except Exception as e:
            self._fail(e)
        self.ended = True
        self.latest = NOTHING_LATEST
        self._partial.release()
        self._finished(self)
        self._tell()
        if not self._followers:
            self._partial.close()

    def _write(self, data: bytes) -> None:
        self._partial.write(data)
        self.latest = self._transfer.got, data

    def _fail(self, error: Exception) -> None:
        self._transfer.stop()
        self.error = Failure(error)
        self.failed = True
        if isinstance(error, ProxypypiError):
            self._log.warn(
                "{filename} failed: {error}",
                filename=self._listed.filename,
                error=error,
            )
        else:
            self._log.failure("fetching {f}", self.error, f=self._listed.filename)
        # What came before upstream failed is good for the next attempt, as long as a
        # digest will tell whether it belongs to the rest.
        failed_us = isinstance(error, UpstreamError)
        can_resume = self._transfer.can_resume
        if isinstance(error, UpstreamNonsense) or not failed_us or not can_resume:
            self._partial.discard()

    def _overflow(self, error: OSError) -> None:
        """
        The directory does not take it. What has come can be read until the last
        follower has left; then each goes on from there.
        """
        reason = error.strerror or str(error)
        missed = CannotKeep(
            filename=self._listed.filename,
            reason=reason,
            others_may=error.errno == errno.EFBIG,
        )
        if not self.released:
            self._transfer.forget()  # nobody has got any of it: each begins anew
        length = self._transfer.got - self.released
        try:
            self._tail = os.pread(self.fd, max(0, length), self.released)
        except OSError as e:
            self._log.warn("what has come cannot be read: {error}", error=e)
        if len(self._tail) != length:
            self._fail(missed)
            return
        self._transfer.stop()
        self.error = Failure(missed)
        self.overflowed = True
        self._partial.give_up()

    async def _learn_size(self) -> None:
        """
        Of a file whose index does not give its size, the host may.
        """
        if self.size is None:
            await self._transfer.open()
            self.size = self._transfer.size

    async def _is_brought(self) -> bool:
        """
        Does another process bring the file? If it gives up, we go on, for those who
        have followed it through us as well.
        """
        while not self._partial.is_ours:
            filename = self._listed.filename
            fate = await follow(self._partial, self._clock, filename, self._see)
            if fate is Fate.PUBLISHED:
                self._holdings.brought(self._name)
                if self.size not in (None, self._partial.size):
                    raise self._transfer.wrong(f"it has {self._partial.size} bytes")
                self.released = self.size = self._partial.size
                return True
            if fate is not Fate.LEFT:
                if self.released:
                    await self._go_on_alone(fate)
                self._partial.close()
                self._partial = self._open()
        return False

    async def _go_on_alone(self, fate: Fate) -> NoReturn:
        """
        What has been given out, another process has removed.

        :raises OSError: it did not find room, and the rest can be had without any.
        :raises CannotFollow: it is gone.
        """
        if fate is not Fate.UNKEPT:
            raise CannotFollow(what=self._listed.filename)
        self._see()
        await self._resume()
        raise OSError(errno.ENOSPC, "the process that fetched it could not keep it")

    def _see(self) -> None:
        self._give(releasable(self._partial.size, self.size))

    async def _resume(self) -> None:
        """
        Take up what an earlier attempt left, or another process.
        """
        left = self._partial.size
        if not left:
            return
        if not self._transfer.can_resume or left > (self.size or left):
            if not self._start_anew():
                raise CannotFollow(what=self._listed.filename)
            return
        await reread(self.fd, left, self._transfer.digests, self._in_thread)
        self._transfer.got = left
        self._events.note(RESUMED)
        self._log.info(
            "{filename}: going on from byte {offset}",
            filename=self._listed.filename,
            offset=left,
        )

    def _start_anew(self) -> bool:
        """
        Throw away what an earlier attempt left, if nobody has got any of it yet.
        """
        if self.released:
            return False
        self._partial.restart()
        return True

    def _release(self) -> None:
        self.size = self._transfer.size
        self._give(self._transfer.releasable)

    def _give(self, releasable: int) -> None:
        if releasable > self.released:
            self.released = releasable
            self._tell()

    def _tell(self) -> None:
        if self.released or self.ended:
            waiting, self._waiting = self._waiting, []
            # All of them are followers before the first is told: one that leaves in no
            # time is then never the last, who closes the file.
            joining = [(w, Follower(self)) for w in waiting if not w.called]
            if not self.failed:
                self._followers.update(follower for _, follower in joining)
            for waiter, follower in joining:
                if waiter.called:  # cancelled by what another did
                    follower.close()
                elif self.failed:
                    assert self.error is not None
                    waiter.errback(self.error)
                else:
                    waiter.callback(follower)
        for follower in tuple(self._followers):
            follower.tell()

    async def _publish(self) -> None:
        try:
            file = await self._partial.publish()
        except OSError:
            await check_again(self.fd, self._transfer, self._in_thread)
            raise
        if file is None:
            self._log.warn(
                "{filename} was put there meanwhile, and is left as it is",
                filename=self._listed.filename,
            )
        else:
            await self._holdings.add(
                self._name,
                file,
                self._transfer.digests.hex(),
                self._index.url,
                self._listed.uploaded_at,
            )
            self.kept = True
            self._events.note(FILES_KEPT)
            self._log.info(
                "{filename}: {size} bytes kept", filename=file.filename, size=file.size
            )
