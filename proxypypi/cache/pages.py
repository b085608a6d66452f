"""
Project pages of the index: what we hold, when we ask again, what we do when it fails.
"""

from contextlib import suppress
from math import inf
from typing import Any, ClassVar

from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from proxypypi.cache.attempts import Attempts
from proxypypi.cache.bounded import Bounded
from proxypypi.cache.doubts import Doubts
from proxypypi.cache.flight import PATIENCE, SingleFlight, patiently, unless
from proxypypi.cache.holdings import Holdings
from proxypypi.cache.known import Known
from proxypypi.cache.shelf import HeldPage, PageAnswer, Shelf
from proxypypi.cache.upstreams import Hindered, Upstreams
from proxypypi.errors import (
    NobodyIsAsked,
    NoSuchProject,
    StillFetching,
    UnreadablePage,
    UpstreamError,
    UpstreamNonsense,
)
from proxypypi.interfaces import IIndex, ITurns, IWishes
from proxypypi.model import Change, Outcome, ProjectPage, RawPage
from proxypypi.names import NormalizedName
from proxypypi.rules.freshness import Freshness, Verdict
from proxypypi.rules.removal import doubtful, is_nothing
from proxypypi.store.changes import Changes

_LET_BE = 60.0  # seconds for which a project stays missing, or in doubt
_IMPATIENT = 3.0  # seconds to wait for a refresh with an old page in hand
_MOST_MOMENTS = 10_000  # remembered of either kind


