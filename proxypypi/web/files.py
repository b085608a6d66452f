"""
Routes to files and to their core metadata.
"""

import hashlib
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, ClassVar
from urllib.parse import unquote
from weakref import WeakKeyDictionary

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.http import NOT_MODIFIED, PARTIAL_CONTENT
from twisted.web.server import Request

from proxypypi.cache.ahead import Ahead, ReadAbout
from proxypypi.cache.files import Files
from proxypypi.cache.finding import Finder
from proxypypi.cache.flight import PATIENCE
from proxypypi.cache.found import FoundFile
from proxypypi.cache.metadata import MetadataCache
from proxypypi.errors import BadName, JustGone, ProxypypiError, StillFetching
from proxypypi.interfaces import IByteSource
from proxypypi.model import Outcome
from proxypypi.names import check_filename, normalize, project_of
from proxypypi.web.headers import (
    ALWAYS_ASK,
    FOR_AN_HOUR,
    FOR_EVER,
    cache_status,
    forget,
    header,
    http_date,
    is_same_file,
    is_unchanged,
    set_headers,
)
from proxypypi.web.hot import offer
from proxypypi.web.pace import cut_off
from proxypypi.web.ranges import ByteRange, parse_range
from proxypypi.web.router import Router
from proxypypi.web.sender import send_body, send_file

_log = Logger()

_METADATA = ".metadata"
_NEAR = 4 * 1024 * 1024  # bytes: a download this close to an offset will be there soon
_CHECKED_LAST = 64 * 1024  # bytes at the end that come from checked files alone


