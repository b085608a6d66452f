"""
Sends bytes to one client: of files, from memory, or straight from upstream.
"""

import os
import socket

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from proxypypi.cache.sources import WholeFile
from proxypypi.errors import TooManyStreams, UpstreamError
from proxypypi.interfaces import IBody, IByteSource
from proxypypi.web.outlet import Outlet, Push, push_bytes, push_file, socket_of
from proxypypi.web.pace import Sender
from proxypypi.web.steps import Step, next_step

_PIECE = 64 * 1024  # bytes, at most, that wait in memory for one client

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
        first: Outlet | _FileSender = _FileSender(request, clock, source, start, stop)
        step, _ = next_step(source, start, stop)
        if step is Step.SEND:  # else nothing is promised yet
            to = _ready_socket(request)
            if to is not None:
                push = push_file(to, source)
                first = _outlet(request, clock, source, push, start, stop)
        sent = await first.send()
        if isinstance(first, Outlet):
            request.sentLength += sent
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

    async def send() -> int:
        to = _ready_socket(request)
        if to is None:
            return await _BytesSender(request, clock, content).send()
        memory = WholeFile(-1, len(content))
        push = push_bytes(to, content)
        sent = await _outlet(request, clock, memory, push, 0, None).send()
        request.sentLength += sent
        return sent

    return Deferred.fromCoroutine(send())


def _ready_socket(request: Request) -> socket.socket | None:
    """
    Write the head of an answer.

    :returns: where its body can go to as it is; :obj:`None` for nowhere.
    """
    request.write(b"")
    return socket_of(request.transport) if not request.chunked else None


def _outlet(
    request: Request,
    clock: IReactorTime,
    source: IByteSource,
    push: Push,
    start: int,
    stop: int | None,
) -> Outlet:
    return Outlet(request.channel, clock, request.uri, source, push, start, stop)


@define(eq=False)
class _FileSender(Sender):
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
            step, end = next_step(self._source, offset, self._stop)
            if step is Step.CUT:
                self._cut()
            elif step is Step.SEND:
                data = os.pread(self._source.fd, min(_PIECE, end - offset), offset)
                if data:
                    self._write(data)
                else:  # somebody truncated it under our hands
                    self._cut()
            elif step is Step.HAND_OVER:
                self._hand_over()
            elif step is Step.FINISH:
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
class _BodySender(Sender):
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
class _BytesSender(Sender):
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
