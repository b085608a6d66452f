"""
Is it of any use to ask an index now?
"""

from collections.abc import Callable

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from proxypypi.errors import UpstreamError, UpstreamUnreachable

_FIRST_PATIENCE = 0.5  # seconds for a connection, as long as none was made
_PATIENCE = (0.03, 1.0)  # seconds, at least and at most, once one was
_SLOWNESS = 5.0  # times as long as the last one took is too long


@define(eq=False)
class Breaker:
    """
    Is opened by an error that speaks for all of an index, for as long as that says, and
    closed by the next answer. While it is open, who asks gets that error at once.
    """

    _clock: IReactorTime
    _error: UpstreamError | None = field(default=None, init=False)
    _open_until: float = field(default=0.0, init=False)

    @property
    def is_open(self) -> bool:
        return self._error is not None and self._clock.seconds() < self._open_until

    def check(self, url: str) -> None:
        """
        :param url: what would be asked for, without credentials.
        :raises UpstreamUnreachable: it is open.
        """
        e = self._error
        if e is not None and self.is_open:
            reason = f"{e.reason}, and it is not asked again yet"
            raise UpstreamUnreachable(url=url, reason=reason, dead_for=e.dead_for)

    def failed(self, error: UpstreamError) -> None:
        if error.dead_for:
            self._error = error
            self._open_until = self._clock.seconds() + error.dead_for
        elif error.status is not None:
            self.answered()

    def answered(self) -> None:
        self._error = None


@define(eq=False)
class Connecting:
    """
    Tells when a connection to the index takes far longer than the last one did. It may
    come about yet; it is not waited for where there is something else to give.

    :ivar watchers: are called, each time.
    :ivar overdue: connections that are being made, and take that long.
    """

    _clock: IReactorTime
    watchers: set[Callable[[], None]] = field(factory=set, init=False)
    overdue: int = field(default=0, init=False)
    _took: float | None = field(default=None, init=False)

    def begin(self) -> Callable[[bool], None]:
        """
        A connection is being made.

        :returns: to be called with whether it was.
        """
        began = self._clock.seconds()
        call = self._clock.callLater(self._patience(), self._tell)

        def ended(well: bool) -> None:
            if call.active():
                call.cancel()
            else:
                self.overdue -= 1
            if well:
                self._took = self._clock.seconds() - began

        return ended

    def _patience(self) -> float:
        if self._took is None:
            return _FIRST_PATIENCE
        least, most = _PATIENCE
        return min(most, max(least, _SLOWNESS * self._took))

    def _tell(self) -> None:
        self.overdue += 1
        for watcher in tuple(self.watchers):
            watcher()
