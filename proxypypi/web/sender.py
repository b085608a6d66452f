"""
Sends bytes to one client, at the pace it takes them.
"""

import fcntl
import os
import sys
import termios
from abc import ABC, abstractmethod
from typing import Any

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request
from zope.interface import implementer

from proxypypi.errors import TooManyStreams, UpstreamError
from proxypypi.interfaces import IBody, IByteSource

_PIECE = 64 * 1024  # bytes, at most, that wait in memory for one client
_STALLED = 120.0  # seconds after which a client that takes nothing is cut off
_LOOK = 30.0  # seconds between looks at whether it does

_log = Logger()


def send_file(
    request: Request,
    source: IByteSource,
    clock: IReactorTime,
    start: int = 0,
    stop: int | None = None,
) -> "Deferred[int]":
    """
    Send the bytes of *source*, as they come if it is still growing, and close it. What
    did not fit in there follows straight from upstream.

    If that fails, the connection is cut.

    :param start: offset of the first byte.
    :param stop: offset of that after the last; :obj:`None` for all there will be.
    :returns: fires with the number of bytes when all have been handed on.
    """

    async def send() -> int:
        first = _FileSender(request, clock, source, start, stop)
        sent = await first.send()
        if first.rest is None:
            return sent
        most = None if stop is None else stop - start - sent
        skip = start + sent - first.rest.start
        return sent + await _RestSender(request, clock, first.rest, most, skip).send()

    return Deferred.fromCoroutine(send())


def send_body(
    request: Request, body: IBody, clock: IReactorTime, most: int | None = None
) -> "Deferred[int]":
    """
    Relay a body from upstream, which waits whenever the client does.

    :param most: bytes to send; :obj:`None` for all.
    :returns: fires with the number of bytes sent; there are less than promised if
        upstream broke off.
    """
    return _BodySender(request, clock, body, most).send()


def send_bytes(
    request: Request, content: bytes, clock: IReactorTime
) -> "Deferred[int]":
    """
    Send what is in memory once for all clients, without a copy for each that is slow.

    :returns: fires with the number of bytes when all have been handed on.
    """
    return _BytesSender(request, clock, content).send()


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
class _Sender(ABC):
    """
    What both have in common: pausing, giving up on stalled clients, the end.

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


@define(eq=False)
class _FileSender(_Sender):
    """
    :ivar rest: what is to follow; :obj:`None` for nothing.
    """

    _source: IByteSource
    _start: int
    _stop: int | None
    rest: IBody | None = field(default=None, init=False)

    def _begin(self) -> None:
        self._source.watch(self._go_on)
        self._go_on()

    def _hold(self) -> None:
        """
        Nothing comes by itself.
        """

    def _go_on(self) -> None:
        while not self._paused and not self._over:
            offset = self._start + self._sent
            end = self._source.released
            if self._stop is not None:
                end = min(end, self._stop)
            if self._source.failed:
                self._cut()
            elif offset < end:
                data = os.pread(self._source.fd, min(_PIECE, end - offset), offset)
                if data:
                    self._write(data)
                else:  # somebody truncated it under our hands
                    self._cut()
            elif self._source.overflowed and offset != self._stop:
                self._hand_over()
            elif self._source.ended or offset == self._stop:
                self._finish()
            else:
                return  # until it has grown

    def _hand_over(self) -> None:
        try:
            self.rest = self._source.rest()
        except TooManyStreams as e:
            _log.warn("{uri}: {error}", uri=self._request.uri, error=e)
            self._cut()
        else:
            self._finish()

    def _release(self) -> None:
        self._source.close()


@define(eq=False)
class _BodySender(_Sender):
    _body: IBody
    _most: int | None
    _delivered: "Deferred[None] | None" = field(default=None, init=False)

    def _begin(self) -> None:
        self._delivered = self._body.deliver(self._receive)
        self._delivered.addErrback(self._broken).addCallback(self._ended)
        if self._over:  # all that was wanted came at once
            self._delivered.cancel()

    def _hold(self) -> None:
        self._body.pause()

    def _go_on(self) -> None:
        self._body.resume()

    def _receive(self, data: bytes) -> None:
        if self._most is not None:
            data = data[: self._most - self._sent]
        if data:
            self._write(data)
        if self._sent == self._most and not self._over:
            self._finish()

    def _broken(self, failure: Failure) -> None:
        failure.trap(UpstreamError, CancelledError)
        if not self._over:
            _log.warn(
                "{uri} broke off: {error}", uri=self._request.uri, error=failure.value
            )

    def _ended(self, _: object) -> None:
        if not self._over:
            self._finish()

    def _release(self) -> None:
        if self._delivered is not None:
            self._delivered.cancel()


@define(eq=False)
class _BytesSender(_Sender):
    _content: bytes

    def _begin(self) -> None:
        self._go_on()

    def _hold(self) -> None:
        """
        Nothing comes by itself.
        """

    def _go_on(self) -> None:
        while not self._paused and not self._over:
            piece = self._content[self._sent : self._sent + _PIECE]
            if piece:
                self._write(piece)
            else:
                self._finish()

    def _release(self) -> None:
        self._content = b""


@define(eq=False)
class _RestSender(_BodySender):
    """
    :ivar _skip: bytes that the client has already, or does not want.
    """

    _skip: int

    def _receive(self, data: bytes) -> None:
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        super()._receive(data[skipped:])

    def _broken(self, failure: Failure) -> None:
        super()._broken(failure)
        if not self._over:
            self._cut()
