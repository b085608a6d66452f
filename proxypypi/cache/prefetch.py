"""
The cache, filled beforehand.
"""

from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, TypeVar

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from proxypypi.cache.cooldown import Cooldown
from proxypypi.cache.flight import persistently
from proxypypi.cache.holdings import Holdings
from proxypypi.cache.housekeeping import Housekeeping
from proxypypi.cache.keeper import Keeper
from proxypypi.cache.pages import PageCache
from proxypypi.cache.private import PrivateNames
from proxypypi.cache.upstreams import Upstreams
from proxypypi.errors import (
    CannotKeep,
    NoFittingRelease,
    NoSuchProject,
    ProxypypiError,
    Quarantined,
    TooYoung,
)
from proxypypi.model import ProjectPage
from proxypypi.names import NormalizedName
from proxypypi.rules.merge import Held, is_quarantined, merge
from proxypypi.rules.wanted import Wanted, WantedFiles, WantedRelease

_FILES_AT_ONCE = 4  # of all that is prefetched, so that clients have room
_PROJECTS_AT_ONCE = 4

T = TypeVar("T")
R = TypeVar("R")

Told = Callable[[int, int], None]
"""
Is told how many files are done with, and of how many it is known that they are wanted.
"""


@frozen(kw_only=True)
class Fetched:
    """
    What has become of one thing that was wanted.

    :ivar files: that are here, by name.
    :ivar problem: why not all is; empty if it is.
    """

    said: str
    files: tuple[str, ...] = ()
    problem: str = ""


@define(eq=False)
class _Errand:
    """
    All that somebody wants, as far as it has come.

    :ivar no_room: why nothing more can be kept; empty if it can.
    """

    _told: Told
    no_room: str = field(default="", init=False)
    _done: int = field(default=0, init=False)
    _planned: int = field(default=0, init=False)

    def plan(self, files: int) -> None:
        self._planned += files
        self._told(self._done, self._planned)

    def end_one(self) -> None:
        self._done += 1
        self._told(self._done, self._planned)


@define(eq=False)
class Prefetch:
    """
    Fetches what is wanted and not here, a few files at a time. Who is told of them
    afterwards, or not any more, makes no difference.
    """

    _log: ClassVar[Logger] = Logger()

    _pages: PageCache
    _holdings: Holdings
    _upstreams: Upstreams
    _cooldown: Cooldown
    _names: PrivateNames
    _keeper: Keeper
    _housekeeping: Housekeeping
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _slots: DeferredSemaphore = field(
        factory=lambda: DeferredSemaphore(_FILES_AT_ONCE), init=False
    )

    async def fetch(
        self, wanted: Collection[Wanted], told: Told = lambda done, planned: None
    ) -> Sequence[Fetched]:
        """
        :returns: what has become of each, in order. When there is no room for one
            file, no further one is begun.
        """
        errand = _Errand(told)
        return await _each(
            wanted, lambda one: self._fetch_one(one, errand), _PROJECTS_AT_ONCE
        )

    async def _fetch_one(self, wanted: Wanted, errand: _Errand) -> Fetched:
        try:
            files = await self._files_of(wanted)
        except ProxypypiError as e:
            return Fetched(said=wanted.said, problem=str(e))
        errand.plan(len(files))
        problems = await _each(
            files.items(),
            lambda file: self._keep(wanted.project, *file, errand),
            _FILES_AT_ONCE,
        )
        kept = [f for f, problem in zip(files, problems, strict=True) if not problem]
        return Fetched(
            said=wanted.said,
            files=tuple(kept),
            problem="; ".join(filter(None, problems)),
        )

    async def _files_of(self, wanted: Wanted) -> Mapping[str, Mapping[str, str]]:
        """
        :returns: file name to the digests that it must have.
        """
        if isinstance(wanted, WantedFiles):
            return wanted.files
        names = await persistently(lambda: self._pick(wanted), self._clock)
        return {filename: {} for filename in names}

    async def _pick(self, wanted: WantedRelease) -> Sequence[str]:
        """
        :raises NoFittingRelease: neither upstream nor the directory has one that fits.
        :raises TooYoung: one that does is held back.
        :raises NoSuchProject: nor any.
        :raises UpstreamError: it cannot be known.
        """
        name = wanted.project
        self._names.check(name)
        only_held = not self._upstreams.asked_about(name)
        if only_held:
            in_hand = await self._pages.held(name)
            page = in_hand.page if in_hand is not None else None
        else:
            page, only_held = await self._ask(name)
        if is_quarantined(page):
            raise Quarantined(project=name)
        held = await self._holdings.of(name, page)
        if not held and (page is None or only_held):
            raise NoSuchProject(project=name)

        held_back, _ = await self._cooldown.of(name, page, held)
        picked: Sequence[str] = await self._in_thread(
            _choose, wanted, page, held, only_held, held_back
        )
        return picked

    async def _ask(self, name: NormalizedName) -> tuple[ProjectPage | None, bool]:
        """
        :returns: the page, and whether only what is here of it can be had.
        """
        try:
            answer = await self._pages.get(name)
        except NoSuchProject:
            here = await self._holdings.of(name, None)
            if any(not held.facts.cached for held in here):
                await self._names.claim(name)
            return None, True
        return answer.page, answer.gone

    async def _keep(
        self,
        name: NormalizedName,
        filename: str,
        hashes: Mapping[str, str],
        errand: _Errand,
    ) -> str:
        """
        :returns: why the file is not here; empty if it is.
        """
        await self._slots.acquire()
        try:
            if self._housekeeping.is_full and not errand.no_room:
                errand.no_room = "what is cached is more than --max-size already"
            if errand.no_room:
                return f"{filename} was not tried, as {errand.no_room}"
            await self._keeper.keep(name, filename, hashes)
        except CannotKeep as e:
            if not e.others_may:
                errand.no_room = str(e)
            return str(e)
        except ProxypypiError as e:
            return str(e) if filename in str(e) else f"{filename}: {e}"
        finally:
            self._slots.release()
            errand.end_one()
        return ""


def _choose(
    wanted: WantedRelease,
    page: ProjectPage | None,
    held: Sequence[Held],
    only_held: bool,
    held_back: Mapping[str, float],
) -> Sequence[str]:
    """
    :raises NoFittingRelease: there is none that fits.
    :raises TooYoung: none but one that is held back.
    """
    name = wanted.project
    try:
        listed = merge(name, page, held, only_held=only_held, held_back=held_back)
        return wanted.pick(listed.page)
    except NoFittingRelease as e:
        with suppress(NoFittingRelease):
            everything = merge(name, page, held, only_held=only_held)
            young = [f for f in wanted.pick(everything.page) if f in held_back]
            if young:
                raise TooYoung(filename=young[0], until=held_back[young[0]]) from e
        raise


async def _each(
    items: Collection[T],
    work: Callable[[T], Coroutine[Any, Any, R]],
    at_once: int,
) -> Sequence[R]:
    """
    Work on all of them, so many at a time.

    :returns: what came of each, in their order.
    """
    results: dict[int, R] = {}
    queue: Iterator[tuple[int, T]] = iter(enumerate(items))

    async def take_turns() -> None:
        for number, item in queue:
            results[number] = await work(item)

    turns = [Deferred.fromCoroutine(take_turns()) for _ in range(at_once)]
    await gatherResults(turns, consumeErrors=True)
    return [results[number] for number in range(len(items))]
