"""
A file that cannot be kept, on its way from upstream to one client alone.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from proxypypi.cache.transfer import Transfer
from proxypypi.errors import WrongBytes
from proxypypi.interfaces import IBody


@implementer(IBody)
@define(eq=False)
class CheckedStream:
    """
    All of a file, or all from some byte on, at the client's pace; its last bytes come
    only if the whole is what its index says.

    :ivar _held: bytes that have come and were not given out yet.
    :ivar _distrust: told that upstream sends other bytes than its index speaks of.
    :ivar _free: told of its end.
    """

    _log: ClassVar[Logger] = Logger()

    _transfer: Transfer
    _held: bytes
    _distrust: Callable[[], None]
    _free: Callable[[], None]
    start: int = field(init=False)
    validator: None = field(default=None, init=False)
    _given: int = field(init=False)
    _receive: Callable[[bytes], None] = field(init=False)
    _over: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.start = self._given = self._transfer.got - len(self._held)

    @property
    def total(self) -> int | None:
        return self._transfer.size

    @property
    def length(self) -> int | None:
        return None if self.total is None else self.total - self.start

    async def open(self) -> None:
        """
        Have upstream answer, before anything is promised to the client.

        :raises UpstreamError: it does not, or sends another file.
        """
        try:
            await self._transfer.open()
        except BaseException as e:
            self._end(e)
            raise

    def deliver(self, receive: Callable[[bytes], None]) -> "Deferred[None]":
        self._receive = receive
        ended: Deferred[None] = Deferred(lambda _: self.abandon())
        Deferred.fromCoroutine(self._deliver()).addBoth(self._tell, ended)
        return ended

    def pause(self) -> None:
        self._transfer.pause()

    def resume(self) -> None:
        self._transfer.resume()

    def abandon(self) -> None:
        self._transfer.stop()
        self._end()

    async def _deliver(self) -> None:
        await self._transfer.run(self._write, self._moved)
        self._give(len(self._held))

    def _tell(self, result: Any, ended: "Deferred[None]") -> None:
        self._end(result.value if isinstance(result, Failure) else None)
        if not ended.called:
            ended.callback(result)

    def _write(self, data: bytes) -> None:
        self._held += data

    def _moved(self) -> None:
        self._give(self._transfer.releasable - self._given)

    def _give(self, size: int) -> None:
        if size > 0 and not self._over:
            data, self._held = self._held[:size], self._held[size:]
            self._given += size
            self._receive(data)

    def _end(self, error: BaseException | None = None) -> None:
        if not self._over:
            self._over = True
            self._free()
            if isinstance(error, WrongBytes):
                self._distrust()
