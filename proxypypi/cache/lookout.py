"""
Keeps an eye on all that goes on, for whoever wants to know.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, ClassVar

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from proxypypi.cache.books import Books
from proxypypi.cache.downloads import Downloads
from proxypypi.cache.flight import SingleFlight
from proxypypi.cache.health import Health
from proxypypi.cache.newcomers import Newcomers
from proxypypi.cache.upstreams import Upstreams
from proxypypi.events import (
    BREAKERS,
    COUNTED_SINCE,
    DEGRADED,
    DOWNLOADS,
    FAILED_LOG_INS,
    FETCHED,
    FILES_EVICTED,
    FILES_KEPT,
    FILES_NOT_KEPT,
    HELD_BACK,
    MISMATCHES,
    RESULTS,
    RESUMED,
    SAVED,
    SENT,
    STREAMS,
    UPSTREAM_REQUESTS,
    WITHHELD,
    Key,
)
from proxypypi.model import Fetching, NewFile, Overview, SharedName, UpstreamNow
from proxypypi.moments import render_second
from proxypypi.names import NormalizedName
from proxypypi.rules.balance import Balance
from proxypypi.store.partials import PartialStore

_HOLDS = 1.0  # seconds for which the same is said again
_LOOK = 5.0  # seconds between looks at the records of private files
_PATIENCE = 2.0  # seconds for the disk; who asks wants an answer
_MOST = 20  # of each kind of which there may be any number

COUNTS = (
    *(FILES_KEPT, FILES_NOT_KEPT, FILES_EVICTED, MISMATCHES, RESUMED, STREAMS),
    *(WITHHELD, HELD_BACK, FAILED_LOG_INS),
)


@frozen
class _Recorded:
    """
    What the disk says of private files; :obj:`None` is what it has not said yet.
    """

    private: list[NewFile] | None = None
    shared: list[SharedName] | None = None


@define(eq=False)
class Lookout:
    """
    Looks when somebody asks, and once for all who do.

    :ivar _look_at_users: see that what health says of them is true.
    """

    _log: ClassVar[Logger] = Logger()

    _health: Health
    _look_at_users: Callable[[], Awaitable[None]]
    _books: Books
    _upstreams: Upstreams
    _downloads: Downloads
    _partials: PartialStore
    _newcomers: Newcomers
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _latest: Overview | None = field(default=None, init=False)
    _looked_at: float = field(default=float("-inf"), init=False)
    _recorded: _Recorded = field(factory=_Recorded, init=False)
    _read_at: float = field(default=float("-inf"), init=False)
    _elsewhere: list[Fetching] = field(factory=list, init=False)
    _flight: SingleFlight = field(factory=SingleFlight, init=False)

    async def look(self) -> Overview:
        """
        How things are, or were a second ago.
        """
        now = self._clock.seconds()
        if self._latest is not None and 0 <= now - self._looked_at < _HOLDS:
            return self._latest
        return await self._flight.join("look", self._look)

    async def _look(self) -> Overview:
        await self._look_at_users()
        await self._in_time("records", self._read_records)
        totals = self._books.look()
        if totals[(DOWNLOADS.name,)] > len(self._downloads):
            await self._in_time("partials", self._look_elsewhere)
        else:
            self._elsewhere = []
        self._latest = self._describe(totals)
        self._looked_at = self._clock.seconds()
        return self._latest

    async def _in_time(self, what: str, job: Callable[[], Any]) -> None:
        """
        Have it done, or go on with what is known already: the disk may keep silent.
        """
        with suppress(TimeoutError):
            await self._flight.join(what, job).addTimeout(_PATIENCE, self._clock)

    async def _read_records(self) -> None:
        now = self._clock.seconds()
        if 0 <= now - self._read_at < _LOOK:
            return
        try:
            private, shared = await self._in_thread(self._newcomers.look)
        except OSError as e:
            self._log.warn("private files cannot be looked for: {error}", error=e)
            return
        self._recorded, self._read_at = _Recorded(private, shared), now

    async def _look_elsewhere(self) -> None:
        """
        What do other processes fetch? The disk knows how far they are, and no more.
        """

        def look() -> list[Fetching]:
            return list(self._partials.under_way())

        self._elsewhere = await self._in_thread(look)

    def _describe(self, totals: Mapping[Key, int]) -> Overview:
        balance = Balance(totals)
        results = balance.results()
        since = balance.of(COUNTED_SINCE)
        counts = {m.name.replace("_", "-"): balance.of(m) for m in COUNTS}
        fetching = self._fetching()
        others = balance.of(DEGRADED) - bool(self._health.trouble)
        return Overview(
            processes=len(self._books.counts.pids()),
            troubles=self._troubles(),
            others_degraded=max(0, others),
            counted_since=render_second(since) if since else None,
            requests={r: results[r] for r in RESULTS if r in results},
            hits_ratio=balance.hits_ratio,
            sent_bytes=balance.of(SENT),
            fetched_bytes=balance.of(FETCHED),
            saved_bytes=balance.of(SAVED),
            counts={name: count for name, count in counts.items() if count},
            upstreams=self._asked(balance),
            fetching=fetching[:_MOST],
            fetching_count=len(fetching),
            private=self._recorded.private,
            shared=self._shared(),
        )

    def _troubles(self) -> list[str]:
        troubles = list(self._health.troubles)
        more = len(troubles) - _MOST
        if more > 0:
            troubles[_MOST:] = [f"and {more} more, see /-/health"]
        return troubles

    def _asked(self, balance: Balance) -> list[UpstreamNow]:
        lately = Balance(self._books.lately.growth(balance.counts))
        return [
            UpstreamNow(
                name=upstream.name,
                url=upstream.index.url,
                lately=lately.by(UPSTREAM_REQUESTS, upstream.name),
                shut=balance.of(BREAKERS, upstream.name),
            )
            for upstream in self._upstreams.all
        ]

    def _fetching(self) -> list[Fetching]:
        ours = self._downloads.under_way()
        known = {(each.project, each.filename) for each in ours}
        others = [e for e in self._elsewhere if (e.project, e.filename) not in known]
        return ours + others

    def _shared(self) -> list[SharedName] | None:
        """
        Those of which the index is asked still: a claim ends that at once.
        """
        if self._recorded.shared is None:
            return None
        found = (each for each in self._recorded.shared if self._is_shared(each))
        return [each for _, each in zip(range(_MOST), found, strict=False)]

    def _is_shared(self, found: SharedName) -> bool:
        name = NormalizedName(found.project)
        asked = self._upstreams.asked_about(name)
        return any(upstream.index.url == found.index for upstream in asked)
