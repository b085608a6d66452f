"""
The short way to a client: from a file, or from memory, into its socket.
"""

import os
import socket
from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer, IReactorTime, ISystemHandle
from twisted.logger import Logger
from zope.interface import implementer

from proxypypi.errors import TooManyStreams
from proxypypi.interfaces import IBody, IByteSource
from proxypypi.web.steps import Step, next_step
from proxypypi.web.watchdog import Watchdog, untaken

_A_TURN = 1024 * 1024  # bytes for one client before it is another's turn

_log = Logger()

Push = Callable[[int, int], int]
"""
Is given an offset and how many bytes may follow; returns how many the socket took.
"""


def socket_of(transport: Any) -> socket.socket | None:
    """
    The socket that what is written goes to as it is; :obj:`None` if there is none, as
    under TLS.
    """
    if not ISystemHandle.providedBy(transport):
        return None
    handle = transport.getHandle()
    return handle if isinstance(handle, socket.socket) else None


def push_file(to: socket.socket, source: IByteSource) -> Push:
    """
    The kernel copies from the file; the bytes never come here, unless they have just
    come from upstream.
    """

    def push(offset: int, most: int) -> int:
        start, data = source.latest
        if start <= offset < start + len(data):
            return to.send(memoryview(data)[offset - start :][:most])
        return os.sendfile(to.fileno(), source.fd, offset, most)

    return push


def push_bytes(to: socket.socket, content: bytes) -> Push:
    """
    All clients share what is in memory.
    """
    view = memoryview(content)

    def push(offset: int, most: int) -> int:
        return to.send(view[offset : offset + most])

    return push


@implementer(IPullProducer)
@define(eq=False)
class Outlet:
    """
    Takes the place of a channel as the producer of its transport, which asks for more
    when it has nothing left itself: only then, or when what there is has grown since,
    bytes go to the socket. So all of them go out in order.

    :ivar rest: what is to follow; :obj:`None` for nothing.
    :ivar _channel: of HTTP; it takes its place again at the end.
    :ivar _what: is sent, for the log.
    :ivar _offset: of the next byte.
    :ivar _stop: offset of that after the last; :obj:`None` for all there will be.
    """

    _channel: Any
    _clock: IReactorTime
    _what: bytes
    _source: IByteSource
    _push: Push
    _offset: int
    _stop: int | None
    rest: IBody | None = field(default=None, init=False)
    _transport: Any = field(init=False)
    _ended: "Deferred[int]" = field(init=False)
    _sent: int = field(default=0, init=False)
    _its_turn: bool = field(default=False, init=False)
    _waiting: bool = field(default=False, init=False)
    _over: bool = field(default=False, init=False)
    _watchdog: Watchdog = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._transport = self._channel.transport
        self._ended = Deferred(lambda _: self._leave())
        self._watchdog = Watchdog(self._clock, self._progress, self._give_up)

    def send(self) -> "Deferred[int]":
        """
        :returns: fires with the number of bytes when the kernel has them all; never
            fires if the connection ends before.
        """
        self._transport.unregisterProducer()
        self._transport.registerProducer(self, False)  # which asks for bytes too early
        self._its_turn = True
        if not self._over:
            self._source.watch(self._grown)
            self._wait_for_client()
        return self._ended

    def resumeProducing(self) -> None:
        if self._its_turn and not self._over:
            self._go_on()

    def stopProducing(self) -> None:
        if not self._over:
            self._over = True
            self._watchdog.stop()
            self._source.close()

    def _grown(self) -> None:
        if self._waiting and not self._over:
            self._go_on()

    def _go_on(self) -> None:
        self._waiting = False
        left = _A_TURN
        while True:
            step, end = next_step(self._source, self._offset, self._stop)
            if step is not Step.SEND:
                self._do(step)
                return
            if not left:
                self._wait_for_client()
                return
            most = min(left, end - self._offset)
            try:
                count = self._push(self._offset, most)
            except BlockingIOError:
                self._wait_for_client()
                return
            except OSError:  # the client has gone, or the disk is broken
                count = 0
            if not count:  # or somebody truncated the file under our hands
                self._cut()
                return
            self._offset += count
            self._sent += count
            left -= count

    def _wait_for_client(self) -> None:
        self._watchdog.start()
        self._transport.startWriting()

    def _do(self, step: Step) -> None:
        if step is Step.FINISH:
            self._finish()
        elif step is Step.CUT:
            self._cut()
        elif step is Step.HAND_OVER:
            self._hand_over()
        else:
            self._waiting = True
            self._watchdog.stop()

    def _hand_over(self) -> None:
        try:
            self.rest = self._source.rest()
        except TooManyStreams as e:
            _log.warn("{what}: {error}", what=self._what, error=e)
            self._cut()
        else:
            self._finish()

    def _finish(self) -> None:
        self.stopProducing()
        self._step_aside()
        self._ended.callback(self._sent)

    def _leave(self) -> None:
        """
        Nobody waits for this any more; there may be another answer yet.
        """
        if not self._over:
            self.stopProducing()
            self._step_aside()

    def _step_aside(self) -> None:
        self._transport.unregisterProducer()
        self._transport.registerProducer(self._channel, True)
        # Whatever it was asked to wait for before we came has been sent.
        self._channel.resumeProducing()

    def _progress(self) -> object:
        return self._sent, untaken(self._transport)

    def _give_up(self) -> None:
        _log.info("{what}: the client takes nothing any more", what=self._what)
        self._cut()

    def _cut(self) -> None:
        self.stopProducing()
        self._transport.abortConnection()
