"""
All files on their way: one download a file, however many clients want it.
"""

from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from proxypypi.cache.download import Download
from proxypypi.cache.flight import patiently
from proxypypi.cache.health import Health
from proxypypi.cache.holdings import Holdings
from proxypypi.cache.housekeeping import Housekeeping
from proxypypi.cache.sources import Unkept
from proxypypi.cache.streams import Streams
from proxypypi.cache.transfer import Transfer
from proxypypi.errors import CannotKeep, JustArrived, StillFetching, WrongBytes
from proxypypi.events import FILES_NOT_KEPT, MISMATCHES, IEvents
from proxypypi.interfaces import IBody, IByteSource, IIndex, IPartial, IPartialStore
from proxypypi.model import Distribution, Fetching
from proxypypi.names import NormalizedName, is_distribution
from proxypypi.rules.integrity import strongest


@define(eq=False)
class Downloads:
    """
    Starts downloads and lets others join them.

    :ivar _distrust: told that a project's page does not fit the bytes upstream sends.
    """

    _partials: IPartialStore
    _holdings: Holdings
    _housekeeping: Housekeeping
    _streams: Streams
    _distrust: Callable[[NormalizedName], None]
    _health: Health
    _events: IEvents
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _running: dict[tuple[NormalizedName, str], Download] = field(
        factory=dict, init=False
    )
    _idle: "list[Deferred[None]]" = field(factory=list, init=False)

    def __len__(self) -> int:
        return len(self._running)

    def under_way(self) -> list[Fetching]:
        return [
            Fetching(
                project=project,
                filename=filename,
                got=download.got,
                size=download.size,
                waiting=download.waiting,
            )
            for (project, filename), download in self._running.items()
        ]

    def find(self, name: NormalizedName, filename: str) -> Download | None:
        """
        The download of a file that is under way, if one is.
        """
        return self._running.get((name, filename))

    def join(
        self,
        name: NormalizedName,
        listed: Distribution,
        index: IIndex,
        even_so: bool = False,
    ) -> "Deferred[IByteSource]":
        """
        Start a download, or follow the one under way. It goes on when all have left.

        A file that cannot be kept comes straight from upstream, for this client alone.

        :param index: that lists it.
        :param even_so: be there a file of that name or not.
        :raises UpstreamError: it failed before anything could be given out.
        :raises TooManyStreams: it cannot be kept, as those of too many others.
        :raises JustArrived: there is a file of that name by now.
        :raises StillFetching: upstream takes long to send its first byte, or another
            file of that name, which was listed before, is still on its way.
        """
        try:
            if not is_distribution(listed.filename):
                raise CannotKeep(
                    filename=listed.filename, reason="it is no distribution"
                )
            _, following = self._follow(name, listed, index, even_so)
        except CannotKeep:
            following = self._stream(name, listed, index)
        else:
            following.addCallback(self._unless_empty, name, listed, index)
        return patiently(following, self._clock, listed.filename)

    async def keep(
        self, name: NormalizedName, listed: Distribution, index: IIndex
    ) -> None:
        """
        As :meth:`join`, for somebody who wants the file to be here, not its bytes, and
        has time.

        :raises CannotKeep: it was not kept.
        """
        download, following = self._follow(name, listed, index)
        source = await following
        ended: Deferred[None] = Deferred()

        def look() -> None:
            if source.ended and not ended.called:
                ended.callback(None)

        source.watch(look)
        look()
        await ended
        source.close()
        if download.error is not None:
            download.error.raiseException()

    def when_idle(self) -> "Deferred[None]":
        """
        Fires when no download is under way.
        """
        idle: Deferred[None] = Deferred()
        self._idle.append(idle)
        self._settle()
        return idle

    def _follow(
        self,
        name: NormalizedName,
        listed: Distribution,
        index: IIndex,
        even_so: bool = False,
    ) -> "tuple[Download, Deferred[IByteSource]]":
        download = self.find(name, listed.filename)
        if download is not None:
            if not download.is_of(listed, index):
                raise StillFetching(what=f"another {listed.filename}")
            return download, download.follow()
        download = self._start(name, listed, index, even_so)
        following = download.follow()
        Deferred.fromCoroutine(download.run())
        return download, following

    def _start(
        self, name: NormalizedName, listed: Distribution, index: IIndex, even_so: bool
    ) -> Download:
        algorithm = strongest(listed.hashes)
        tag = listed.hashes[algorithm][:16] if algorithm is not None else "unhashed"

        def open_partial() -> IPartial:
            return self._partials.open(name, listed.filename, tag)

        try:
            partial = open_partial()
        except OSError as e:
            reason = e.strerror or str(e)
            missed = CannotKeep(filename=listed.filename, reason=reason)
            self._warn(missed)
            raise missed from e
        # Not before: what is published loses its other name as soon as it has this.
        is_new = partial.is_ours and not partial.size and not even_so
        if is_new and self._partials.is_there(name, listed.filename):
            partial.discard()
            partial.close()
            raise JustArrived(what=listed.filename)
        return self._make(name, listed, index, partial, open_partial)

    def _unless_empty(
        self,
        source: IByteSource,
        name: NormalizedName,
        listed: Distribution,
        index: IIndex,
    ) -> "IByteSource | Deferred[IByteSource]":
        """
        Where nothing found room, it is better known before a byte is promised whether
        upstream will send any.
        """
        if not source.overflowed or source.released:
            return source
        source.close()
        return self._stream(name, listed, index)

    def _stream(
        self, name: NormalizedName, listed: Distribution, index: IIndex
    ) -> "Deferred[IByteSource]":
        async def open_stream() -> IByteSource:
            transfer = Transfer(listed, index, self._clock, self._events)
            stream = self._streams.check(transfer, lambda: self._mismatched(name))
            await stream.open()
            return Unkept(stream, stream.total)

        return Deferred.fromCoroutine(open_stream())

    def _make(
        self,
        name: NormalizedName,
        listed: Distribution,
        index: IIndex,
        partial: IPartial,
        open_partial: Callable[[], IPartial],
    ) -> Download:
        key = (name, listed.filename)

        async def find_room(download: Download) -> None:
            self._housekeeping.check_size(download.size)
            await self._housekeeping.find_room(self._check_room)

        def stream(transfer: Transfer, tail: bytes) -> IBody:
            return self._streams.check(transfer, lambda: self._mismatched(name), tail)

        def finished(download: Download) -> None:
            del self._running[key]
            error = download.error.value if download.error is not None else None
            if isinstance(error, CannotKeep):
                self._warn(error)
            elif error is None:
                self._health.mend("files")
            if download.kept:
                self._housekeeping.kept(download.size or 0)
            if isinstance(error, WrongBytes):
                self._mismatched(name)
            self._settle()

        download = self._running[key] = Download(
            name=name,
            listed=listed,
            index=index,
            partial=partial,
            holdings=self._holdings,
            events=self._events,
            clock=self._clock,
            in_thread=self._in_thread,
            open=open_partial,
            find_room=find_room,
            stream=stream,
            finished=finished,
        )
        return download

    def _check_room(self) -> "Deferred[None]":
        """
        Is there room for all that is on its way?
        """
        return self._partials.check_room(sum(d.missing for d in self._running.values()))

    def _mismatched(self, name: NormalizedName) -> None:
        self._events.note(MISMATCHES)
        self._distrust(name)

    def _warn(self, error: CannotKeep) -> None:
        """
        Not under the name of what is small: that may find room where files do not.
        """
        self._events.note(FILES_NOT_KEPT)
        self._health.worsen("files", str(error))

    def _settle(self) -> None:
        if not self._running:
            idle, self._idle = self._idle, []
            for waiter in idle:
                waiter.callback(None)
