"""
Where a file is, and how to get at its bytes.
"""

import os
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from proxypypi.cache.downloads import Downloads
from proxypypi.cache.flight import patiently
from proxypypi.cache.found import FoundFile
from proxypypi.cache.holdings import Holdings
from proxypypi.cache.marks import MarkCache
from proxypypi.cache.pages import PageCache
from proxypypi.cache.private import PrivateNames
from proxypypi.cache.shelf import PageAnswer
from proxypypi.cache.sources import WholeFile
from proxypypi.cache.streams import Stream, Streams
from proxypypi.cache.upstreams import Upstreams
from proxypypi.errors import (
    JustArrived,
    NoSuchFile,
    NoSuchProject,
    Quarantined,
    StillFetching,
    UpstreamRefusal,
    Withheld,
)
from proxypypi.events import WITHHELD, IEvents
from proxypypi.interfaces import IByteSource, IIndex
from proxypypi.model import Distribution, LocalFile, Outcome, Validity
from proxypypi.names import NormalizedName, project_of
from proxypypi.rules.integrity import agree
from proxypypi.rules.merge import Held, is_private, is_quarantined
from proxypypi.store.generations import Generations

T = TypeVar("T")

_GONE = frozenset({403, 404, 410})  # as a file's host says it
_KNOWN_WITHIN = 1.5  # seconds, of a file that is here, unless it is still written
_LOOK = 0.05  # seconds between looks whether it is


