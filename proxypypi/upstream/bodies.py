"""
Files and ranges of files, as they arrive.
"""

import re
from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import UNKNOWN_LENGTH
from zope.interface import implementer

from proxypypi.errors import (
    UpstreamError,
    UpstreamNonsense,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from proxypypi.interfaces import IBody
from proxypypi.upstream.codings import BadCoding
from proxypypi.upstream.faults import CUT
from proxypypi.upstream.replies import Reply
from proxypypi.upstream.urls import shown

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")

ByteRange = tuple[int | None, int | None]


@frozen
class ContentRange:
    """
    What a 206 says it holds (:rfc:`9110`).

    :ivar last: inclusive.
    :ivar total: size of the whole file; :obj:`None` if upstream does not say.
    """

    first: int
    last: int
    total: int | None

    @classmethod
    def parse(cls, value: str) -> "ContentRange":
        """
        :raises ValueError: it is not one range of bytes.
        """
        match = _CONTENT_RANGE.fullmatch(value)
        if match is None:
            raise ValueError(f"{value!a} is no range of bytes")
        total = None if match[3] == "*" else int(match[3])
        found = cls(int(match[1]), int(match[2]), total)
        if found.last < found.first or (total is not None and found.last >= total):
            raise ValueError(f"{value!a} is no possible range")
        return found

    def answers(self, asked: ByteRange) -> bool:
        """
        Does it start where it was asked to, and stay inside of that?
        """
        match asked:
            case (None, int(suffix)):
                return self.total is not None and (self.first, self.last) == (
                    max(0, self.total - suffix),
                    self.total - 1,
                )
            case (first, last):
                return self.first == first and (last is None or self.last <= last)


def header_of(byte_range: ByteRange) -> str:
    """
    The ``Range`` header that asks for *byte_range*.
    """
    first, last = ("" if n is None else n for n in byte_range)
    return f"bytes={first}-{last}"


@implementer(IBody)
@define(eq=False)
class Body:
    """
    The body of a reply, handed on as it arrives.

    Use :func:`whole_body` or :func:`open_reply` to make one.
    """

    _reply: Reply
    start: int
    length: int | None
    total: int | None
    validator: str | None
    _arrival: "_Arrival" = field(init=False)
    _begun: bool = field(default=False, init=False)

    @_arrival.default
    def _make_arrival(self) -> "_Arrival":
        return _Arrival(self._reply, self.length)

    def deliver(self, receive: Callable[[bytes], None]) -> "Deferred[None]":
        """
        :raises RuntimeError: it was delivered or abandoned before.
        """
        if self._begun:
            raise RuntimeError("a body is delivered only once")
        self._begun = True
        self._arrival.receive = receive
        self._reply.response.deliverBody(self._arrival)
        return self._arrival.ended

    def pause(self) -> None:
        self._arrival.pause()

    def resume(self) -> None:
        self._arrival.resume()

    def abandon(self) -> None:
        if not self._begun:
            self.deliver(_ignore).addErrback(_nobody_minds)
        if not self._arrival.ended.called:
            self._arrival.ended.cancel()


def whole_body(reply: Reply) -> Body:
    """
    The body of a 200.
    """
    length = None if reply.response.length == UNKNOWN_LENGTH else reply.response.length
    return Body(reply, 0, length, length, _validator(reply))


def open_reply(reply: Reply, asked: ByteRange | None) -> Body:
    """
    The body of what came when a file, or the range *asked* of one, was asked for.

    :raises UpstreamRefusal: the status is neither 200 nor 206.
    :raises UpstreamNonsense: it is a part of the file, and not the one asked for.
    """
    if reply.code == 200:
        return whole_body(reply)
    try:
        if reply.code != 206:
            raise reply.refusal()
        if asked is None:
            raise reply.nonsense("it sent a part of a file, asked for all of it")
        try:
            found = ContentRange.parse(reply.header("Content-Range") or "")
        except ValueError as e:
            raise reply.nonsense(f"it sent a part of a file, but {e}") from e
        length = found.last - found.first + 1
        if not found.answers(asked):
            raise reply.nonsense("it sent another part of the file than asked for")
        if reply.response.length not in (UNKNOWN_LENGTH, length):
            raise reply.nonsense("it contradicts itself on the length of a part")
    except UpstreamError:
        reply.discard()
        raise
    return Body(reply, found.first, length, found.total, _validator(reply))


def _validator(reply: Reply) -> str | None:
    etag = reply.header("ETag")
    if etag is not None and re.fullmatch(r'"[^"]*"', etag):
        return etag
    return reply.header("Last-Modified")


def _ignore(data: bytes) -> None:
    pass


def _nobody_minds(failure: Failure) -> None:
    pass


class _Arrival(Protocol):
    """
    Receives a body from twisted.web.

    Its transport can be stopped for good by ``stopProducing``: that closes the
    connection, under TLS without waiting for the other side, and does nothing to a
    connection that has gone on to its next response.

    :ivar ended: fires when the body has; cancelled, it ends the transfer.
    """

    receive: Callable[[bytes], None]

    def __init__(self, reply: Reply, length: int | None) -> None:
        self.ended: Deferred[None] = Deferred(lambda _: self._stop())
        self._reply = reply
        self._clock: IReactorTime = reply.clock
        self._length = length
        self._idle = reply.idle
        self._count = 0
        self._over = False
        self._paused = False
        self._held: deque[bytes] = deque()  # came although we had asked for a pause
        self._lost: Failure | None = None  # what the connection ended with, meanwhile
        self._alarm: IDelayedCall | None = None

    def pause(self) -> None:
        if not self._over and not self._paused:
            self._paused = True
            self._unwatch()
            if self.transport is not None:
                self._producer.pauseProducing()

    def resume(self) -> None:
        if self._over or not self._paused:
            return
        self._paused = False
        if self.transport is None:
            return
        self._watch()
        while self._held and not self._paused and not self._over:
            self._hand_on(self._held.popleft())
        if self._over or self._paused:
            return
        if self._lost is not None:
            self.connectionLost(self._lost)
        else:
            self._producer.resumeProducing()

    def connectionMade(self) -> None:
        if not self._paused:
            self._watch()

    def dataReceived(self, data: bytes) -> None:
        if self._over:
            return
        if self._paused or self._held:
            self._held.append(data)
            if self._paused:  # twisted.web resumes once a body has begun
                self._producer.pauseProducing()
            return
        self._hand_on(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._over:
            return
        if self._paused or self._held:
            self._lost = reason
            return
        fault = self._fault(reason)
        self._close()
        if fault is None:
            self.ended.callback(None)
        else:
            fault.__cause__ = reason.value
            self.ended.errback(fault)

    def _hand_on(self, data: bytes) -> None:
        self._count += len(data)
        self._reply.received(len(data))
        if self._length is not None and self._count > self._length:
            self._fail(UpstreamNonsense, "it sent more than it promised")
            return
        try:
            self.receive(data)
        except Exception:
            if not self._over:  # else nobody is left to tell
                failure = Failure()
                self._stop()
                self.ended.errback(failure)
            return
        if self._alarm is not None and self._alarm.active():
            self._alarm.reset(self._idle)

    def _fault(self, reason: Failure) -> UpstreamError | None:
        url = shown(self._reply.url)
        if reason.check(BadCoding):
            return UpstreamNonsense(url=url, reason=str(reason.value))
        if not reason.check(ResponseDone, PotentialDataLoss):
            return UpstreamUnreachable(url=url, reason=CUT)
        if self._length is None and reason.check(ResponseDone):
            return None
        if self._length == self._count:
            return None
        return UpstreamUnreachable(url=url, reason=CUT)

    def _fail(self, kind: type[UpstreamError], reason: str) -> None:
        self._stop()
        self.ended.errback(kind(url=shown(self._reply.url), reason=reason))

    def _stop(self) -> None:
        self._close()
        if self.transport is not None:
            self._producer.stopProducing()

    def _close(self) -> None:
        self._over = True
        self._held.clear()
        self._unwatch()
        self._reply.release()

    def _watch(self) -> None:
        self._alarm = self._clock.callLater(self._idle, self._stalled)

    def _unwatch(self) -> None:
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()

    def _stalled(self) -> None:
        self._fail(UpstreamTimeout, f"no byte within {self._idle:.0f} s")

    @property
    def _producer(self) -> IPushProducer:
        transport: Any = self.transport
        producer: IPushProducer = transport
        return producer