@define(eq=False)
class PageCache:
    """
    Gives out project pages, and asks upstream for new ones when it is time.
    """

    _log: ClassVar[Logger] = Logger()

    _upstreams: Upstreams
    _shelf: Shelf
    _wishes: IWishes
    _rereads: IWishes
    _holdings: Holdings
    _doubts: Doubts
    _changes: Changes
    _turns: ITurns
    _clock: IReactorTime
    _flight: SingleFlight = field(factory=SingleFlight, init=False)
    _let_be_until: Known[float] = field(init=False)
    _attempts: Attempts = field(init=False)
    _distrusted_at: Bounded[NormalizedName, float] = field(
        factory=lambda: Bounded(_MOST_MOMENTS), init=False
    )

    def __attrs_post_init__(self) -> None:
        self._let_be_until = Known(self._changes, _MOST_MOMENTS)
        self._attempts = Attempts(self._clock)

    async def get(self, name: NormalizedName) -> PageAnswer:
        """
        The project's page, fresh if that can be had in time.

        :raises NoSuchProject: upstream says there is none, and never had one.
        :raises UpstreamError: it cannot be had, and none is held.
        :raises StillFetching: it is not here yet, and none is held.
        """
        if self._wishes.take(name):
            self._let_be_until.pop(name)
            self._distrust(name)
        held = await self.held(name)
        now = self._clock.seconds()
        if (self._let_be_until.get(name) or now) > now:
            if held is None:
                raise NoSuchProject(project=name, remembered=True)
            return self._aged(held)
        if held is None:
            return await self._fetch_first(name)
        verdict = self._freshness_of(held).judge(held.checked_at, now)
        if self._is_distrusted(name, held):
            verdict = Verdict.EXPIRED
        if verdict is Verdict.FRESH:
            fresh_until = held.checked_at + self._freshness_of(held).max_age
            return evolve(held.answer(Outcome(hit=True)), fresh_until=fresh_until)
        silent = self._upstreams.is_silent_about(name)
        unwaited = verdict is Verdict.AGING or silent
        refresh = self._join(name, held, background=unwaited)
        if verdict is Verdict.AGING or (silent and not refresh.called):
            refresh.addErrback(self._note, name)
            return self._aged(held)
        try:
            refresh = unless(refresh, self._upstreams.hindrance(name))
            return await patiently(refresh, self._clock, name, _IMPATIENT)
        except StillFetching:
            self._upstreams.give_up_on(name)
            return self._aged(held)
        except NoSuchProject:
            return self._doubted(await self._shelf.get(name) or held)
        except UpstreamError as e:
            if silent:
                return self._aged(held)
            return held.answer(Outcome(forwarded="stale", status=e.status))

    async def held(self, name: NormalizedName) -> HeldPage | None:
        """
        The page as it is in hand, however old; upstream is not asked.

        :returns: :obj:`None` for none, or if it must not count.
        """
        if self._rereads.take(name):
            self._changes.others_changed(name)
        if self._upstreams.may_not_hear_of(name):
            self._let_be_until.pop(name)
            return None
        return await self._shelf.get(name)

    async def check(self, name: NormalizedName, filename: str) -> None:
        """
        Is it of use to ask whether upstream lists a file?

        :raises UpstreamError: the page in hand does not, and another could not be had a
            moment ago.
        """
        held = await self.held(name)
        if held is None or held.gone or filename in held.page.by_filename:
            return
        if not self._flight.is_flying(name):
            self._attempts.check(name, held)

    async def refreshed(self, name: NormalizedName, since: float = inf) -> PageAnswer:
        """
        The project's page, asked for anew for the sake of a file, but not more often
        than every ten seconds; nor is an upstream asked that has just failed.

        :param since: when the question began, POSIX seconds; a page that was fetched
            after that is good enough.
        :raises NoSuchProject: as :meth:`get` does.
        :raises UpstreamError: it cannot be had, though an older one may be held.
        :raises StillFetching: likewise.
        """
        held, now = await self.held(name), self._clock.seconds()
        if held is not None and held.checked_at >= since:
            return await self.get(name)
        flying = self._flight.is_flying(name)
        if not flying and not self._attempts.begin(name, held):
            return await self.get(name)
        joined = self._join(name, held)
        patience = max(0.0, PATIENCE - max(0.0, now - since))
        return await patiently(joined, self._clock, f"the page of {name}", patience)

    async def refresh(self, name: NormalizedName) -> PageAnswer:
        """
        The project's page, asked for anew.

        :raises NoSuchProject: upstream says there is none, or nobody is asked about it.
        :raises UpstreamError: it cannot be had.
        :raises StillFetching: it takes long; it is being fetched still.
        """
        if not self._upstreams.asked_about(name):
            raise NobodyIsAsked(project=name)
        self._let_be_until.pop(name)
        self._changes.changed(name)
        joined = self._join(name, await self.held(name))
        return await patiently(joined, self._clock, f"the page of {name}")

    def distrust(self, name: NormalizedName) -> None:
        """
        Something about the page proved wrong: have it anew, whole, before its next use,
        in whichever process that is.
        """
        with suppress(OSError):
            self._wishes.make(name)
        self._distrust(name)

    def _distrust(self, name: NormalizedName) -> None:
        self._distrusted_at.put(name, self._clock.seconds())
        self._changes.changed(name)

    def _is_distrusted(self, name: NormalizedName, held: HeldPage) -> bool:
        since = self._distrusted_at.get(name)
        return since is not None and held.checked_at <= since

    def _freshness_of(self, held: HeldPage) -> Freshness:
        upstream = self._upstreams.at(held.raw.index)
        assert upstream is not None, "a page of an index that is not asked"
        return upstream.freshness

    def _ttl(self, held: HeldPage) -> float:
        return self._freshness_of(held).max_age

    def _aged(self, held: HeldPage) -> PageAnswer:
        now = self._clock.seconds()
        ttl = min(0.0, self._freshness_of(held).ttl(held.checked_at, now))
        return held.answer(Outcome(hit=True, ttl=ttl, detail=held.detail))

    def _doubted(self, held: HeldPage) -> PageAnswer:
        return held.answer(Outcome(forwarded="stale", detail=held.detail))

    async def _fetch_first(self, name: NormalizedName) -> PageAnswer:
        collapsed = self._flight.is_flying(name)
        joined = self._join(name, None)
        answer = await patiently(joined, self._clock, f"the page of {name}")
        if collapsed:
            return evolve(answer, outcome=Outcome(forwarded="miss", collapsed=True))
        return answer

    def _join(
        self, name: NormalizedName, held: HeldPage | None, background: bool = False
    ) -> "Deferred[PageAnswer]":
        return self._flight.join(name, lambda: self._take_turn(name, held, background))

    def _note(self, failure: Any, name: NormalizedName) -> None:
        failure.trap(UpstreamError, NoSuchProject)
        self._log.warn(
            "{name} was not refreshed: {error}", name=name, error=failure.value
        )

    async def _take_turn(
        self, name: NormalizedName, before: HeldPage | None, background: bool
    ) -> PageAnswer:
        """
        Refresh the page, unless another process has done so.

        :param before: the page that is not good enough.
        """
        turn = await self._turns.take(name)
        self._attempts.again(name)
        try:
            held = await self.held(name)
            if held is None or not self._is_newer(name, held, before):
                return await self._refresh(name, held, background)
            self._upstreams.answered_others(held.raw.index)
            return held.answer(Outcome(forwarded="miss", collapsed=True))
        except UpstreamError as e:
            self._attempts.failed(name, e)
            raise
        finally:
            turn.end()

    def _is_newer(
        self, name: NormalizedName, held: HeldPage, before: HeldPage | None
    ) -> bool:
        if self._is_distrusted(name, held):
            return False
        return before is None or held.checked_at > before.checked_at

    async def _refresh(
        self, name: NormalizedName, held: HeldPage | None, background: bool
    ) -> PageAnswer:
        began = self._clock.seconds()
        known = held if held and not self._is_distrusted(name, held) else None

        async def ask(
            index: IIndex, hindered: Hindered
        ) -> tuple[RawPage | None, ProjectPage]:
            before = known.raw if known else None
            raw = await index.fetch_page(name, before, hindered, background)
            if raw is not None:
                return raw, await self._read_answer(raw, name)
            assert known is not None
            return None, known.page

        try:
            raw, page = await self._upstreams.ask(name, ask)
            if held is not None and held.gone and is_nothing(page):
                raise NoSuchProject(project=name)  # its return is yet to come
        except NoSuchProject:
            if self._upstreams.asked_about(name):
                self._let_be(name, held)
            if held is not None:
                await self._doubts.have(name, held, Change.GONE, self._ttl(held))
            raise
        self._let_be_until.pop(name)
        if held is not None:
            change = doubtful(held.page, page)
            if change is not None and not held.gone:
                held = await self._doubts.have(name, held, change, self._ttl(held))
                if held.doubt is not None and not held.doubt.believed:
                    self._let_be(name, held)
                    return self._doubted(held)
            await self._doubts.end(name, held, page)
        now = self._clock.seconds()
        await self._holdings.observe(name, page, now)
        if raw is None:
            assert held is not None
            await self._shelf.confirm(name, held, now)
            outcome = Outcome(forwarded="stale", status=304)
        else:
            self._note_new(name, held, page)
            if (self._distrusted_at.get(name) or 0.0) <= began:
                self._distrusted_at.pop(name)
            await self._shelf.put(name, raw, page, now)
            outcome = Outcome(forwarded="stale" if held else "miss", stored=True)
        return PageAnswer(page=page, outcome=outcome)

    def _let_be(self, name: NormalizedName, held: HeldPage | None) -> None:
        ttl = self._ttl(held) if held is not None else _LET_BE
        until = self._clock.seconds() + min(_LET_BE, ttl)
        self._let_be_until.put(name, until)

    def _note_new(
        self, name: NormalizedName, held: HeldPage | None, page: ProjectPage
    ) -> None:
        count = len(page.distributions)
        self._log.info("page of {name}: {files} files", name=name, files=count)
        if held is not None and held.page.index != page.index:
            self._log.warn(
                "{name} comes from {index} now, no longer from {before}",
                name=name,
                index=page.index,
                before=held.page.index,
            )

    async def _read_answer(self, raw: RawPage, name: NormalizedName) -> ProjectPage:
        try:
            return await self._shelf.read(raw, name)
        except UnreadablePage as e:
            raise UpstreamNonsense(url=raw.url, reason=str(e), status=200) from e
