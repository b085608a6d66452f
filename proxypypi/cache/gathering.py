"""
What a project's page is made from: what upstream says, and what lies here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from proxypypi.cache.cooldown import Cooldown
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
from proxypypi.model import Marks, Outcome, ProjectPage, Validity
from proxypypi.names import NormalizedName
from proxypypi.rules.merge import Held, Listing, merge
from proxypypi.rules.snapshots import Moment, cut
from proxypypi.store.generations import Generations

INLINE = 20  # files; of more, a page is made in a thread


@frozen(kw_only=True)
class Parts:
    """
    What a project's page is made from.

    :ivar upstream: what the index says; :obj:`None` if it says nothing.
    :ivar held_back: see :func:`~proxypypi.rules.merge.merge`.
    :ivar as_of: likewise.
    :ivar only_held: are files left out that are not here?
    :ivar public_url: see :func:`~proxypypi.rules.merge.merge`.
    """

    name: NormalizedName
    upstream: ProjectPage | None
    held: tuple[Held, ...]
    held_back: Mapping[str, float]
    as_of: float | None
    marks: Marks
    only_held: bool
    public_url: str

    @property
    def identity(self) -> tuple[object, ...]:
        """
        Tells them from others that are there at the same time: the same objects make
        the same page.
        """
        parts = (self.upstream, self.held, self.held_back, self.marks)
        return (*map(id, parts), self.as_of, self.only_held)

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
            held_back=self.held_back,
            as_of=self.as_of,
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


@define(eq=False)
class Gathering:
    """
    Brings it together.

    :ivar _public_url: see :func:`~proxypypi.rules.merge.merge`.
    """

    _pages: PageCache
    _holdings: Holdings
    _upstreams: Upstreams
    _names: PrivateNames
    _marks: MarkCache
    _cooldown: Cooldown
    _generations: Generations
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _public_url: str

    async def gather(
        self, name: NormalizedName, *, local: bool = False, moment: Moment | None = None
    ) -> Gathered:
        """
        What a project's page is made from.

        :param local: only files that are whole here; no upstream is asked.
        :param moment: only files that there were by then; :obj:`None` for all.
        :raises NameDenied: the project is refused.
        :raises NoSuchProject: neither upstream nor the directory has it.
        :raises UpstreamError: upstream cannot be asked, and nothing is here.
        :raises StillFetching: likewise, but wait.
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
        held_back, changes_at = await self._cooldown.of(name, page, held)
        until = min(fresh_until, self._holdings.holds_until(name), changes_at)
        as_of = None
        if moment is not None:
            as_of, changes_at = await self._cut(moment, page, held)
            until = min(until, changes_at)
        marks = await self._marks.of(name)
        if not held and (page is None or only_held):
            raise problem
        hindered = page is None and not isinstance(problem, NoSuchProject)
        if hindered and all(h.withheld or h.file.filename in held_back for h in held):
            raise problem
        return Gathered(
            parts=Parts(
                name=name,
                upstream=page,
                held=held,
                held_back=held_back,
                as_of=as_of,
                marks=marks,
                only_held=only_held,
                public_url=self._public_url,
            ),
            outcome=outcome,
            unknown=unknown,
            validity=Validity(until=until, slot=slot, number=number),
        )

    async def _cut(
        self, moment: Moment, page: ProjectPage | None, held: Sequence[Held]
    ) -> tuple[float, float]:
        """
        :returns: POSIX seconds that mean the same as the moment, but do not go on with
            time; and until when they do.
        """
        at, count = moment.at(self._clock.seconds()), len(held)
        if page is not None:
            count += len(page.distributions)
        if count <= INLINE:
            as_of, following = cut(at, page, held)
        else:
            as_of, following = await self._in_thread(cut, at, page, held)
        return as_of, moment.comes_to(following)

    async def note(self, gathered: Gathered, private: bool) -> None:
        """
        :param private: are private files among what was gathered?
        """
        name, page = gathered.parts.name, gathered.parts.upstream
        if private and gathered.unknown:
            await self._names.claim(name)
        elif private and page is not None and not gathered.parts.only_held:
            self._names.note_shared(name, page.index)
