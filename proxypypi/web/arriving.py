"""
Bodies of requests that are taken while they come, however large they are.
"""

from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from proxypypi.errors import TooSlow

_LEAST = 64 * 1024  # bytes that have to come
_WITHIN = 60.0  # seconds; else the client is given up, so that none keeps its place
_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


@define(eq=False)
class ArrivingBody:
    """
    Nothing of it is read, and no client is told to send it, before :meth:`deliver`.

    :ivar length: bytes; :obj:`None` if the client does not say.
    :ivar is_expected: does the client wait to be told to send it?
    :ivar _patience: until enough has come.
    :ivar _lately: bytes that have come since it began anew.
    :ivar _channel: see :class:`proxypypi.web.channel.Channel`; it is held already.
    """

    length: int | None
    _channel: Any
    _clock: IReactorTime
    is_expected: bool = field(default=False, init=False)
    _receive: Callable[[bytes], None] | None = field(default=None, init=False)
    _ended: "Deferred[None] | None" = field(default=None, init=False)
    _patience: IDelayedCall | None = field(default=None, init=False)
    _lately: int = field(default=0, init=False)

    def deliver(self, receive: Callable[[bytes], None]) -> "Deferred[None]":
        """
        Hand every piece to *receive* as it comes.

        :returns: fires when all has come. An exception out of *receive* ends it, and is
            the Deferred's failure.
        :raises TooSlow: too little came for too long.
        """
        self._receive = receive
        ended: Deferred[None] = Deferred(self._abandon)
        self._ended = ended
        self._patience = self._clock.callLater(_WITHIN, self.fail, TooSlow())
        if self.is_expected:
            self._channel.transport.write(_GO_ON)
        self._channel.go_on()
        return ended

    def received(self, data: bytes) -> None:
        """
        A piece has come.
        """
        if self._receive is None or self._patience is None:
            return
        self._lately += len(data)
        if self._lately >= _LEAST:
            self._lately = 0
            self._patience.reset(_WITHIN)
        try:
            self._receive(data)
        except Exception as e:
            self.fail(e)

    def end(self) -> None:
        """
        All has come.
        """
        ended = self._stop()
        if ended is not None:
            ended.callback(None)

    def fail(self, error: Exception) -> None:
        """
        What else comes is of no use.
        """
        ended = self._stop()
        if ended is not None:
            ended.errback(Failure(error))

    def _abandon(self, _: "Deferred[None]") -> None:
        self._stop()

    def _stop(self) -> "Deferred[None] | None":
        """
        :returns: what is still to be told of the end.
        """
        self._receive = None
        if self._patience is not None and self._patience.active():
            self._patience.cancel()
        self._patience = None
        ended, self._ended = self._ended, None
        return ended
