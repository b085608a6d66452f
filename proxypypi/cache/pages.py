"""
Project pages of the index: what we hold, when we ask again, what we do when it fails.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from proxypypi.cache.bounded import Bounded
from proxypypi.cache.flight import SingleFlight, patiently
from proxypypi.errors import (
    NoSuchProject,
    StillFetching,
    UnreadablePage,
    UpstreamError,
    UpstreamNonsense,
)
from proxypypi.interfaces import IIndex, IPageStore
from proxypypi.model import Outcome, ProjectPage, RawPage
from proxypypi.names import NormalizedName
from proxypypi.rules.freshness import Freshness, Verdict
from proxypypi.simple.reading import read_page

_MISSING_FOR = 60.0  # seconds for which a project stays missing
_IMPATIENT = 3.0  # seconds to wait for a refresh with an old page in hand
_ASK_ANEW = 10.0  # seconds between refreshes for the sake of files not listed
_INLINE = 64 * 1024  # bytes; larger pages are parsed in a thread
_MOST_DISTRIBUTIONS = 50_000  # in all pages held in memory
_MOST_MOMENTS = 10_000  # remembered of either kind


@frozen(kw_only=True)
class HeldPage:
    """
    A page in hand.

    :ivar raw: as the index sent it, without its body.
    :ivar checked_at: when it was last known to hold, POSIX seconds.
    """

    raw: RawPage
    page: ProjectPage
    checked_at: float


@frozen(kw_only=True)
class PageAnswer:
    """
    :ivar gone: upstream no longer has the project; the page is its last.
    """

    page: ProjectPage
    outcome: Outcome
    gone: bool = False


@define(eq=False)
class PageCache:
    """
    Holds project pages in memory and in a store, and asks the index for new ones.

    :ivar _index: :obj:`None` to ask nobody, ever.
    :ivar trouble: what went wrong last, until something goes right again.
    """

    _log: ClassVar[Logger] = Logger()

    _index: IIndex | None
    _store: IPageStore
    _freshness: Freshness
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    trouble: UpstreamError | None = field(default=None, init=False)
    _flight: SingleFlight = field(factory=SingleFlight, init=False)
    _loading: SingleFlight = field(factory=SingleFlight, init=False)
    _held: Bounded[NormalizedName, HeldPage] = field(
        factory=lambda: Bounded(_MOST_DISTRIBUTIONS), init=False
    )
    _missing_until: Bounded[NormalizedName, float] = field(
        factory=lambda: Bounded(_MOST_MOMENTS), init=False
    )
    _refreshed_at: Bounded[NormalizedName, float] = field(
        factory=lambda: Bounded(_MOST_MOMENTS), init=False
    )
    _silent: bool = field(default=False, init=False)

    async def get(self, name: NormalizedName) -> PageAnswer:
        """
        The project's page, fresh if that can be had in time.

        :raises NoSuchProject: upstream says there is none, and never had one.
        :raises UpstreamError: it cannot be had, and none is held.
        :raises StillFetching: it is not here yet, and none is held.
        """
        held = await self.held(name)
        now = self._clock.seconds()
        if (self._missing_until.get(name) or now) > now:
            return self._gone(name, held, Outcome(hit=True))
        if held is None:
            return await self._fetch_first(name)
        verdict = self._freshness.judge(held.checked_at, now)
        ttl = self._freshness.ttl(held.checked_at, now)
        if verdict is Verdict.FRESH:
            return PageAnswer(page=held.page, outcome=Outcome(hit=True))
        aged = PageAnswer(page=held.page, outcome=Outcome(hit=True, ttl=ttl))
        refresh = self._join(name)
        if verdict is Verdict.AGING or (self._silent and not refresh.called):
            refresh.addErrback(self._note, name)
            return aged
        try:
            return await patiently(refresh, self._clock, name, _IMPATIENT)
        except StillFetching:
            self._silent = True
            self._log.warn("old page of {name}: upstream is silent", name=name)
            return aged
        except NoSuchProject:
            return self._gone(
                name, held, Outcome(forwarded="stale", detail="gone-upstream")
            )
        except UpstreamError as e:
            self._log.warn("old page of {name}: {error}", name=name, error=e)
            return evolve(aged, outcome=Outcome(forwarded="stale", status=e.status))

    async def held(self, name: NormalizedName) -> HeldPage | None:
        """
        The page as it is in hand, however old; upstream is not asked.
        """
        held = self._held.get(name)
        if held is not None:
            return held
        return await self._loading.join(name, lambda: self._load(name))

    async def refreshed(self, name: NormalizedName) -> PageAnswer:
        """
        The project's page, asked for anew, but not more often than every ten seconds.

        :raises NoSuchProject: as :meth:`get` does.
        :raises UpstreamError: likewise.
        """
        asked_at = self._refreshed_at.get(name)
        recently = asked_at is not None and self._clock.seconds() - asked_at < _ASK_ANEW
        if recently and not self._flight.is_flying(name):
            return await self.get(name)
        return await patiently(self._join(name), self._clock, f"the page of {name}")

    def distrust(self, name: NormalizedName) -> None:
        """
        Something about the page proved wrong: have it anew, whole, before its next use.
        """
        held = self._held.get(name)
        if held is not None:
            raw = evolve(held.raw, etag=None, last_modified=None)
            self._keep(name, evolve(held, raw=raw, checked_at=float("-inf")))

    def _gone(
        self, name: NormalizedName, held: HeldPage | None, outcome: Outcome
    ) -> PageAnswer:
        if held is None:
            raise NoSuchProject(project=name)
        return PageAnswer(page=held.page, outcome=outcome, gone=True)

    async def _fetch_first(self, name: NormalizedName) -> PageAnswer:
        collapsed = self._flight.is_flying(name)
        answer = await patiently(self._join(name), self._clock, f"the page of {name}")
        if collapsed:
            return evolve(answer, outcome=Outcome(forwarded="miss", collapsed=True))
        return answer

    def _join(self, name: NormalizedName) -> "Deferred[PageAnswer]":
        return self._flight.join(name, lambda: self._refresh(name))

    def _note(self, failure: Any, name: NormalizedName) -> None:
        failure.trap(UpstreamError, NoSuchProject)
        self._log.warn(
            "{name} was not refreshed: {error}", name=name, error=failure.value
        )

    async def _load(self, name: NormalizedName) -> HeldPage | None:
        loaded = await self._store.load(name)
        if loaded is None:
            return None
        raw, checked_at = loaded
        if self._index is not None and raw.index != self._index.url:
            return None  # of an index that was the upstream once
        try:
            page = await self._read(raw, name)
        except UnreadablePage as e:
            self._log.warn("stored page of {name}: {error}", name=name, error=e)
            return None
        return self._keep(name, HeldPage(raw=raw, page=page, checked_at=checked_at))

    async def _refresh(self, name: NormalizedName) -> PageAnswer:
        held = await self.held(name)
        self._refreshed_at.put(name, self._clock.seconds())
        if self._index is None:
            raise NoSuchProject(project=name)
        try:
            raw = await self._index.fetch_page(name, held.raw if held else None)
            page = held.page if held else ProjectPage(name=name)
            if raw is not None:
                page = await self._read_answer(raw, name)
        except NoSuchProject:
            self._answered()
            self._missing_until.put(name, self._clock.seconds() + _MISSING_FOR)
            raise
        except UpstreamError as e:
            self._silent = self._silent and e.status is None
            self.trouble = e
            raise
        self._answered()
        self._missing_until.pop(name)
        now = self._clock.seconds()
        if raw is None:
            assert held is not None
            self._keep(name, evolve(held, checked_at=now))
            await self._store.confirm(name, now)
            outcome = Outcome(forwarded="stale", status=304)
        else:
            self._log.info(
                "page of {name}: {files} files",
                name=name,
                files=len(page.distributions),
            )
            self._keep(name, HeldPage(raw=raw, page=page, checked_at=now))
            await self._store.save(name, raw, now)
            outcome = Outcome(forwarded="stale" if held else "miss", stored=True)
        return PageAnswer(page=page, outcome=outcome)

    async def _read_answer(self, raw: RawPage, name: NormalizedName) -> ProjectPage:
        try:
            return await self._read(raw, name)
        except UnreadablePage as e:
            raise UpstreamNonsense(url=raw.url, reason=str(e), status=200) from e

    async def _read(self, raw: RawPage, name: NormalizedName) -> ProjectPage:
        if len(raw.body) <= _INLINE:
            return read_page(raw, name)
        page: ProjectPage = await self._in_thread(read_page, raw, name)
        return page

    def _answered(self) -> None:
        self._silent = False
        self.trouble = None

    def _keep(self, name: NormalizedName, held: HeldPage) -> HeldPage:
        held = evolve(held, raw=evolve(held.raw, body=b""))
        self._held.put(name, held, cost=1 + len(held.page.distributions))
        return held
