"""
The list of all projects: what the indexes list, and what is here.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from proxypypi.cache.flight import PATIENCE, Hindrance, SingleFlight, patiently, unless
from proxypypi.cache.health import Health
from proxypypi.cache.lists import TROUBLE, ListSource
from proxypypi.cache.sources import WholeFile
from proxypypi.cache.upstreams import Upstream
from proxypypi.errors import CannotMake, StillFetching, UpstreamError
from proxypypi.interfaces import IByteSource, IDirectory, IListStore, IMadeList, ITurns
from proxypypi.model import Outcome
from proxypypi.names import NormalizedName
from proxypypi.rules.freshness import Verdict
from proxypypi.simple.negotiation import Form
from proxypypi.simple.project_list import render_rest
from proxypypi.simple.rendering import Rendered, Representation, render_list
from proxypypi.store.turns import NoTurns

_IMPATIENT = 3.0  # seconds to wait for a refresh with an old list in hand
_LOOK_AGAIN = 1.0  # seconds between looks at what is here
_MAKE_AGAIN = 60.0  # seconds after which what could not be made is tried again
_WHAT = "the project list"
_TURN = "_list"  # not the name of a project


@frozen(kw_only=True)
class ListAnswer:
    """
    :ivar private: are there projects that no index lists, or some missing perhaps?
    :ivar _made: comes before *_rest*; :obj:`None` for nothing.
    """

    _made: IMadeList | None
    _rest: Rendered
    private: bool
    outcome: Outcome

    def pick(self, form: Form, gzip: bool) -> Representation:
        """
        :returns: what comes after that which :meth:`open` gives; its tag is that of
            both.
        """
        return self._rest.pick(form, gzip)

    def open(self, form: Form, gzip: bool) -> IByteSource | None:
        """
        :returns: what comes first; :obj:`None` for nothing.
        """
        if self._made is None:
            return None
        source: IByteSource = WholeFile(*self._made.open(form is Form.JSON, gzip))
        return source


@frozen
class _Served:
    """
    What is here, rendered to come after what was made of the indexes' lists.
    """

    made: IMadeList | None
    names: Sequence[NormalizedName]
    rest: Rendered
    private: bool


@define(eq=False)
class Catalogue:
    """
    Has the lists of the indexes fetched when one is wanted.

    They are put together anew when one of them has changed; what is here is added to
    each answer, so that a file dropped in is listed at once.

    :ivar _made_of: index and digest of each list in *_made*.
    :ivar _tried: likewise, of that which could not be made.
    :ivar _silent: the last answer of an index took too long: do not wait for it.
    :ivar _hindrance: of the last refresh.
    """

    _log: ClassVar[Logger] = Logger()

    _upstreams: Sequence[Upstream]
    _store: IListStore
    _directory: IDirectory
    _health: Health
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _turns: ITurns = field(factory=NoTurns)
    _sources: tuple[ListSource, ...] = field(init=False)
    _flight: SingleFlight = field(factory=SingleFlight, init=False)
    _loaded: bool = field(default=False, init=False)
    _made: IMadeList | None = field(default=None, init=False)
    _made_of: tuple[tuple[str, str], ...] = field(default=(), init=False)
    _tried: tuple[tuple[str, str], ...] = field(default=(), init=False)
    _tried_at: float = field(default=0.0, init=False)
    _unmade: CannotMake | None = field(default=None, init=False)
    _silent: bool = field(default=False, init=False)
    _hindrance: Hindrance = field(factory=Hindrance, init=False)
    _served: _Served | None = field(default=None, init=False)
    _names: Sequence[NormalizedName] = field(default=(), init=False)
    _looked_at: float | None = field(default=None, init=False)

    @_sources.default
    def _make_sources(self) -> tuple[ListSource, ...]:
        return tuple(
            ListSource(upstream, self._store, self._health, self._clock)
            for upstream in self._upstreams
        )

    async def get(self) -> ListAnswer:
        """
        The list, fresh if that can be had in time.

        :raises UpstreamError: no index can be asked, and nothing is here.
        :raises CannotMake: the list cannot be kept or made, and nothing is here.
        :raises StillFetching: it is not here yet, and no older one is.
        """
        outcome = await self._update()
        served = await self._serve()
        missing = self._missing()
        if missing is not None:
            unavailable = isinstance(missing, UpstreamError)
            detail = "upstream-unavailable" if unavailable else "not-kept"
            outcome = evolve(outcome, detail=detail)
            if served.made is None:
                if not served.names:
                    raise missing
                outcome = Outcome(hit=True, detail=detail)
        return ListAnswer(
            made=served.made,
            rest=served.rest,
            private=served.private or served.made is None or missing is not None,
            outcome=outcome,
        )

    def _missing(self) -> UpstreamError | CannotMake | None:
        """
        Why the list lacks what an index lists; :obj:`None` if it does not.
        """
        for source in self._sources:
            if source.problem is not None and source.held is None:
                return source.problem
        return self._unmade if self._made is None else None

    async def _update(self) -> Outcome:
        began = self._clock.seconds()
        if not self._loaded:
            await patiently(self._flight.join("load", self._load), self._clock, _WHAT)
        now = self._clock.seconds()
        verdicts = {source.judge(now) for source in self._sources}
        if verdicts <= {Verdict.FRESH} and not self._can_be_made(now):
            return Outcome(hit=True)
        collapsed = self._flight.is_flying("refresh")
        unwaited = self._made is not None and Verdict.EXPIRED not in verdicts
        refresh = self._flight.join("refresh", lambda: self._take_turn(unwaited))
        if not refresh.called and await self._need_not_wait(verdicts):
            return self._aged()
        patience = max(0.0, PATIENCE - (now - began))
        if self._made is not None:
            patience = min(patience, _IMPATIENT)
            refresh = unless(refresh, self._hindrance.told())
        try:
            outcome = await patiently(refresh, self._clock, _WHAT, patience)
        except StillFetching:
            if self._made is None:
                raise
            self._give_up()
            return self._aged()
        except UpstreamError as e:
            return Outcome(forwarded="stale", status=e.status)
        if collapsed and outcome.stored:
            return evolve(outcome, stored=False, collapsed=True)
        return outcome

    async def _need_not_wait(self, verdicts: set[Verdict]) -> bool:
        settled = self._made is not None or not self._parts()
        if settled and Verdict.EXPIRED not in verdicts:
            return True
        if self._silent:
            return self._made is not None or bool(await self._look())
        return self._made is not None and any(u.silent for u in self._late())

    def _late(self) -> Sequence[Upstream]:
        """
        :returns: those whose lists are not fresh.
        """
        now = self._clock.seconds()
        late = [s for s in self._sources if s.judge(now) is not Verdict.FRESH]
        return [source.upstream for source in late]

    def _give_up(self) -> None:
        """
        Somebody has waited for as long as one can.
        """
        self._silent = True
        for upstream in self._late():
            upstream.silent = True  # until more of its list comes
        self._log.warn("old project list: a new one takes its time")

    def _aged(self) -> Outcome:
        now = self._clock.seconds()
        ttls = [source.ttl(now) for source in self._sources]
        return Outcome(hit=True, ttl=min(0.0, *ttls))

    async def _load(self) -> None:
        for source in self._sources:
            await source.load()
        await self._make()
        self._loaded = True

    async def _take_turn(self, background: bool) -> Outcome:
        """
        Refresh the lists, but for those that another process refreshes.
        """
        self._hindrance = Hindrance()
        turn = await self._turns.take(_TURN)
        try:
            if turn.waited:
                for source in self._sources:
                    await source.load()
            return await self._refresh(background)
        finally:
            turn.end()

    async def _refresh(self, background: bool) -> Outcome:
        now = self._clock.seconds()
        why = "miss" if self._made is None else "stale"
        asked = await gatherResults(
            [
                Deferred.fromCoroutine(source.refresh(why, background, self._hindrance))
                for source in self._sources
                if source.judge(now) is not Verdict.FRESH
            ]
        )
        await self._make()
        problems = [s.problem for s in self._sources if s.problem is not None]
        self._silent = any(
            isinstance(e, UpstreamError) and e.status is None for e in problems
        )
        if not problems:
            self._health.mend(TROUBLE)
        by_others = Outcome(forwarded=why, collapsed=True)
        return max(asked, key=_weight, default=by_others)

    def _parts(self) -> tuple[tuple[str, str], ...]:
        return tuple((s.url, s.held.digest) for s in self._sources if s.held)

    def _can_be_made(self, now: float) -> bool:
        parts = self._parts()
        if parts == self._made_of:
            return False
        return parts != self._tried or now - self._tried_at >= _MAKE_AGAIN

    async def _make(self) -> None:
        parts, now = self._parts(), self._clock.seconds()
        if not parts:
            self._made, self._made_of, self._unmade = None, (), None
        if not self._can_be_made(now):
            return
        self._tried, self._tried_at = parts, now
        try:
            made = await self._store.make(
                {s.url: s.upstream.projects for s in self._sources if s.held}
            )
        except (CannotMake, OSError) as e:
            self._unmade = e if isinstance(e, CannotMake) else CannotMake(reason=str(e))
            self._health.worsen("project list", str(self._unmade))
            return
        self._tried = ()
        for source in self._sources:
            wrong = made.unreadable.get(source.url)
            if wrong is not None:
                await source.reject(wrong, is_urgent=self._made is None)
        if not made.unreadable or (self._made is None and self._parts()):
            self._made = made
        self._made_of, self._unmade = self._parts(), None
        self._health.mend("project list")

    async def _look(self) -> Sequence[NormalizedName]:
        now = self._clock.seconds()
        if self._looked_at is None or not 0 <= now - self._looked_at < _LOOK_AGAIN:
            self._names = await self._directory.projects()
            self._looked_at = now
        return self._names

    async def _serve(self) -> _Served:
        names, made, served = await self._look(), self._made, self._served
        if served is None or served.made is not made or served.names != names:
            served = self._served = await self._in_thread(_render, made, names)
        return served


def _render(made: IMadeList | None, names: Sequence[NormalizedName]) -> _Served:
    if made is None:
        return _Served(made, names, render_list(names), bool(names))
    lacking = made.lacks(names)
    rest = render_rest(made.json, made.html, lacking)
    return _Served(made, names, rest, bool(lacking))


def _weight(outcome: Outcome) -> tuple[bool, bool, int]:
    """
    Of what several indexes answered, a failure is what is told, then what is new.
    """
    status = outcome.status or 0
    return status >= 400, outcome.stored, status
