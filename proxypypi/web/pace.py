"""
The pace of one client: what is sent to it waits when it does, and not for ever.
"""

import fcntl
import sys
import termios
from abc import ABC, abstractmethod
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.web.server import Request
from zope.interface import implementer

_STALLED = 120.0  # seconds after which a client that takes nothing is cut off
_LOOK = 30.0  # seconds between looks at whether it does

_log = Logger()


def _untaken(request: Request) -> int:
    """
    How many bytes the kernel holds for the client; always 0 if it does not tell.
    """
    transport: Any = request.transport
    try:
        told = fcntl.ioctl(transport.fileno(), termios.TIOCOUTQ, bytes(4))
    except (AttributeError, OSError, ValueError):
        return 0
    return int.from_bytes(told, sys.byteorder)


def cut_off(request: Request) -> "Deferred[None]":
    """
    End the connection, so that the client sees that it has not got all.

    :returns: never fires; it is cancelled with the request it belongs to.
    """
    transport: Any = request.transport
    if transport is not None:
        transport.abortConnection()
    return Deferred()


@implementer(IPushProducer)
@define(eq=False)
class Sender(ABC):
    """
    What all senders have in common: pausing, giving up on stalled clients, the end.

    :ivar _sent: bytes handed on so far.
    """

    _request: Request
    _clock: IReactorTime
    _done: "Deferred[int]" = field(init=False)
    _sent: int = field(default=0, init=False)
    _paused: bool = field(default=False, init=False)
    _over: bool = field(default=False, init=False)
    _watchdog: IDelayedCall | None = field(default=None, init=False)
    _untaken: int = field(default=0, init=False)
    _took_at: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._done = Deferred(lambda _: self._leave())

    def send(self) -> "Deferred[int]":
        self._request.registerProducer(self, True)
        self._begin()
        return self._done

    def pauseProducing(self) -> None:
        if not self._paused and not self._over:
            self._paused = True
            self._untaken = _untaken(self._request)
            self._took_at = self._clock.seconds()
            self._watchdog = self._clock.callLater(_LOOK, self._look)
            self._hold()

    def resumeProducing(self) -> None:
        self._calm()
        self._paused = False
        if not self._over:
            self._go_on()

    def stopProducing(self) -> None:
        if not self._over:
            self._over = True
            self._calm()
            self._release()

    def _write(self, data: bytes) -> None:
        self._sent += len(data)
        self._request.write(data)

    def _finish(self) -> None:
        self.stopProducing()
        self._request.unregisterProducer()
        self._done.callback(self._sent)

    def _leave(self) -> None:
        """
        Nobody waits for this any more; there may be another answer yet.
        """
        self.stopProducing()
        if self._request.channel is not None:  # the client has not gone
            self._request.unregisterProducer()

    def _look(self) -> None:
        """
        A slow client may take long to empty the kernel's buffer, but does so by and by.
        """
        untaken, now = _untaken(self._request), self._clock.seconds()
        if untaken != self._untaken:
            self._untaken, self._took_at = untaken, now
        if now - self._took_at >= _STALLED:
            self._give_up()
        else:
            self._watchdog = self._clock.callLater(_LOOK, self._look)

    def _give_up(self) -> None:
        _log.info("{uri}: the client takes nothing any more", uri=self._request.uri)
        self._cut()

    def _cut(self) -> None:
        self.stopProducing()
        cut_off(self._request)

    def _calm(self) -> None:
        if self._watchdog is not None and self._watchdog.active():
            self._watchdog.cancel()
        self._watchdog = None

    @abstractmethod
    def _begin(self) -> None:
        """
        Send what can be sent at once, and see that the rest follows.
        """

    @abstractmethod
    def _hold(self) -> None:
        """
        The client needs a pause.
        """

    @abstractmethod
    def _go_on(self) -> None:
        """
        The client can take more.
        """

    @abstractmethod
    def _release(self) -> None:
        """
        The source of the bytes is not needed any more.
        """