@define(eq=False)
class FileRoutes:
    """
    One route, and its aliases of older proxies.

    :ivar _read: what was read about on each connection.
    """

    router: ClassVar[Router] = Router()
    _finder: Finder
    _files: Files
    _metadata: MetadataCache
    _ahead: Ahead
    _clock: IReactorTime
    _read: "WeakKeyDictionary[Any, ReadAbout]" = field(
        factory=WeakKeyDictionary, init=False
    )

    @router.route("/files/<name>/<filename>", methods=["GET"])
    @router.route("/package/<name>/<filename>", methods=["GET"])
    @router.route("/packages/source/<_letter>/<name>/<filename>", methods=["GET"])
    async def file(
        self, request: Request, name: str, filename: str, _letter: str = ""
    ) -> bytes:
        project, (filename, is_metadata) = normalize(name), _split(filename)
        find = partial(self._finder.find, project, filename)
        return await self._in_time(request, find, is_metadata)

    @router.route("/package/<filename>", methods=["GET"])
    async def file_alone(self, request: Request, filename: str) -> bytes:
        filename, is_metadata = _split(filename)
        project = project_of(filename)
        if project is None:
            raise BadName(kind="file", name=filename)
        find = partial(self._finder.find, project, filename)
        return await self._in_time(request, find, is_metadata)

    @router.route("/packages/<aa>/<bb>/<rest>/<filename>", methods=["GET"])
    async def file_at(
        self, request: Request, aa: str, bb: str, rest: str, filename: str
    ) -> bytes:
        filename, is_metadata = _split(filename)
        find = partial(self._finder.find_at, f"{aa}/{bb}/{rest}", filename)
        return await self._in_time(request, find, is_metadata)

    async def _in_time(
        self,
        request: Request,
        find: Callable[[], Coroutine[Any, Any, FoundFile]],
        is_metadata: bool,
    ) -> bytes:
        """
        However many things are waited for one after the other, the client is told
        something in time: what is being fetched goes on, and its retry joins.

        :raises StillFetching: not a byte could be sent until then.
        """
        late = False

        def give_up() -> None:
            nonlocal late
            if not request.startedWriting:
                late = True
                answering.cancel()

        async def answer() -> bytes:
            try:
                return await self._serve(request, await find(), is_metadata)
            except JustGone:
                forget(request, "ETag", "Last-Modified")
                return await self._serve(request, await find(), is_metadata)

        answering = Deferred.fromCoroutine(answer())
        timer = self._clock.callLater(PATIENCE, give_up)
        try:
            return await answering
        except CancelledError as e:
            if late:
                what = request.path.rpartition(b"/")[2].decode("ascii")
                raise StillFetching(what=unquote(what)) from e
            raise
        finally:
            if timer.active():
                timer.cancel()

    async def _serve(
        self, request: Request, found: FoundFile, is_metadata: bool
    ) -> bytes:
        if is_metadata:
            return await self._serve_metadata(request, found)
        etag = f'"{found.sha256}"' if found.sha256 is not None else None
        set_headers(
            request,
            etag=etag,
            cache_control=_caching(found.private, found.immutable),
            last_modified=(
                http_date(found.modified_at) if found.modified_at is not None else None
            ),
            accept_ranges="bytes",
            cache_status=cache_status(self._outcome(request, found)),
        )
        if is_unchanged(request, etag, found.modified_at):
            request.setResponseCode(NOT_MODIFIED)
            if found.held is not None:  # only what is here is given again as it is
                offer(request, found.validity, b"")
            return b""
        set_headers(request, content_type="application/octet-stream")
        if request.method == b"HEAD":
            size = await self._files.size(found)
            if size is not None:
                set_headers(request, content_length=str(size))
            return b""
        wanted = parse_range(header(request, "Range"))
        if wanted is not None and is_same_file(request, etag, found.modified_at):
            await self._send_range(request, found, wanted)
        else:
            await self._send_whole(request, found)
        return b""

    def _outcome(self, request: Request, found: FoundFile) -> Outcome:
        if request.method == b"HEAD" and found.held is None:
            return Outcome(forwarded="miss")  # nothing is fetched for it
        return self._files.outcome(found)

    async def _send_whole(self, request: Request, found: FoundFile) -> None:
        self._ahead.fetch(self._read_by(request).take(found))
        source = await self._open(request, found)
        if source.size is not None:
            set_headers(request, content_length=str(source.size))
        if found.held is not None:
            offer(request, found.validity, source, self._files.noting(found))
        await send_file(request, source, self._clock)

    def _read_by(self, request: Request) -> ReadAbout:
        if request.channel is None:  # the client has gone
            return ReadAbout()
        return self._read.setdefault(request.channel, ReadAbout())

    async def _open(self, request: Request, found: FoundFile) -> IByteSource:
        source = await self._files.open(found)
        if source.overflowed:
            set_headers(request, cache_status=cache_status(Outcome(forwarded="miss")))
        return source

    async def _send_range(
        self, request: Request, found: FoundFile, wanted: ByteRange
    ) -> None:
        if found.held is not None or wanted.is_open:
            await self._send_held(request, found, wanted)
            return
        size = await self._files.size(found)
        if size is None:
            await self._send_held(request, found, wanted)
            return
        start, stop = wanted.within(size)
        # Always from the front: few file hosts know "the last so many".
        stream = await self._files.open_range(found, (start, stop - 1))
        if (stream.start, stream.length) != (start, stop - start):
            stream.abandon()  # upstream knows no ranges; we do, of the whole file
            await self._send_held(request, found, wanted)
            return
        _promise_range(request, start, stop, size)
        set_headers(request, cache_status=cache_status(Outcome(forwarded="miss")))
        if await send_body(request, stream, self._clock) < stop - start:
            await cut_off(request)

    async def _send_held(
        self, request: Request, found: FoundFile, wanted: ByteRange
    ) -> None:
        """
        A range of the file that is here, or on its way here.
        """
        source = await self._open(request, found)
        start, stop = 0, None
        try:
            if source.size is not None:  # else only all of it can be given
                start, stop = wanted.within(source.size)
                _promise_range(request, start, stop, source.size)
                ahead = 0
                if start > source.released + _NEAR:
                    ahead = await self._send_ahead(request, found, start, stop)
                if not ahead:
                    await self._files.reach(source, start, found.filename)
                start += ahead
        except BaseException:
            source.close()
            raise
        await send_file(request, source, self._clock, start, stop)

    async def _send_ahead(
        self, request: Request, found: FoundFile, start: int, stop: int
    ) -> int:
        """
        Relay upstream's own range while the download is not yet near it.

        The last bytes, half of them at most, are left to the download, which gives them
        out only if the whole file is what it should be.

        :returns: how many bytes were sent.
        """
        stop -= min(_CHECKED_LAST, (stop - start + 1) // 2)
        if start >= stop:
            return 0
        try:
            stream = await self._files.open_range(found, (start, stop - 1))
        except StillFetching:
            raise  # the client has waited for as long as it can
        except ProxypypiError as e:
            _log.info("{uri}: waiting instead: {error}", uri=request.uri, error=e)
            return 0
        if stream.start != start:
            stream.abandon()
            return 0
        return await send_body(request, stream, self._clock, most=stop - start)

    async def _serve_metadata(self, request: Request, file: FoundFile) -> bytes:
        found = await self._metadata.get(file)
        if request.method == b"GET":
            self._read_by(request).note(file)
        content = found.content
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        set_headers(
            request,
            etag=etag,
            cache_control=_caching(found.private, found.immutable),
            accept_ranges="bytes",
            cache_status=cache_status(found.outcome),
        )
        again = file.validity if found.outcome == Outcome(hit=True) else None
        if is_unchanged(request, etag, None):
            request.setResponseCode(NOT_MODIFIED)
            offer(request, again, b"")
            return b""
        wanted = parse_range(header(request, "Range"))
        if wanted is not None and is_same_file(request, etag, None):
            start, stop = wanted.within(len(content))
            _promise_range(request, start, stop, len(content))
            content = content[start:stop]
        else:
            offer(request, again, content)
        set_headers(
            request,
            content_type="text/plain; charset=utf-8",
            content_length=str(len(content)),
        )
        return content


def _split(filename: str) -> tuple[str, bool]:
    """
    :returns: the name of a file, and whether its core metadata is meant.
    :raises BadName: no file can have it.
    """
    plain = filename.removesuffix(_METADATA)
    return check_filename(plain), plain != filename


def _caching(private: bool, immutable: bool) -> str:
    if private:
        return ALWAYS_ASK
    return FOR_EVER if immutable else FOR_AN_HOUR


def _promise_range(request: Request, start: int, stop: int, size: int) -> None:
    request.setResponseCode(PARTIAL_CONTENT)
    set_headers(
        request,
        content_range=f"bytes {start}-{stop - 1}/{size}",
        content_length=str(stop - start),
    )
