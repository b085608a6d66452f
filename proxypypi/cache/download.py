"""
The tee: a file comes from upstream once, and whoever wants it follows its growth.
"""

import os
from collections.abc import Callable
from typing import Any, ClassVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from proxypypi.cache.holdings import Holdings
from proxypypi.cache.sources import Follower
from proxypypi.errors import (
    CannotKeep,
    ProxypypiError,
    UpstreamError,
    UpstreamNonsense,
    UpstreamRefusal,
    UpstreamUnreachable,
    WrongBytes,
)
from proxypypi.interfaces import IBody, IByteSource, IIndex, IPartial
from proxypypi.model import Distribution
from proxypypi.names import NormalizedName
from proxypypi.rules.integrity import Digests, is_strong, strongest

_HELD_BACK = 1024  # bytes that nobody gets before all are checked
_BACK_OFF = (0.2, 0.8, 3.2)  # seconds before each further try, while none brings more
_NO_SUCH_RANGE = 416  # as upstream says it
_PIECE = 1024 * 1024  # bytes of an earlier attempt to hash at a time


@define(eq=False)
class Download:
    """
    One file on its way from upstream to the directory.

    :ivar size: bytes in all; :obj:`None` until the index or upstream has said it.
    :ivar released: bytes that followers may have: all but the last, until length and
        digest agree with the index.
    :ivar error: why it failed.
    :ivar _finished: told of its end before anybody else is.
    """

    _log: ClassVar[Logger] = Logger()

    _name: NormalizedName
    _listed: Distribution
    _index: IIndex
    _partial: IPartial
    _holdings: Holdings
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _finished: Callable[["Download"], None]
    size: int | None = field(init=False)
    released: int = field(default=0, init=False)
    ended: bool = field(default=False, init=False)
    failed: bool = field(default=False, init=False)
    _written: int = field(default=0, init=False)
    _skip: int = field(default=0, init=False)
    _validator: str | None = field(default=None, init=False)
    _digests: Digests = field(init=False)
    _followers: set[Follower] = field(factory=set, init=False)
    _waiting: "list[Deferred[IByteSource]]" = field(factory=list, init=False)
    error: Failure | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.size = self._listed.size
        self._digests = Digests.checking(self._listed.hashes)

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

    def leave(self, follower: Follower) -> None:
        self._followers.discard(follower)
        if self.ended and not self._followers:
            self._partial.close()

    async def run(self) -> None:
        """
        Fetch, check, publish. Never fails: its followers and waiters are told.
        """
        try:
            await self._resume()
            await self._fetch()
            self._verify()
            await self._publish()
            self.released = self.size = self._written
        except Exception as e:
            self._fail(e)
        self.ended = True
        self._partial.release()
        self._finished(self)
        self._tell()
        if not self._followers:
            self._partial.close()

    def _fail(self, error: Exception) -> None:
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
            error = CannotKeep(filename=self._listed.filename, reason=reason)
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
        if isinstance(error, UpstreamNonsense) or not failed_us or not self._can_resume:
            self._partial.discard()

    @property
    def _can_resume(self) -> bool:
        return is_strong(self._listed.hashes)

    async def _resume(self) -> None:
        """
        Take up what an earlier attempt left.
        """
        left = self._partial.size
        if not left:
            return
        if not self._can_resume or (self.size is not None and left > self.size):
            self._partial.restart()
            return
        while self._written < left:
            wanted = min(_PIECE, left - self._written)
            read = await self._in_thread(
                _hash_piece, self._partial.fd, self._written, wanted, self._digests
            )
            self._written += read
        self._log.info(
            "{filename}: going on from byte {offset}",
            filename=self._listed.filename,
            offset=left,
        )

    def _start_anew(self) -> None:
        """
        Forget what an earlier attempt left; nobody has got any of it yet.
        """
        self._partial.restart()
        self._digests = Digests.checking(self._listed.hashes)
        self._written = 0

    async def _fetch(self) -> None:
        """
        :raises UpstreamUnreachable: it broke off again and again, without any progress.
        """
        delays = iter(_BACK_OFF)
        while not self._written or self._written != self.size:
            before = self._written
            try:
                body = await self._index.open_body(
                    self._listed.url,
                    byte_range=(self._written, None) if self._written else None,
                    if_range=self._validator,
                    hashed=is_strong(self._listed.hashes),
                )
            except UpstreamRefusal as e:
                if e.status != _NO_SUCH_RANGE or not self._written:
                    raise
                # There is no more. Then this was all, or never a part of it.
                if self._can_resume and self._is_right():
                    return
                if self.released:
                    raise self._wrong("it is shorter than it was") from e
                self._start_anew()
                continue
            self._begin(body)
            try:
                await body.deliver(self._receive)
                return
            except UpstreamUnreachable as e:
                if self._written > before:
                    delays = iter(_BACK_OFF)
                delay = next(delays, None)
                if delay is None:
                    raise
                self._log.info(
                    "{filename} broke off at byte {offset}: {error}",
                    filename=self._listed.filename,
                    offset=self._written,
                    error=e,
                )
                await deferLater(self._clock, delay)

    def _begin(self, body: IBody) -> None:
        """
        Upstream has answered: is it the file we want, and from where on?
        """
        total = body.total
        if body.start not in (0, self._written):
            wrong = f"it starts at byte {body.start}, not {self._written}"
        elif self.size is not None and total is not None and total != self.size:
            wrong = f"it has {total} bytes, not {self.size}"
        elif (
            self._written and not self._can_resume and body.validator != self._validator
        ):
            wrong = "it changed while it was fetched"
        else:
            self._skip = self._written - body.start
            self._validator = body.validator
            if self.size is None:
                self.size = total
            self._release()
            return
        body.abandon()
        raise self._wrong(wrong)

    def _receive(self, data: bytes) -> None:
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        if self.size is not None and self._written + len(data) > self.size:
            raise self._wrong(f"it has more than {self.size} bytes")
        self._partial.write(data)
        self._digests.update(data)
        self._written += len(data)
        self._release()

    def _release(self) -> None:
        end = self._written
        if self.size is None or end > self.size - _HELD_BACK:
            end = (self.size if self.size is not None else end) - _HELD_BACK
        if end > self.released:
            self.released = end
            self._tell()

    def _tell(self) -> None:
        if self.released or self.ended:
            waiting, self._waiting = self._waiting, []
            # All of them are followers before the first is told: one that leaves in no
            # time is then never the last, who closes the file.
            joining = [(w, Follower(self)) for w in waiting if not w.called]
            if self.error is None:
                self._followers.update(follower for _, follower in joining)
            for waiter, follower in joining:
                if waiter.called:  # cancelled by what another did
                    follower.close()
                elif self.error is not None:
                    waiter.errback(self.error)
                else:
                    waiter.callback(follower)
        for follower in tuple(self._followers):
            follower.tell()

    def _verify(self) -> None:
        if self.size is not None and self._written != self.size:
            raise self._wrong(f"it has {self._written} bytes, not {self.size}")
        if not self._is_right():
            algorithm = strongest(self._listed.hashes)
            raise self._wrong(f"its {algorithm} is not the one that the index gives")

    def _is_right(self) -> bool:
        algorithm = strongest(self._listed.hashes)
        return (
            algorithm is None
            or self._digests.hex()[algorithm] == self._listed.hashes[algorithm]
        )

    async def _publish(self) -> None:
        file = await self._partial.publish()
        if file is None:
            self._log.warn(
                "{filename} was put there meanwhile, and is left as it is",
                filename=self._listed.filename,
            )
        else:
            await self._holdings.add(
                self._name, file, self._digests.hex(), self._index.url
            )
            self._log.info(
                "{filename}: {size} bytes kept", filename=file.filename, size=file.size
            )

    def _wrong(self, reason: str) -> WrongBytes:
        return WrongBytes(
            url=self._listed.url, reason=reason, filename=self._listed.filename
        )


def _hash_piece(fd: int, offset: int, length: int, digests: Digests) -> int:
    data = os.pread(fd, length, offset)
    if not data:
        raise EOFError("the partial file was truncated")
    digests.update(data)
    return len(data)
