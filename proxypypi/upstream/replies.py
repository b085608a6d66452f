"""
Heads of responses, with bodies that have yet to be taken or dropped.
"""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.http import stringToDatetime

from proxypypi.errors import UpstreamNonsense, UpstreamRefusal
from proxypypi.upstream.urls import shown

_NOT_WORTH_READING = 64 * 1024
_BUSY = (429, 503)
_MOST_PEACE = 60.0  # seconds
_SECONDS = re.compile("[0-9]{1,9}")


@define(eq=False)
class Reply:
    """
    One of them.

    :ivar url: that answered, after redirects, without credentials.
    :ivar response: of treq, unbuffered.
    :ivar idle: seconds that its body may be silent.
    :ivar received: told how many bytes of its body come.
    """

    url: str
    response: Any
    clock: IReactorTime
    idle: float
    received: Callable[[int], None]
    _free: Callable[[], None]
    _held: bool = field(default=True, init=False)

    @property
    def code(self) -> int:
        return int(self.response.code)

    def header(self, name: str) -> str | None:
        """
        The value of a header that has one; :obj:`None` if it was not sent.
        """
        values = self.response.headers.getRawHeaders(name.encode("ascii"))
        return values[0].decode("latin-1").strip() if values else None

    @property
    def sent_at(self) -> float | None:
        """
        POSIX seconds by the clock of whoever sent it, or of the cache that had it;
        :obj:`None` if they do not say.
        """
        date = _instant(self.header("Date") or "")
        if date is None:
            return None
        age = self.header("Age") or ""
        return date + (float(age) if _SECONDS.fullmatch(age) else 0.0)

    def release(self) -> None:
        """
        The body has ended: let the next transfer begin. Once is enough.
        """
        if self._held:
            self._held = False
            self._free()

    def discard(self) -> None:
        """
        Let go of a body that nobody wants. Once is enough.
        """
        if self._held:
            discard(self.response, self.clock, self.idle)
        self.release()

    def refusal(self) -> UpstreamRefusal:
        """
        The error that this status means.
        """
        return UpstreamRefusal(
            url=shown(self.url),
            reason=f"it answered {status_text(self.code)}",
            status=self.code,
            dead_for=self._wants_peace(),
        )

    def _wants_peace(self) -> float:
        """
        :returns: seconds, as far as they are granted.
        """
        said = self.header("Retry-After") or ""
        if self.code not in _BUSY:
            return 0.0
        if _SECONDS.fullmatch(said):
            return min(float(said), _MOST_PEACE)
        until = _instant(said)
        if until is None:
            return 0.0
        return min(max(0.0, until - self.clock.seconds()), _MOST_PEACE)

    def nonsense(self, reason: str) -> UpstreamNonsense:
        """
        The error that this reply is, for *reason*.
        """
        return UpstreamNonsense(url=shown(self.url), reason=reason, status=self.code)


def _instant(said: str) -> float | None:
    """
    POSIX seconds of an HTTP date; :obj:`None` if it is none.
    """
    try:
        instant: float = stringToDatetime(said.encode("latin-1"))
    except (ValueError, IndexError):
        return None
    return instant


def status_text(code: int) -> str:
    """
    A status, and what it is called if it is a known one.
    """
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)


def discard(response: Any, clock: IReactorTime, idle: float) -> "Deferred[None]":
    """
    Let go of a body: read it if it is small, for its connection can be used again.

    :param idle: seconds that this may take.
    :returns: fires when it is gone, and does not fail unless it is cancelled.
    """
    discarded = _Discarded(clock, idle)
    response.deliverBody(discarded)
    return discarded.gone


class _Discarded(Protocol):
    """
    Reads a little of a body, and then ends its transfer.
    """

    def __init__(self, clock: IReactorTime, patience: float) -> None:
        self.gone: Deferred[None] = Deferred(lambda _: self._stop())
        self._clock = clock
        self._patience = patience
        self._left = _NOT_WORTH_READING
        self._alarm: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._alarm = self._clock.callLater(self._patience, self._give_up)

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self._give_up()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._unwatch()
        if not self.gone.called:
            self.gone.callback(None)

    def _give_up(self) -> None:
        self._stop()
        if not self.gone.called:
            self.gone.callback(None)

    def _stop(self) -> None:
        self._unwatch()
        producer: IPushProducer = self.transport  # type: ignore[assignment]
        producer.stopProducing()

    def _unwatch(self) -> None:
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
