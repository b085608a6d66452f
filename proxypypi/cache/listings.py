"""
The pages we serve: upstream's and what lies here, merged and rendered.
"""

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred

from proxypypi.cache.bounded import Bounded
from proxypypi.cache.flight import SingleFlight
from proxypypi.cache.gathering import INLINE, Gathering, Parts
from proxypypi.cache.health import Health
from proxypypi.interfaces import IDirectory
from proxypypi.model import Outcome, Validity
from proxypypi.names import NormalizedName
from proxypypi.rules.snapshots import Moment
from proxypypi.simple.rendering import Rendered, render_list, render_page

_MOST_RENDERED = 32 * 1024 * 1024  # bytes
_MOST_SNAPSHOTS = 8 * 1024 * 1024  # likewise, beside these: there is no end of them


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
    """

    _gathering: Gathering
    _health: Health
    _directory: IDirectory
    _in_thread: Callable[..., "Deferred[Any]"]
    _flight: SingleFlight = field(factory=SingleFlight, init=False)
    _made: Bounded[tuple[NormalizedName, bool, float | None], _Made] = field(
        factory=lambda: Bounded(_MOST_RENDERED), init=False
    )
    _snapshots: Bounded[tuple[NormalizedName, bool, float | None], _Made] = field(
        factory=lambda: Bounded(_MOST_SNAPSHOTS), init=False
    )
    _list_made: tuple[Sequence[NormalizedName], Rendered] | None = field(
        default=None, init=False
    )

    async def project(
        self, name: NormalizedName, *, local: bool = False, moment: Moment | None = None
    ) -> Answer:
        """
        A project's page; the arguments and what is raised are those of
        :meth:`Gathering.gather`.
        """
        gathered = await self._gathering.gather(name, local=local, moment=moment)
        made = await self._make(gathered.parts)
        await self._gathering.note(gathered, made.private)
        return Answer(
            rendered=made.rendered,
            private=made.private,
            outcome=gathered.outcome,
            validity=gathered.validity,
        )

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
        key = (parts.name, parts.only_held, parts.as_of)
        kept = self._made if parts.as_of is None else self._snapshots
        made = kept.get(key)
        if made is not None and made.parts.identity == parts.identity:
            return made

        async def make() -> _Made:
            if parts.count <= INLINE:
                return _render(parts)
            made: _Made = await self._in_thread(_render, parts)
            return made

        made = await self._flight.join((key, parts.identity), make)
        kept.put(key, made, cost=_cost(made.rendered))
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
