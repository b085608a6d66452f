"""
Keeps the directory within its bounds: when files are evicted, and what then.
"""

import errno
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from proxypypi.cache.eviction import Evicted, Eviction
from proxypypi.cache.flight import SingleFlight
from proxypypi.cache.health import Health
from proxypypi.cache.uses import Uses
from proxypypi.events import EVICTED_BYTES, FILES_EVICTED, IEvents
from proxypypi.rules.eviction import YOUNG, surplus
from proxypypi.rules.merge import iso
from proxypypi.store.changes import Changes
from proxypypi.store.room import TooLittleRoom
from proxypypi.store.tally import Count

_BOUND = "max-size"  # as /-/health and the log call what is wrong with it
_A_DAY = 86_400.0  # seconds after which all is counted again
_PATIENCE = 5.0  # seconds in which another process makes room for us, too
_LOOK = 0.25  # seconds between looks whether it has
_SOON = 1.0  # seconds after which what came meanwhile is seen to
_MORE = 20  # a part of the bound that goes beside what the disk is short of


@define(eq=False)
class Housekeeping:
    """
    Without a bound nothing is ever evicted.

    :ivar _most: bytes that the cached files may have; :obj:`None` for any number.
    :ivar _idle_until: it is of no use to try again before.
    """

    _log: ClassVar[Logger] = Logger()

    _eviction: Eviction
    _most: int | None
    _uses: Uses
    _changes: Changes
    _health: Health
    _events: IEvents
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _flight: SingleFlight = field(factory=SingleFlight, init=False)
    _idle_until: float = field(default=0.0, init=False)
    _full: bool = field(default=False, init=False)
    _call: IDelayedCall | None = field(default=None, init=False)

    def begin(self) -> None:
        """
        The server starts: files may have come while it did not run.
        """
        if self._most is not None:
            self._see_to(self._begin())

    async def _begin(self) -> None:
        count = await self._in_thread(self._eviction.tally.read)
        await self._heed(count, YOUNG)  # another may just have counted
        if self._call is None:
            self._wait(YOUNG)  # commands bring files, too

    def stop(self) -> None:
        """
        Evict no more; what is under way comes to an end.
        """
        self._eviction.stopped = True
        self._wait_no_longer()

    @property
    def is_full(self) -> bool:
        """
        Is there more than there may be, and nothing that can go?
        """
        return self._full

    def check_size(self, size: int | None) -> None:
        """
        May a file be cached at all?

        :param size: of it, in bytes; :obj:`None` if it is not known.
        :raises OSError: it would not fit if it were alone.
        """
        if self._most is not None and size is not None and size > self._most:
            reason = f"{size:,} bytes are more than the {self._most:,} of --max-size"
            raise OSError(errno.EFBIG, reason)

    async def find_room(self, check: "Callable[[], Deferred[None]]") -> None:
        """
        Is there room on the disk, or can some be made?

        :param check: fails if there is not enough; may be asked again.
        :raises OSError: there is none.
        """
        tries, until = 2, self._clock.seconds() + _PATIENCE
        while True:
            try:
                return await check()
            except TooLittleRoom as e:
                is_late = self._clock.seconds() >= until
                if self._most is None or self._is_idle or not tries or is_late:
                    raise
                if await self._evict(e.short + self._most // _MORE):
                    tries -= 1  # what was under way may be for another, and not enough
                else:
                    await deferLater(self._clock, _LOOK, lambda: None)

    def kept(self, size: int) -> None:
        """
        A file has come.

        :param size: of it, in bytes.
        """
        self._see_to(self._kept(size))

    async def _kept(self, size: int) -> None:
        count = None
        with suppress(OSError):  # then all are counted, if that can be
            count = await self._in_thread(self._eviction.tally.add, size)
        if self._most is not None:
            await self._heed(count, _A_DAY)

    async def _heed(self, count: Count | None, good_for: float) -> None:
        """
        Evict if that is too much, or if all are to be counted anew.

        :param good_for: seconds after which a count is not believed any more.
        """
        if count is not None and self._fits(count):
            self._mend()
        if self._is_idle:
            return
        if count is None or not (self._fits(count) and self._is_of(count, good_for)):
            await self._evict()

    async def _evict(self, spare: int = 0) -> bool:
        """
        :param spare: bytes that are to go in any case.
        :returns: was that up to us? Else another process is at it.
        """
        return await self._flight.join("evict", lambda: self._run(spare))

    async def _run(self, spare: int) -> bool:
        if self._eviction.stopped:
            return True
        await self._uses.flush()
        now = self._clock.seconds()
        choose = partial(surplus, most=self._most, spare=spare)
        try:
            done = await self._in_thread(self._eviction.evict, choose, now)
        except OSError as e:
            self._idle_until = now + YOUNG
            self._health.worsen(_BOUND, f"nothing can be evicted: {e.strerror or e}")
            self._wait(YOUNG)
            return True
        if done is None:
            self._wait(_SOON)
            return False
        self._note(done)
        self._go_on(done, spare, now)
        return True

    def _note(self, done: Evicted) -> None:
        """
        Tell the log, and all processes.
        """
        if done.files:
            count = len(done.files)
            size = sum(file.size for file in done.files)
            self._events.note(FILES_EVICTED, count=count)
            self._events.note(EVICTED_BYTES, count=size)
            self._log.info(
                "files evicted: {count}, {size} bytes, the first not used since {used}",
                count=count,
                size=size,
                used=iso(done.files[0].used_at),
            )
        for name in {file.name for file in done.files}:
            self._changes.others_changed(name)
        if done.pins:
            self._health.worsen("pins", done.pins)
        else:
            self._health.mend("pins")

    def _go_on(self, done: Evicted, spare: int, now: float) -> None:
        """
        See whether that was enough, and if not, when to try again.
        """
        assert self._most is not None
        is_over = done.left > self._most
        self._full = is_over and not done.files
        if done.problem:
            self._health.worsen(_BOUND, done.problem)
        elif self._full:
            self._health.worsen(
                _BOUND,
                f"{done.left:,} bytes are cached, more than the {self._most:,} of "
                "--max-size, and nothing can go: what is here is pinned, was used a "
                "moment ago, or could not be fetched again",
            )
        else:
            self._mend()
        if not done.files and (is_over or spare):
            self._idle_until = now + YOUNG
        if is_over or done.problem:
            self._wait(_SOON if done.files else YOUNG, done.more)
        else:
            self._wait(YOUNG)

    def _mend(self) -> None:
        self._full = False
        self._health.mend(_BOUND)

    def _wait(self, pause: float, can_go: bool = True) -> None:
        """
        :param can_go: can other files, by then?
        """
        self._wait_no_longer()
        if not self._eviction.stopped:
            self._call = self._clock.callLater(pause, self._look_later, can_go)

    def _look_later(self, can_go: bool) -> None:
        self._see_to(self._look_again(can_go))

    async def _look_again(self, can_go: bool) -> None:
        """
        Is it still too much? Others may have made room: another process, or people.
        """
        count = await self._in_thread(self._eviction.tally.read)
        if count is not None and self._fits(count):
            self._mend()
            self._wait(YOUNG)
        elif can_go:
            await self._evict()
        else:
            self._wait(YOUNG, can_go)

    def _see_to(self, job: Coroutine[Any, Any, None]) -> None:
        Deferred.fromCoroutine(job).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        """
        What nobody has foreseen is tried again, too.
        """
        self._log.failure("cached files cannot be kept within their bound", failure)
        if self._most is not None:
            self._idle_until = self._clock.seconds() + YOUNG
            why = failure.getErrorMessage()
            self._health.worsen(_BOUND, f"nothing can be evicted: {why}")
            self._wait(YOUNG)

    def _wait_no_longer(self) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()

    @property
    def _is_idle(self) -> bool:
        return self._clock.seconds() < self._idle_until

    def _fits(self, count: Count) -> bool:
        return self._most is None or count.size <= self._most

    def _is_of(self, count: Count, last: float) -> bool:
        """
        Were all counted in the last so many seconds?
        """
        return 0 <= self._clock.seconds() - count.counted_at < last
