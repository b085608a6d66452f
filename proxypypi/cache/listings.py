"""
The pages we serve: upstream's and what lies here, merged and rendered.
"""

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred

from proxypypi.cache.bounded import Bounded
from proxypypi.cache.flight import SingleFlight
from proxypypi.cache.health import Health
from proxypypi.cache.holdings import Holdings
from proxypypi.cache.marks import MarkCache
from proxypypi.cache.pages import PageCache
from proxypypi.cache.private import PrivateNames
from proxypypi.cache.upstreams import Upstreams
from proxypypi.errors import (
    NoSuchProject,
    ProxypypiError,
    StillFetching,
    UpstreamError,
)
from proxypypi.interfaces import IDirectory
from proxypypi.model import Marks, Outcome, ProjectPage, Validity
from proxypypi.names import NormalizedName
from proxypypi.rules.merge import Held, Listing, merge
from proxypypi.simple.rendering import Rendered, render_list, render_page
from proxypypi.store.generations import Generations

INLINE = 20  # files; longer pages are rendered in a thread
_MOST_RENDERED = 32 * 1024 * 1024  # bytes


@frozen(kw_only=True)
class Answer:
    """
    :ivar private: does the page list a file that came from no index?
    :ivar validity: of the answer.
    """

    rendered: Rendered
    private: bool
    outcome: Outcome
    validity: Validity


@frozen(kw_only=True)
class Parts:
    """
    What a project's page is made from.

    :ivar upstream: what the index says; :obj:`None` if it says nothing.
    :ivar only_held: are files left out that are not here?
    :ivar public_url: see :func:`~proxypypi.rules.merge.merge`.
    """

    name: NormalizedName
    upstream: ProjectPage | None
    held: tuple[Held, ...]
    marks: Marks
    only_held: bool
    public_url: str

    def are(self, others: "Parts") -> bool:
        """
        Do the same objects make the same page?
        """
        return (
            self.upstream is others.upstream
            and self.held is others.held
            and self.marks is others.marks
            and self.only_held == others.only_held
        )

    @property
    def count(self) -> int:
        """
        How many files there are to look at.
        """
        listed = self.upstream.distributions if self.upstream is not None else ()
        return len(listed) + len(self.held)

    def merge(self) -> Listing:
        return merge(
            self.name,
            self.upstream,
            self.held,
            only_held=self.only_held,
            marks=self.marks,
            public_url=self.public_url,
        )


@frozen(kw_only=True)
class Gathered:
    """
    :ivar unknown: do all upstreams say that they have no such project?
    :ivar validity: of what is made from it.
    """

    parts: Parts
    outcome: Outcome
    unknown: bool
    validity: Validity


@frozen
class _Made:
    """
    A rendered page, and what it was made from.
    """

    parts: Parts
    rendered: Rendered
    private: bool
    alarms: tuple[str, ...]


