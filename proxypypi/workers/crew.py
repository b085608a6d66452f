"""
Who serves: one worker in each seat, at any time.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from attrs import define, field
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from proxypypi.workers.process import IEmployer, IWorker

_START = 60.0  # seconds in which a worker has to be ready
_YOUNG = 5.0  # seconds; who dies younger is not replaced at once
_SHORTEST = 1.0  # seconds until the next try; twice as long after each
_PAUSES = 5  # of them are growing
_LONGEST = 30.0  # seconds
_MOST_RETIRED = 2  # workers with clients left, for each seat
_LAST = 3.0  # seconds in which who was told to hurry has to end


@define(eq=False)
class Seat:
    """
    What one worker after the other serves.

    :ivar number: from 1.
    :ivar _hire: starts a worker.
    :ivar _newcomer: a worker that is not ready yet.
    :ivar _worker: the one that serves; :obj:`None` if there is none.
    :ivar _retired: those that still have clients.
    :ivar how: the last failure to start, in words.
    """

    _log: ClassVar[Logger] = Logger()
    number: int
    _hire: Callable[[int, IEmployer], IWorker]
    _clock: Any
    how: str = field(default="", init=False)
    _newcomer: IWorker | None = field(default=None, init=False)
    _worker: IWorker | None = field(default=None, init=False)
    _retired: list[IWorker] = field(factory=list, init=False)
    _ends: bool = field(default=False, init=False)
    _has_served: bool = field(default=False, init=False)
    _ready_at: float = field(default=0.0, init=False)
    _deaths: int = field(default=0, init=False)  # of young ones, in a row
    _pause: IDelayedCall | None = field(default=None, init=False)
    _alarm: IDelayedCall | None = field(default=None, init=False)
    _filled: "list[Deferred[bool]]" = field(factory=list, init=False)
    _left: "list[Deferred[None]]" = field(factory=list, init=False)
    _shut: "list[Deferred[None]]" = field(factory=list, init=False)

    def fill(self) -> "Deferred[bool]":
        """
        Have a new worker. When it is ready, the one that serves retires.

        :returns: is there a new one?
        """
        filled: Deferred[bool] = Deferred()
        self._filled.append(filled)
        self._start()
        return filled

    def end(self) -> "Deferred[None]":
        """
        Have no worker any more.

        :returns: fires when none is left.
        """
        self._ends = True
        _cancel(self._pause)
        for worker in self._all():
            worker.end()
        left: Deferred[None] = Deferred()
        self._left.append(left)
        self._settle()
        return left

    def when_shut(self) -> "Deferred[None]":
        """
        :returns: fires when no worker takes clients any more, once that was asked for.
        """
        shut: Deferred[None] = Deferred()
        self._shut.append(shut)
        self._settle()
        return shut

    def hurry(self) -> None:
        for worker in self._all():
            worker.hurry()

    def kill(self) -> None:
        for worker in self._all():
            worker.kill()

    # What workers do.

    def ready(self, worker: IWorker) -> None:
        if worker is not self._newcomer:
            return
        _cancel(self._alarm)
        self._newcomer = None
        before, self._worker = self._worker, worker
        self._has_served = True
        self._ready_at = self._clock.seconds()
        self._log.debug("worker {n} is ready: pid {pid}", n=self.number, pid=worker.pid)
        if before is not None:
            self._retire(before)
        self._answer(True)

    def closed(self, worker: IWorker) -> None:
        if worker is self._worker:
            self._worker = None
            self._retired.append(worker)
            self._warn(worker, "takes no more clients")
            self._start()
        self._settle()

    def ended(self, worker: IWorker, how: str) -> None:
        if worker is self._newcomer:
            _cancel(self._alarm)
            self._newcomer = None
            self._not_started(how)
        elif worker is self._worker:
            self._worker = None
            self._warn(worker, f"has ended, {how}")
            self._replace()
        elif worker in self._retired:
            self._retired.remove(worker)
        self._settle()

    def _start(self) -> None:
        if self._newcomer is None and not self._ends:
            _cancel(self._pause)
            newcomer = self._newcomer = self._hire(self.number, self)
            self._alarm = self._clock.callLater(_START, self._too_slow, newcomer)

    def _too_slow(self, newcomer: IWorker) -> None:
        self._warn(newcomer, f"is not ready after {_START:g} s")
        newcomer.kill()

    def _not_started(self, how: str) -> None:
        self.how = how
        if not self._ends and self._has_served:
            self._log.error("worker {n} cannot start: {how}", n=self.number, how=how)
            if self._worker is None:
                self._start_later()
        self._answer(False)

    def _warn(self, worker: IWorker, what: str) -> None:
        if not self._ends:
            self._log.warn(
                "worker {n} (pid {pid}) {what}",
                n=self.number,
                pid=worker.pid,
                what=what,
            )

    def _replace(self) -> None:
        """
        The one that served has died.
        """
        if self._clock.seconds() - self._ready_at >= _YOUNG:
            self._deaths = 0
            self._start()
        elif self._newcomer is None and not self._ends:
            self._start_later()

    def _start_later(self) -> None:
        seconds = min(_LONGEST, _SHORTEST * 2 ** min(self._deaths, _PAUSES))
        self._deaths += 1
        self._log.warn(
            "worker {n}: another one starts in {seconds:g} s",
            n=self.number,
            seconds=seconds,
        )
        self._pause = self._clock.callLater(seconds, self._start)

    def _retire(self, worker: IWorker) -> None:
        worker.retire()
        self._retired.append(worker)
        for longest in self._retired[:-_MOST_RETIRED]:
            longest.hurry()
            self._clock.callLater(_LAST, longest.kill)

    def _all(self) -> Sequence[IWorker]:
        serving = (self._newcomer, self._worker)
        return [*self._retired, *(each for each in serving if each is not None)]

    def _answer(self, is_there: bool) -> None:
        filled, self._filled = self._filled, []
        for each in filled:
            each.callback(is_there)

    def _settle(self) -> None:
        if self._ends and self._worker is None and self._newcomer is None:
            _fire(self._shut)
            if not self._retired:
                _fire(self._left)


def _cancel(call: IDelayedCall | None) -> None:
    if call is not None and call.active():
        call.cancel()


def _fire(waiting: "list[Deferred[None]]") -> None:
    while waiting:
        waiting.pop().callback(None)


@define(eq=False)
class Crew:
    """
    All seats.
    """

    _log: ClassVar[Logger] = Logger()
    seats: Sequence[Seat]
    _clock: Any
    _rolling: bool = field(default=False, init=False)
    _again: bool = field(default=False, init=False)
    _ends: bool = field(default=False, init=False)

    async def start(self) -> str:
        """
        :returns: why it has not started; empty if it has.
        """
        await gatherResults([seat.fill() for seat in self.seats])
        return next((seat.how for seat in self.seats if seat.how), "")

    async def renew(self) -> None:
        """
        One after the other, put a new worker in each seat. Who asks again meanwhile has
        it done once more.
        """
        if self._rolling:
            self._again = True
            return
        self._rolling = True
        await self._renew()
        while self._again and not self._ends:
            self._again = False
            await self._renew()
        self._rolling = False

    async def _renew(self) -> None:
        for seat in self.seats:
            if not (self._ends or await seat.fill() or self._ends):
                self._log.error(
                    "worker {n} stays the old one, and so do those after it",
                    n=seat.number,
                )
                return
        if not self._ends:
            self._log.info("all workers are new")

    def end(self) -> "Deferred[Any]":
        """
        :returns: fires when nobody is left.
        """
        self._ends = True
        return gatherResults([seat.end() for seat in self.seats])

    def when_shut(self) -> "Deferred[Any]":
        return gatherResults([seat.when_shut() for seat in self.seats])

    def hurry(self) -> None:
        """
        End all at once, and by force if need be.
        """
        for seat in self.seats:
            seat.hurry()
        self._clock.callLater(_LAST, self.kill)

    def kill(self) -> None:
        for seat in self.seats:
            seat.kill()
