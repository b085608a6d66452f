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
from proxypypi.errors import CannotKeep, StillFetching, WrongBytes
from proxypypi.interfaces import IByteSource, IIndex, IPartialStore
from proxypypi.model import Distribution
from proxypypi.names import NormalizedName
from proxypypi.rules.integrity import strongest


@define(eq=False)
class Downloads:
    """
    Starts downloads and lets others join them.

    :ivar _distrust: told that a project's page does not fit the bytes upstream sends.
    """

    _partials: IPartialStore
    _holdings: Holdings
    _distrust: Callable[[NormalizedName], None]
    _health: Health
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _running: dict[tuple[NormalizedName, str], Download] = field(
        factory=dict, init=False
    )
    _idle: "list[Deferred[None]]" = field(factory=list, init=False)

    def find(self, name: NormalizedName, filename: str) -> Download | None:
        """
        The download of a file that is under way, if one is.
        """
        return self._running.get((name, filename))

    def join(
        self, name: NormalizedName, listed: Distribution, index: IIndex
    ) -> "Deferred[IByteSource]":
        """
        Start a download, or follow the one under way. It goes on when all have left.

        :param index: that lists it.
        :raises UpstreamError: it failed before anything could be given out.
        :raises CannotKeep: there is no room for it.
        :raises StillFetching: upstream takes long to send its first byte, or another
            file of that name, which was listed before, is still on its way.
        """
        download = self.find(name, listed.filename)
        if download is not None:
            if not download.is_of(listed, index):
                raise StillFetching(what=f"another {listed.filename}")
            following = download.follow()
        else:
            download = self._make(name, listed, index)
            following = download.follow()
            Deferred.fromCoroutine(download.run())
        return patiently(following, self._clock, listed.filename)

    def when_idle(self) -> "Deferred[None]":
        """
        Fires when no download is under way.
        """
        idle: Deferred[None] = Deferred()
        self._idle.append(idle)
        self._settle()
        return idle

    def _make(
        self, name: NormalizedName, listed: Distribution, index: IIndex
    ) -> Download:
        algorithm = strongest(listed.hashes)
        tag = listed.hashes[algorithm][:16] if algorithm is not None else "unhashed"
        try:
            partial = self._partials.open(name, listed.filename, tag)
        except OSError as e:
            error = CannotKeep(filename=listed.filename, reason=e.strerror or str(e))
            self._health.worsen("disk", str(error))
            raise error from e
        key = (name, listed.filename)

        def finished(download: Download) -> None:
            del self._running[key]
            error = download.error.value if download.error is not None else None
            if isinstance(error, CannotKeep):
                self._health.worsen("disk", str(error))
            elif error is None:
                self._health.mend("disk")
            if isinstance(error, WrongBytes):
                self._distrust(name)
            self._settle()

        download = self._running[key] = Download(
            name=name,
            listed=listed,
            index=index,
            partial=partial,
            holdings=self._holdings,
            clock=self._clock,
            in_thread=self._in_thread,
            finished=finished,
        )
        return download

    def _settle(self) -> None:
        if not self._running:
            idle, self._idle = self._idle, []
            for waiter in idle:
                waiter.callback(None)
