"""
The pace of one client: what is sent to it waits when it does, and not for ever.
"""

from abc import ABC, abstractmethod
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.web.server import Request
from zope.interface import implementer

from proxypypi.web.watchdog import Watchdog, untaken

_log = Logger()


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
    _watchdog: Watchdog = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._done = Deferred(lambda _: self._leave())
        self._watchdog = Watchdog(
            self._clock, lambda: untaken(self._request.transport), self._give_up
        )

    def send(self) -> "Deferred[int]":
        self._request.registerProducer(self, True)
        self._begin()
        return self._done

    def pauseProducing(self) -> None:
        if not self._paused and not self._over:
            self._paused = True
            self._watchdog.start()
            self._hold()

    def resumeProducing(self) -> None:
        self._watchdog.stop()
        self._paused = False
        if not self._over:
            self._go_on()

    def stopProducing(self) -> None:
        if not self._over:
            self._over = True
            self._watchdog.stop()
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

    def _give_up(self) -> None:
        _log.info("{uri}: the client takes nothing any more", uri=self._request.uri)
        self._cut()

    def _cut(self) -> None:
        self.stopProducing()
        cut_off(self._request)

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
