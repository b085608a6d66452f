"""
Where a file is, and how to get at its bytes.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from proxypypi.cache.downloads import Downloads
from proxypypi.cache.flight import patiently
from proxypypi.cache.holdings import Holdings
from proxypypi.cache.pages import PageCache
from proxypypi.cache.streams import Stream, Streams
from proxypypi.errors import NoSuchFile, NoSuchProject, Quarantined, UpstreamRefusal
from proxypypi.interfaces import IByteSource, IIndex
from proxypypi.model import Distribution, Outcome
from proxypypi.names import NormalizedName, is_immutable
from proxypypi.rules.integrity import is_strong
from proxypypi.rules.merge import Held, is_private, is_quarantined

T = TypeVar("T")

_GONE = frozenset({403, 404, 410})  # as a file's host says it


@frozen(kw_only=True)
class FoundFile:
    """
    A file that is here, or that upstream lists.

    :ivar held: the file as it is here; :obj:`None` if it is not.
    :ivar listed: as upstream lists it; :obj:`None` if it does not.
    :ivar private: did people put it here?
    """

    name: NormalizedName
    filename: str
    held: Held | None
    listed: Distribution | None
    private: bool

    @property
    def size(self) -> int | None:
        """
        In bytes; :obj:`None` if it is not here and the index does not say.
        """
        if self.held is not None:
            return self.held.file.size
        return self.listed.size if self.listed is not None else None

    @property
    def sha256(self) -> str | None:
        """
        Its lower-case hex digest, if that is known.
        """
        if self.held is not None:
            return self.held.facts.hashes["sha256"]
        return self.listed.hashes.get("sha256") if self.listed is not None else None

    @property
    def immutable(self) -> bool:
        """
        Will there never be other bytes under this name?
        """
        return (
            not self.private
            and is_immutable(self.filename)
            and self.listed is not None
            and is_strong(self.listed.hashes)
        )

    @property
    def modified_at(self) -> float | None:
        """
        When it was uploaded, or came here; POSIX seconds.
        """
        if not self.private and self.listed is not None and self.listed.upload_time:
            with suppress(ValueError):
                # Before Python 3.11, fromisoformat does not know the "Z".
                time = self.listed.upload_time.replace("Z", "+00:00")
                return datetime.fromisoformat(time).timestamp()
        return self.held.file.modified_at / 1e9 if self.held is not None else None


@implementer(IByteSource)
@define(eq=False)
class WholeFile:
    """
    A file that is here.
    """

    fd: int
    size: int
    ended: bool = field(default=True, init=False)
    failed: bool = field(default=False, init=False)

    @property
    def released(self) -> int:
        return self.size

    def watch(self, changed: Callable[[], None]) -> None:
        """
        Nothing will change.
        """

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


@define(eq=False)
class Files:
    """
    :ivar _upstream: who fetches what is not here; :obj:`None` for nobody.
    """

    _pages: PageCache
    _holdings: Holdings
    _upstream: "Upstream | None"
    _clock: IReactorTime

    async def find(self, name: NormalizedName, filename: str) -> FoundFile:
        """
        :raises NoSuchFile: it is not here, and upstream does not list it even now.
        :raises NoSuchProject: likewise.
        :raises Quarantined: its index says that it must not be offered.
        :raises UpstreamError: it is not here, and upstream cannot be asked.
        """
        in_hand = await self._pages.held(name)
        page = in_hand.page if in_hand is not None else None
        if is_quarantined(page):
            raise Quarantined(project=name)
        held = await self._holdings.one(name, filename, page)
        if held is not None:
            return FoundFile(
                name=name,
                filename=filename,
                held=held,
                listed=page.by_filename.get(filename) if page is not None else None,
                private=is_private(held.facts, page, filename),
            )
        listed = await self._listed(name, filename)
        return FoundFile(
            name=name, filename=filename, held=None, listed=listed, private=False
        )

    def outcome(self, found: FoundFile) -> Outcome:
        """
        How the file will be come by, if it is opened now.
        """
        if found.held is not None or self._upstream is None:
            return Outcome(hit=True)
        running = self._upstream.downloads.find(found.name, found.filename)
        return Outcome(
            forwarded="miss", stored=running is None, collapsed=running is not None
        )

    async def open(self, found: FoundFile) -> IByteSource:
        """
        The whole file, or what is here of it while it is being fetched.

        :raises NoSuchFile: it has gone meanwhile.
        :raises UpstreamError: it could not be fetched.
        :raises CannotKeep: there is no room for it.
        :raises StillFetching: upstream takes long.
        """
        if found.held is not None:
            try:
                fd = os.open(found.held.file.path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as e:
                raise NoSuchFile(filename=found.filename) from e
            return WholeFile(fd, os.fstat(fd).st_size)
        downloads = self._asked().downloads
        return await self._fetch(found, lambda d: downloads.join(found.name, d))

    async def open_range(
        self, found: FoundFile, byte_range: tuple[int | None, int | None]
    ) -> Stream:
        """
        A range of a file that is not here, straight from upstream, unchecked.

        :raises TooManyStreams: too many others do so.
        :raises StillFetching: upstream takes long.
        """
        streams = self._asked().streams

        def open_stream(listed: Distribution) -> "Deferred[Stream]":
            opening = Deferred.fromCoroutine(streams.open(listed, byte_range))
            return patiently(opening, self._clock, found.filename)

        return await self._fetch(found, open_stream)

    async def size(self, found: FoundFile) -> int | None:
        """
        Of a file that is not here, in bytes, asked of its host if need be.
        """
        if found.size is not None:
            return found.size
        index = self._asked().index
        return await self._fetch(
            found,
            lambda d: patiently(index.fetch_size(d.url), self._clock, found.filename),
        )

    async def _listed(self, name: NormalizedName, filename: str) -> Distribution:
        if self._upstream is None:
            raise NoSuchFile(filename=filename, why=f"no file {filename!r} here")
        answer = await self._pages.get(name)
        if filename not in answer.page.by_filename and not answer.gone:
            answer = await self._pages.refreshed(name)
        if is_quarantined(answer.page):
            raise Quarantined(project=name)
        if answer.gone or filename not in answer.page.by_filename:
            raise NoSuchFile(filename=filename)
        return answer.page.by_filename[filename]

    async def _fetch(
        self, found: FoundFile, fetch: Callable[[Distribution], "Deferred[T]"]
    ) -> T:
        """
        Ask upstream for a listed file; if its host says no, see whether it is listed
        still, and where.
        """
        assert found.listed is not None
        try:
            return await fetch(found.listed)
        except UpstreamRefusal as e:
            if e.status not in _GONE:
                raise
            try:
                answer = await self._pages.refreshed(found.name)
            except NoSuchProject:
                raise NoSuchFile(filename=found.filename) from e
            listed = answer.page.by_filename.get(found.filename)
            if listed is None or answer.gone:
                raise NoSuchFile(filename=found.filename) from e
            if listed.url == found.listed.url:
                raise
            return await fetch(listed)

    def _asked(self) -> "Upstream":
        assert self._upstream is not None, "a file not here, with no one to ask"
        return self._upstream


@frozen
class Upstream:
    """
    The ways to get at files of the index.
    """

    index: IIndex
    downloads: Downloads
    streams: Streams