@define(eq=False)
class Files:
    """
    Files that are here, and those that an upstream lists.
    """

    _pages: PageCache
    _holdings: Holdings
    _upstreams: Upstreams
    _names: PrivateNames
    _marks: MarkCache
    _downloads: Downloads
    _streams: Streams
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
        if is_quarantined(page):
            raise Quarantined(project=name)
        held = await self._holdings.one(name, filename, page)
        if held is not None and held.withheld:
            self._events.note(WITHHELD)
            raise Withheld(filename=filename)
        if held is not None:
            return FoundFile(
                name=name,
                filename=filename,
                held=held,
                listed=page.by_filename.get(filename) if page is not None else None,
                origin=page.index if page is not None else "",
                private=is_private(held.facts, page, filename),
                validity=Validity(
                    until=self._holdings.holds_until(name), slot=slot, number=number
                ),
            )
        answer = await self._page_listing(name, filename)
        page = answer.page
        until = min(answer.fresh_until, self._holdings.holds_until(name))
        return FoundFile(
            name=name,
            filename=filename,
            held=None,
            listed=page.by_filename[filename],
            origin=page.index,
            private=False,
            validity=Validity(until=until, slot=slot, number=number),
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

    def outcome(self, found: FoundFile) -> Outcome:
        """
        How the file will be come by, if it is opened now.
        """
        if found.held is not None:
            return Outcome(hit=True)
        running = self._downloads.find(found.name, found.filename)
        return Outcome(
            forwarded="miss", stored=running is None, collapsed=running is not None
        )

    async def open(self, found: FoundFile) -> IByteSource:
        """
        The whole file, or what is here of it while it is being fetched.

        :raises NoSuchFile: it has gone meanwhile.
        :raises StillFetching: likewise, but upstream lists it; or another has taken its
            place, which is not known yet.
        :raises UpstreamError: it could not be fetched.
        :raises TooManyStreams: there is no room for it, nor a place to stream it.
        :raises StillFetching: upstream takes long.
        """
        if found.held is not None:
            return _open(found, found.held.file)
        try:
            return await self._join(found)
        except JustArrived:
            held = await self._await(found)
            if held is None:
                return await self._join(found, even_so=True)
            return _open(found, held.file)

    async def keep(self, found: FoundFile) -> None:
        """
        Have a file here that is not yet, all of it.

        :raises NoSuchFile: upstream lists it no longer.
        :raises UpstreamError: it could not be fetched.
        :raises CannotKeep: there is no room for it.
        :raises StillFetching: there is one of that name by now.
        """

        def keep(listed: Distribution, index: IIndex) -> "Deferred[None]":
            return Deferred.fromCoroutine(
                self._downloads.keep(found.name, listed, index)
            )

        try:
            await self._fetch(found, keep)
        except JustArrived:
            self._holdings.brought(found.name)
            raise

    async def _join(self, found: FoundFile, even_so: bool = False) -> IByteSource:
        return await self._fetch(
            found, lambda d, i: self._downloads.join(found.name, d, i, even_so)
        )

    async def _await(self, found: FoundFile) -> Held | None:
        """
        Wait for a file to be known that is here.

        :returns: :obj:`None` if it takes long, as somebody is writing it, or must not
            be read.
        :raises StillFetching: it is another.
        """
        for _ in range(round(_KNOWN_WITHIN / _LOOK)):
            self._holdings.brought(found.name)
            again = await self.find(found.name, found.filename)
            if again.held is not None:
                if found.sha256 in (None, again.sha256):
                    return again.held
                raise StillFetching(what=f"the new {found.filename}")
            await deferLater(self._clock, _LOOK)
        return None

    async def open_range(
        self, found: FoundFile, byte_range: tuple[int | None, int | None]
    ) -> Stream:
        """
        A range of a file that is not here, straight from upstream, unchecked.

        :raises TooManyStreams: too many others do so.
        :raises StillFetching: upstream takes long.
        """

        def open_stream(listed: Distribution, index: IIndex) -> "Deferred[Stream]":
            opening = Deferred.fromCoroutine(
                self._streams.open(listed, byte_range, index)
            )
            return patiently(opening, self._clock, found.filename)

        return await self._fetch(found, open_stream)

    async def reach(self, source: IByteSource, offset: int, filename: str) -> None:
        """
        Wait for the byte at *offset*, or the end.

        :raises StillFetching: upstream takes long.
        """
        reached: Deferred[None] = Deferred()

        def look() -> None:
            there = source.ended or source.released > offset
            if there and not reached.called:
                reached.callback(None)

        source.watch(look)
        look()
        await patiently(reached, self._clock, filename)

    async def size(self, found: FoundFile) -> int | None:
        """
        Of a file that is not here, in bytes, asked of its host if need be.
        """
        if found.size is not None:
            return found.size

        def ask(listed: Distribution, index: IIndex) -> "Deferred[int | None]":
            asking = index.fetch_size(listed.url)
            return patiently(asking, self._clock, found.filename)

        return await self._fetch(found, ask)

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

    async def _fetch(
        self,
        found: FoundFile,
        fetch: Callable[[Distribution, IIndex], "Deferred[T]"],
    ) -> T:
        """
        Ask upstream for a listed file; if its host says no, see whether it is listed
        still, and where.
        """
        assert found.listed is not None
        try:
            return await fetch(found.listed, self._index(found.origin))
        except UpstreamRefusal as e:
            if e.status not in _GONE:
                raise
            try:
                answer = await self._pages.refreshed(found.name)
            except NoSuchProject:
                raise NoSuchFile(filename=found.filename) from e
            listed = answer.page.by_filename.get(found.filename)
            if listed is None or answer.unlisted:
                raise NoSuchFile(filename=found.filename) from e
            if listed.url == found.listed.url:
                raise
            unhashed = not listed.hashes and not found.listed.hashes
            same = unhashed or agree(listed.hashes, found.listed.hashes)
            if not same or answer.page.index != found.origin:
                raise StillFetching(what=f"the new {found.filename}") from e
            return await fetch(listed, self._index(found.origin))

    def _index(self, address: str) -> IIndex:
        upstream = self._upstreams.at(address)
        assert upstream is not None, "a file not here, with no one to ask"
        return upstream.index


def _open(found: FoundFile, file: LocalFile) -> WholeFile:
    """
    :raises NoSuchFile: it has gone meanwhile.
    :raises StillFetching: likewise, but upstream lists it; or another has taken its
        place, which is not known yet.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # or a FIFO would block
    try:
        fd = os.open(file.path, flags)
    except OSError as e:
        if isinstance(e, FileNotFoundError) and found.listed is not None:
            raise StillFetching(what=found.filename) from e
        raise NoSuchFile(filename=found.filename) from e
    status = os.fstat(fd)
    found_now = (status.st_size, status.st_ino, status.st_mtime_ns)
    if found_now != (file.size, file.inode, file.modified_at):
        os.close(fd)
        raise StillFetching(what=f"the new {found.filename}")
    return WholeFile(fd, file.size)
