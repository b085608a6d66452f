"""
What is noted of how one index answers.
"""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from proxypypi.errors import (
    NoDocument,
    NoProjectList,
    NoSuchProject,
    ProxypypiError,
    UpstreamError,
    UpstreamNonsense,
    UpstreamRefusal,
    UpstreamTimeout,
)
from proxypypi.events import (
    BOUNDS,
    FETCHED,
    SUM,
    UNHEARD,
    UPSTREAM_REQUESTS,
    UPSTREAM_SECONDS,
    IEvents,
)

_NOTHING = (NoSuchProject, NoProjectList, NoDocument)

T = TypeVar("T")


@frozen
class Notes:
    """
    :ivar upstream: the index's name.
    """

    upstream: str = ""
    _events: IEvents = UNHEARD

    async def of(
        self,
        attempt: Callable[[], Coroutine[Any, Any, T]],
        clock: IReactorTime,
        none: str = "304",
    ) -> T:
        """
        Make an attempt, and note what came of it. One that is given up is not noted.

        :param none: what it stands for that the attempt returns :obj:`None`.
        """
        began = clock.seconds()
        try:
            answer = await attempt()
        except (UpstreamError, *_NOTHING) as e:
            self.answered(result_of(e), clock.seconds() - began)
            raise
        self.answered(none if answer is None else "2xx", clock.seconds() - began)
        return answer

    def answered(self, result: str, seconds: float) -> None:
        note, upstream = self._events.note, self.upstream
        bound = next((str(b) for b in BOUNDS if seconds <= b), "+Inf")
        note(UPSTREAM_REQUESTS, upstream, result)
        note(UPSTREAM_SECONDS, upstream, bound)
        note(UPSTREAM_SECONDS, upstream, SUM, count=round(seconds * 1e6))

    def received(self, size: int) -> None:
        """
        So many bytes of a body have come.
        """
        self._events.note(FETCHED, self.upstream, count=size)


def result_of(error: ProxypypiError) -> str:
    """
    What an index's failure to give what it was asked for counts as.
    """
    match error:
        case NoSuchProject() | NoProjectList() | NoDocument():
            return "404"
        case UpstreamTimeout():
            return "timeout"
        case UpstreamNonsense():
            return "nonsense"
        case UpstreamRefusal(status=404):
            return "404"
        case UpstreamRefusal(status=int(status)):
            return "5xx" if status >= 500 else "4xx"
    return "unreachable"  # an outbound proxy that refuses is as good as none