@define(eq=False)
class Listings:
    """
    A page is made again only when what it is made from has changed.

    :ivar _public_url: see :func:`~proxypypi.rules.merge.merge`.
    """

    _pages: PageCache
    _holdings: Holdings
    _upstreams: Upstreams
    _names: PrivateNames
    _marks: MarkCache
    _health: Health
    _directory: IDirectory
    _generations: Generations
    _in_thread: Callable[..., "Deferred[Any]"]
    _public_url: str
    _flight: SingleFlight = field(factory=SingleFlight, init=False)
    _made: Bounded[tuple[NormalizedName, bool], _Made] = field(
        factory=lambda: Bounded(_MOST_RENDERED), init=False
    )
    _list_made: tuple[Sequence[NormalizedName], Rendered] | None = field(
        default=None, init=False
    )

    async def project(self, name: NormalizedName, *, local: bool) -> Answer:
        """
        A project's page.

        :param local: only files that are whole here; no upstream is asked.
        :raises NameDenied: the project is refused.
        :raises NoSuchProject: neither upstream nor the directory has it.
        :raises UpstreamError: upstream cannot be asked, and nothing is here.
        :raises StillFetching: likewise, but wait.
        """
        gathered = await self.gather(name, local=local)
        made = await self._make(gathered.parts)
        await self.note(gathered, made.private)
        return Answer(
            rendered=made.rendered,
            private=made.private,
            outcome=gathered.outcome,
            validity=gathered.validity,
        )

    async def gather(self, name: NormalizedName, *, local: bool) -> Gathered:
        """
        What a project's page is made from; the arguments and what is raised are those
        of :meth:`project`.
        """
        self._names.check(name)
        slot = self._generations.slot(name)
        number = self._generations.at(slot)
        fresh_until = float("inf")
        only_held = local or not self._upstreams.asked_about(name)
        unknown = False
        problem: ProxypypiError = NoSuchProject(project=name)
        page: ProjectPage | None = None
        outcome = Outcome(hit=True)
        if only_held:
            in_hand = await self._pages.held(name)
            page = in_hand.page if in_hand is not None else None
        else:
            try:
                answer = await self._pages.get(name)
                page, outcome, only_held = answer.page, answer.outcome, answer.gone
                fresh_until = answer.fresh_until
            except NoSuchProject as e:
                unknown, fresh_until = True, 0.0
                if not e.remembered:
                    outcome = Outcome(forwarded="miss", status=404)
            except (UpstreamError, StillFetching) as e:
                problem, fresh_until = e, 0.0
                outcome = Outcome(hit=True, detail="upstream-unavailable")
        held = await self._holdings.of(name, page)
        until = min(fresh_until, self._holdings.holds_until(name))
        marks = await self._marks.of(name)
        if not held and (page is None or only_held):
            raise problem
        hindered = page is None and not isinstance(problem, NoSuchProject)
        if hindered and all(h.withheld for h in held):
            raise problem
        return Gathered(
            parts=Parts(
                name=name,
                upstream=page,
                held=held,
                marks=marks,
                only_held=only_held,
                public_url=self._public_url,
            ),
            outcome=outcome,
            unknown=unknown,
            validity=Validity(until=until, slot=slot, number=number),
        )

    async def note(self, gathered: Gathered, private: bool) -> None:
        """
        :param private: are private files among what was gathered?
        """
        name, page = gathered.parts.name, gathered.parts.upstream
        if private and gathered.unknown:
            await self._names.claim(name)
        elif private and page is not None and not gathered.parts.only_held:
            self._names.note_shared(name, page.index)

    async def projects(self) -> Rendered:
        """
        The list of all projects that have files here.

        To look for them takes a thread's time, so that it is done once for all who ask
        meanwhile.
        """
        return await self._flight.join("projects", self._list)

    async def _list(self) -> Rendered:
        names = await self._directory.projects()
        if self._list_made is None or self._list_made[0] != names:
            self._list_made = (names, await self._in_thread(render_list, names))
        return self._list_made[1]

    async def _make(self, parts: Parts) -> _Made:
        key = (parts.name, parts.only_held)
        made = self._made.get(key)
        if made is not None and made.parts.are(parts):
            return made

        async def make() -> _Made:
            if parts.count <= INLINE:
                return _render(parts)
            made: _Made = await self._in_thread(_render, parts)
            return made

        of = (id(parts.upstream), id(parts.held), id(parts.marks))
        made = await self._flight.join((key, of), make)
        self._made.put(key, made, cost=_cost(made.rendered))
        self._sound(parts.name, made.alarms)
        return made

    def _sound(self, name: NormalizedName, alarms: Sequence[str]) -> None:
        subject = f"files of {name}"
        if not alarms:
            self._health.mend(subject)
            return
        more = f" (and {len(alarms) - 1} more such files)" if len(alarms) > 1 else ""
        self._health.worsen(subject, alarms[0] + more)


def _render(parts: Parts) -> _Made:
    listing = parts.merge()
    return _Made(parts, render_page(listing.page), listing.private, listing.alarms)


def _cost(rendered: Rendered) -> int:
    each = (rendered.json, rendered.json_gzip, rendered.html, rendered.html_gzip)
    return sum(len(representation.body) for representation in each)
