"""
What has been counted, by all processes and for ever: the books are kept on disk.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import ClassVar

from attrs import define, field
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from proxypypi.cache.flight import SingleFlight
from proxypypi.cache.lately import Lately
from proxypypi.events import COUNTED_SINCE, GAUGES, UPSTREAM_REQUESTS, Key
from proxypypi.store.counts import Counts
from proxypypi.store.totals import Totals, TotalsStore

_EVERY = 5.0  # seconds
_PATIENCE = 2.0  # seconds for the disk; who asks wants an answer
_SAVING = "saving"


@define(eq=False)
class Books:
    """
    Of several processes, the first opens them for all.

    :ivar lately: how upstreams have answered.
    :ivar gauge: notes how things are in this process at the moment.
    """

    _log: ClassVar[Logger] = Logger()

    counts: Counts
    _store: TotalsStore
    _clock: IReactorTime
    lately: Lately = field(factory=lambda: Lately({UPSTREAM_REQUESTS.name}), init=False)
    gauge: Callable[[], None] = field(default=lambda: None, init=False)
    _kept: Mapping[Key, int] = field(factory=dict, init=False)
    _call: LoopingCall = field(init=False)
    _flight: SingleFlight = field(factory=SingleFlight, init=False)
    _can_keep: bool = field(default=True, init=False)

    def __attrs_post_init__(self) -> None:
        self._call = LoopingCall(self._tick)
        self._call.clock = self._clock

    def open(self) -> None:
        """
        Count on from what is on disk, and keep it up to date there. Blocks, for a small
        file.
        """
        if self.counts.is_first:
            before = self._store.load() or Totals(self._clock.seconds(), {})
            self.counts.add(before.counts)
            self.counts.set(COUNTED_SINCE, value=int(before.since))
        self.lately.note(self._clock.seconds(), self.counts.totals())
        self._call.start(_EVERY, now=False)

    def look(self) -> Mapping[Key, int]:
        """
        :returns: what there is at this moment; after a crash, it may be less.
        """
        self.gauge()
        return self.counts.totals()

    async def read(self) -> Mapping[Key, int]:
        """
        :returns: no more than will be read after a crash, as it is on disk by then,
            unless the disk takes long.
        """
        totals = self.look()
        if self._call.running:
            await self._keep()
        return totals

    async def close(self) -> None:
        """
        Have all on disk that was counted until now.
        """
        if self._call.running:
            self._call.stop()
            await self._look()

    def _tick(self) -> "Deferred[None]":
        return Deferred.fromCoroutine(self._look())

    async def _look(self) -> None:
        totals = self.look()
        self.lately.note(self._clock.seconds(), totals)
        if self.counts.is_first:
            await self._keep()

    async def _keep(self) -> None:
        """
        Nobody waits for long; what the disk does not take now, it may the next time.
        """
        keeping = Deferred.fromCoroutine(self._save_what_is_counted())
        with suppress(TimeoutError):
            await keeping.addTimeout(_PATIENCE, self._clock)

    async def _save_what_is_counted(self) -> None:
        """
        What is being saved already was counted before, and may be less.
        """
        if self._flight.is_flying(_SAVING):
            await self._flight.join(_SAVING, self._save)
        await self._flight.join(_SAVING, self._save)

    async def _save(self) -> None:
        totals = self.counts.totals()
        lasting = {key: n for key, n in totals.items() if key[0] not in GAUGES}
        if lasting == self._kept:
            return
        since = float(totals[(COUNTED_SINCE.name,)])
        if not since:  # who opened the books is gone; somebody else may keep them now
            return
        try:
            await self._store.save(Totals(since, lasting))
        except OSError as e:
            if self._can_keep:
                self._log.warn("what is counted cannot be kept: {error}", error=e)
            self._can_keep = False
        else:
            self._kept, self._can_keep = lasting, True
