"""
Which file somebody means who asks for one.
"""

from urllib.parse import unquote, urlsplit

from attrs import define
from twisted.internet.interfaces import IReactorTime

from proxypypi.cache.cooldown import Cooldown
from proxypypi.cache.found import FoundFile
from proxypypi.cache.holdings import Holdings
from proxypypi.cache.marks import MarkCache
from proxypypi.cache.pages import PageCache
from proxypypi.cache.private import PrivateNames
from proxypypi.cache.shelf import PageAnswer
from proxypypi.cache.upstreams import Upstreams
from proxypypi.errors import (
    NoSuchFile,
    NoSuchProject,
    Quarantined,
    StillFetching,
    UpstreamError,
    Withheld,
)
from proxypypi.events import WITHHELD, IEvents
from proxypypi.model import ProjectPage, Validity
from proxypypi.names import NormalizedName, project_of
from proxypypi.rules.merge import Held, is_private, is_quarantined
from proxypypi.store.generations import Generations


@define(eq=False)
class Finder:
    """
    Knows files that are here, those that an upstream lists, and those that nobody may
    have.
    """

    _pages: PageCache
    _holdings: Holdings
    _upstreams: Upstreams
    _names: PrivateNames
    _marks: MarkCache
    _cooldown: Cooldown
    _generations: Generations
    _events: IEvents
    _clock: IReactorTime

    async def find(self, name: NormalizedName, filename: str) -> FoundFile:
        """
        :raises NameDenied: the project is refused.
        :raises NoSuchFile: it is not here, and upstream does not list it even now.
        :raises NoSuchProject: likewise.
        :raises Quarantined: its index, or somebody here, says that it must not be
            offered.
        :raises Withheld: it was removed there when it was young.
        :raises TooYoung: it is still there, and young.
        :raises UpstreamError: it is not here, and upstream cannot be asked.
        """
        self._names.check(name)
        slot = self._generations.slot(name)
        number = self._generations.at(slot)
        marks = await self._marks.of(name)
        if marks.quarantined:
            raise Quarantined(project=name, here=True, reason=marks.status_reason)
        in_hand = await self._pages.held(name)
        page = in_hand.page if in_hand is not None else None
        held = await self._holdings.one(name, filename, page)
        if page is None and held is not None and self._may_be_young(name, held):
            page = await self._page_if_any(name)
            held = await self._holdings.one(name, filename, page)
        if is_quarantined(page):
            raise Quarantined(project=name)
        if held is not None and held.withheld:
            self._events.note(WITHHELD)
            raise Withheld(filename=filename)
        if held is not None:
            old_until = await self._cooldown.check(name, filename, held, page)
            until = min(old_until, self._holdings.holds_until(name))
            return FoundFile(
                name=name,
                filename=filename,
                held=held,
                listed=page.by_filename.get(filename) if page is not None else None,
                origin=page.index if page is not None else "",
                private=is_private(held.facts, page, filename),
                validity=Validity(until=until, slot=slot, number=number),
            )
        answer = await self._page_listing(name, filename)
        page = answer.page
        old_until = await self._cooldown.check(name, filename, None, page)
        fresh_until = min(answer.fresh_until, self._holdings.holds_until(name))
        return FoundFile(
            name=name,
            filename=filename,
            held=None,
            listed=page.by_filename[filename],
            origin=page.index,
            private=False,
            validity=Validity(
                until=min(old_until, fresh_until), slot=slot, number=number
            ),
        )

    async def find_at(self, digest: str, filename: str) -> FoundFile:
        """
        Find a file by the address it has upstream, ``packages/aa/bb/REST/FILENAME``.

        :param digest: ``aa/bb/REST``: on PyPI, the blake2b-256 of its content.
        :raises NoSuchFile: the file of that name has another address.
        """
        name = project_of(filename)
        if name is None:
            raise NoSuchFile(filename=filename)
        found = await self.find(name, filename)
        if found.listed is not None:
            path = unquote(urlsplit(found.listed.url).path)
            if path.endswith(f"/packages/{digest}/{filename}"):
                return found
        if found.held is not None:
            content = await self._holdings.blake2b(found.held)
            if content == digest.replace("/", ""):
                return found
        raise NoSuchFile(
            filename=filename, why=f"{filename!r} is here, but not at this address"
        )

    def _may_be_young(self, name: NormalizedName, held: Held) -> bool:
        """
        Is it private only as long as nobody has asked the index whose it is?
        """
        if held.facts.cached or not self._cooldown.matters:
            return False
        return bool(self._upstreams.asked_about(name))

    async def _page_if_any(self, name: NormalizedName) -> ProjectPage | None:
        try:
            return (await self._page_of(name)).page
        except (NoSuchProject, StillFetching, UpstreamError):
            return None

    async def _page_listing(self, name: NormalizedName, filename: str) -> PageAnswer:
        if not self._upstreams.asked_about(name):
            raise NoSuchFile(filename=filename, why=f"no file {filename!r} here")
        await self._pages.check(name, filename)
        asked_at = self._clock.seconds()
        answer = await self._page_of(name)
        if filename not in answer.page.by_filename and not answer.gone:
            answer = await self._pages.refreshed(name, asked_at)
        if is_quarantined(answer.page):
            raise Quarantined(project=name)
        if answer.gone or filename not in answer.page.by_filename:
            raise NoSuchFile(filename=filename)
        return answer

    async def _page_of(self, name: NormalizedName) -> PageAnswer:
        try:
            return await self._pages.get(name)
        except NoSuchProject:
            here = await self._holdings.of(name, None)
            if any(not held.facts.cached for held in here):
                await self._names.claim(name)
            raise
