"""
How to get at a file's bytes.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from proxypypi.cache.downloads import Downloads
from proxypypi.cache.finding import Finder
from proxypypi.cache.flight import patiently
from proxypypi.cache.found import FoundFile
from proxypypi.cache.holdings import Holdings
from proxypypi.cache.pages import PageCache
from proxypypi.cache.sources import open_here
from proxypypi.cache.streams import Stream, Streams
from proxypypi.cache.upstreams import Upstreams
from proxypypi.cache.uses import Uses
from proxypypi.errors import (
    JustArrived,
    JustGone,
    NoSuchFile,
    NoSuchProject,
    StillFetching,
    UpstreamRefusal,
)
from proxypypi.interfaces import IByteSource, IIndex
from proxypypi.model import Distribution, LocalFile, Outcome
from proxypypi.rules.integrity import agree
from proxypypi.rules.merge import Held

T = TypeVar("T")

_GONE = frozenset({403, 404, 410})  # as a file's host says it
_KNOWN_WITHIN = 1.5  # seconds, of a file that is here, unless it is still written
_LOOK = 0.05  # seconds between looks whether it is


@define(eq=False)
class Files:
    """
    Files that are here, and those that an upstream lists.
    """

    _finder: Finder
    _pages: PageCache
    _holdings: Holdings
    _upstreams: Upstreams
    _downloads: Downloads
    _streams: Streams
    _uses: Uses
    _clock: IReactorTime

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

        :raises JustGone: it was here; it can be found anew.
        :raises NoSuchFile: it is here, and cannot be read.
        :raises StillFetching: another has taken its place, which is not known yet.
        :raises UpstreamError: it could not be fetched.
        :raises TooManyStreams: there is no room for it, nor a place to stream it.
        :raises StillFetching: upstream takes long.
        """
        if found.held is not None:
            return self._open(found, found.held.file)
        try:
            return await self._join(found)
        except JustArrived:
            held = await self._await(found)
            if held is None:
                return await self._join(found, even_so=True)
            return self._open(found, held.file)

    def noting(self, found: FoundFile) -> Callable[[], None]:
        """
        :returns: what to call each time that a file which is here is given out again.
        """
        return partial(self._uses.note, (found.name, found.filename))

    def _open(self, found: FoundFile, file: LocalFile) -> IByteSource:
        try:
            source = open_here(file)
        except JustGone:
            self._holdings.brought(found.name)
            raise
        self._uses.note((found.name, found.filename))
        return source

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
            again = await self._finder.find(found.name, found.filename)
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
