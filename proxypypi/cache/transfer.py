"""
A file as it comes from upstream: checked, and taken up again where it breaks off.
"""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from proxypypi.cache.hashing import Hashing
from proxypypi.errors import UpstreamRefusal, UpstreamUnreachable, WrongBytes
from proxypypi.events import RESUMED, IEvents
from proxypypi.interfaces import IBody, IIndex
from proxypypi.model import Distribution
from proxypypi.rules.integrity import Digests, is_strong, strongest

T = TypeVar("T")

_HELD_BACK = 1024  # bytes that nobody gets before all are checked
_BACK_OFF = (0.2, 0.8, 3.2)  # seconds before each further try, while none brings more
_NO_SUCH_RANGE = 416  # as upstream says it


def releasable(got: int, size: int | None) -> int:
    """
    How many bytes may be given out of those that have come, before all are checked.

    :param size: of all; :obj:`None` if it is not known.
    """
    end = got - _HELD_BACK if size is None else min(got, size - _HELD_BACK)
    return max(0, end)


@define(eq=False)
class Transfer:
    """
    One file on its way from upstream, to whoever takes its bytes.

    :ivar listed: the file, as the index lists it.
    :ivar size: bytes in all; :obj:`None` until the index or upstream has said it.
    :ivar got: how many bytes have come so far.
    :ivar paced: does one client, who may be slow, set its pace?
    :ivar _restart: throw away what an earlier attempt left; :obj:`False` if somebody
        has got some of it.
    :ivar _in_thread: runs a blocking call; :obj:`None` to hash what comes at once.
    """

    _log: ClassVar[Logger] = Logger()

    listed: Distribution
    _index: IIndex
    _clock: IReactorTime
    _events: IEvents
    _restart: Callable[[], bool] = field(default=lambda: False)
    _in_thread: "Callable[..., Deferred[Any]] | None" = None
    size: int | None = field(init=False)
    got: int = field(default=0, init=False)
    _hashing: Hashing = field(init=False)
    paced: bool = field(default=False, init=False)
    _skip: int = field(default=0, init=False)
    _validator: str | None = field(default=None, init=False)
    _body: IBody | None = field(default=None, init=False)
    _is_open: bool = field(default=False, init=False)
    _is_paused: bool = field(default=False, init=False)
    _is_over: bool = field(default=False, init=False)
    _waiting: "Deferred[object] | None" = field(default=None, init=False)
    _write: Callable[[bytes], None] = field(init=False)
    _moved: Callable[[], None] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.size = self.listed.size
        self.forget()

    def fork(self) -> "Transfer":
        """
        Another transfer of the same file, which goes on from here.
        """
        other = Transfer(self.listed, self._index, self._clock, self._events)
        other.size, other.got = self.size, self.got
        other._hashing = Hashing(self.digests.copy())
        other._validator = self._validator
        return other

    @property
    def digests(self) -> Digests:
        """
        Of all bytes that have come so far.
        """
        return self._hashing.digests

    @property
    def releasable(self) -> int:
        """
        How many of the bytes that have come may be given out before all are checked.
        """
        return releasable(self.got, self.size)

    @property
    def can_resume(self) -> bool:
        """
        Will a digest tell whether what comes belongs to what came before?
        """
        return is_strong(self.listed.hashes)

    def forget(self) -> None:
        """
        Begin anew, from the first byte.
        """
        self._hashing = Hashing(Digests.checking(self.listed.hashes), self._in_thread)
        self.got = 0

    async def open(self) -> None:
        """
        Have upstream answer, so that it is known whether and what it will send.

        :raises UpstreamError: it does not, or sends another file.
        """
        while not self._is_open:
            try:
                body = await self._wait(
                    self._index.open_body(
                        self.listed.url,
                        byte_range=(self.got, None) if self.got else None,
                        if_range=self._validator,
                        hashed=is_strong(self.listed.hashes),
                        paced=self.paced,
                    )
                )
            except UpstreamRefusal as e:
                if e.status != _NO_SUCH_RANGE or not self.got:
                    raise
                # There is no more. Then this was all, or never a part of it.
                if self.can_resume and self._is_right():
                    self._is_open = True
                elif self._restart():
                    self.forget()
                else:
                    raise self.wrong("it is shorter than it was") from e
            else:
                self._begin(body)

    async def run(
        self, write: Callable[[bytes], None], moved: Callable[[], None]
    ) -> None:
        """
        Receive all that is missing, and check the whole.

        :param write: gets each piece, before it counts as come; what it raises ends
            the transfer.
        :param moved: told whenever there may be more that is releasable.
        :raises UpstreamUnreachable: it broke off again and again, without any progress.
        :raises WrongBytes: this is not what the index speaks of.
        """
        self._write, self._moved = write, moved
        delays = iter(_BACK_OFF)
        while not self.got or self.got != self.size:
            before = self.got
            await self.open()
            self._is_open = False
            try:
                await self._deliver()
                break
            except UpstreamUnreachable as e:
                if self.got > before:
                    delays = iter(_BACK_OFF)
                delay = next(delays, None)
                if delay is None:
                    raise
                self._log.info(
                    "{filename} broke off at byte {offset}: {error}",
                    filename=self.listed.filename,
                    offset=self.got,
                    error=e,
                )
                self._events.note(RESUMED)
                await self._wait(deferLater(self._clock, delay))
        self._verify()

    def pause(self) -> None:
        self._is_paused = True
        if self._body is not None:
            self._body.pause()

    def resume(self) -> None:
        self._is_paused = False
        if self._body is not None:
            self._body.resume()

    def stop(self) -> None:
        """
        Let nothing more come. Can be called repeatedly, and after the end.
        """
        self._is_over = True
        if self._is_open and self._body is not None:
            self._body.abandon()
        if self._waiting is not None:
            self._waiting.cancel()

    def wrong(self, reason: str) -> WrongBytes:
        return WrongBytes(
            url=self.listed.url, reason=reason, filename=self.listed.filename
        )

    async def _deliver(self) -> None:
        if self._body is None:
            return
        self._moved()
        if self._is_paused:
            self._body.pause()
        try:
            await self._wait(self._body.deliver(self._receive))
        finally:
            self._body = None

    async def _wait(self, waiting: "Deferred[T]") -> T:
        """
        Wait so that :meth:`stop` ends it, even if that came from within the call that
        *waiting* is the result of.
        """
        self._waiting = waiting  # type: ignore[assignment]
        if self._is_over:
            waiting.cancel()
        return await waiting

    def _begin(self, body: IBody) -> None:
        """
        Upstream has answered: is it the file we want, and from where on?
        """
        total = body.total
        if body.start not in (0, self.got):
            wrong = f"it starts at byte {body.start}, not {self.got}"
        elif self.size is not None and total is not None and total != self.size:
            wrong = f"it has {total} bytes, not {self.size}"
        elif self.got and not self.can_resume and body.validator != self._validator:
            wrong = "it changed while it was fetched"
        else:
            self._skip = self.got - body.start
            self._validator = body.validator
            if self.size is None:
                self.size = total
            self._body, self._is_open = body, True
            return
        body.abandon()
        raise self.wrong(wrong)

    def _receive(self, data: bytes) -> None:
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        if self.size is not None and self.got + len(data) > self.size:
            raise self.wrong(f"it has more than {self.size} bytes")
        self._write(data)
        self._hashing.update(data)
        self.got += len(data)
        self._moved()

    def _verify(self) -> None:
        if self.size is not None and self.got != self.size:
            raise self.wrong(f"it has {self.got} bytes, not {self.size}")
        if not self._is_right():
            algorithm = strongest(self.listed.hashes)
            raise self.wrong(f"its {algorithm} is not the one that the index gives")

    def _is_right(self) -> bool:
        algorithm = strongest(self.listed.hashes)
        return (
            algorithm is None
            or self.digests.hex()[algorithm] == self.listed.hashes[algorithm]
        )
