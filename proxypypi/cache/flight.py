"""
One job, however many wait for it.
"""

from collections.abc import Callable, Coroutine, Hashable
from contextlib import suppress
from typing import Any, TypeVar

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from proxypypi.errors import StillFetching

T = TypeVar("T")

PATIENCE = 12.0  # seconds; some installers give up after 15 without a byte
_TRIES = 60
_PAUSE = 2.0  # seconds between them


@define(eq=False)
class SingleFlight:
    """
    Runs one job a key at a time. Those who ask meanwhile get the same result.

    A job is never cancelled: who gives up waiting leaves it to the others, or to be
    found done at the next request.
    """

    _waiting: dict[Hashable, "list[Deferred[Any]]"] = field(factory=dict, init=False)

    def __len__(self) -> int:
        return len(self._waiting)

    def is_flying(self, key: Hashable) -> bool:
        return key in self._waiting

    def join(
        self, key: Hashable, job: Callable[[], Coroutine[Any, Any, T]]
    ) -> "Deferred[T]":
        """
        :returns: one waiter's own Deferred; to cancel it affects nobody else.
        """
        waiter: Deferred[T] = Deferred()
        if key in self._waiting:
            self._waiting[key].append(waiter)
            return waiter
        self._waiting[key] = [waiter]
        Deferred.fromCoroutine(job()).addBoth(self._land, key)
        return waiter

    def _land(self, result: Any, key: Hashable) -> None:
        failed = isinstance(result, Failure)
        for waiter in self._waiting.pop(key):
            if not waiter.called:
                if failed:
                    waiter.errback(result)
                else:
                    waiter.callback(result)


@define(eq=False)
class Hindrance:
    """
    What is wrong with a job, for those who would rather have something else than wait
    for its end.
    """

    _error: Exception | None = field(default=None, init=False)
    _waiting: "list[Deferred[Exception]]" = field(factory=list, init=False)

    def met(self, error: Exception) -> None:
        self._error = error
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(error)

    def told(self) -> "Deferred[Exception]":
        """
        :returns: fires when it is met, or has been.
        """
        waiter: Deferred[Exception] = Deferred()
        if self._error is not None:
            waiter.callback(self._error)
        else:
            self._waiting.append(waiter)
        return waiter


def unless(waiting: "Deferred[T]", hindrance: "Deferred[Any]") -> "Deferred[T]":
    """
    Wait for *waiting*, but not when *hindrance* fires: its result is an exception.

    :raises Exception: that one; by cancelling *waiting* we stopped waiting, not the
        work.
    """
    errors: list[Exception] = []

    def give_up(error: Exception) -> None:
        if not waiting.called:
            errors.append(error)
            waiting.cancel()

    def explain(failure: Failure) -> Failure:
        return Failure(errors[0]) if errors else failure

    waiting.addErrback(explain)
    hindrance.addCallback(give_up)
    return waiting


async def persistently(
    job: Callable[[], Coroutine[Any, Any, T]], clock: IReactorTime
) -> T:
    """
    Do *job* again for as long as it says that something is on its way, as somebody can
    who has time: some minutes.

    :raises StillFetching: it does not come to an end.
    """
    for _ in range(_TRIES):
        with suppress(StillFetching):
            return await job()
        await deferLater(clock, _PAUSE)
    return await job()


def patiently(
    waiting: "Deferred[T]", clock: IReactorTime, what: str, patience: float = PATIENCE
) -> "Deferred[T]":
    """
    Wait for *waiting* as long as a client can wait for the first byte.

    :param what: is being fetched.
    :raises StillFetching: it was not there after *patience* seconds; by cancelling it
        we stopped waiting, not the work.
    """

    def give_up(result: Any, timeout: float) -> Any:
        if isinstance(result, Failure) and result.check(CancelledError):
            raise StillFetching(what=what)
        return result

    return waiting.addTimeout(patience, clock, onTimeoutCancel=give_up)
