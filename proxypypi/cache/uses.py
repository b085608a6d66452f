"""
Which files are given out, so that it is known of each when that was last.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from proxypypi.store.uses import File, UseStore

_EVERY = 2.0  # seconds between writes: what a crash makes us forget, and others miss
_MOST = 10_000  # files that are noted in between


@define(eq=False)
class Uses:
    """
    Notes them in memory, and every few seconds on disk, all in one piece of some bytes
    each. So it is known to all processes what was used in the last minute, though a
    file that is given out a thousand times a second is written down every other second.

    :ivar _given: files to POSIX seconds.
    """

    _log: ClassVar[Logger] = Logger()

    _store: UseStore
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _given: dict[File, float] = field(factory=dict, init=False)
    _call: IDelayedCall | None = field(default=None, init=False)
    _can_note: bool = field(default=True, init=False)

    def note(self, file: File) -> None:
        """
        It is being given out.
        """
        self._given[file] = self._clock.seconds()
        if self._call is None:
            self._call = self._clock.callLater(_EVERY, self._flush)
        elif len(self._given) >= _MOST:
            self._flush()

    async def flush(self) -> None:
        """
        Have all written that is not yet.
        """
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None
        given, self._given = self._given, {}
        if not given:
            return
        try:
            await self._in_thread(self._store.note, given)
        except OSError as e:
            if self._can_note:
                self._log.info("uses of files cannot be noted: {error}", error=e)
            self._can_note = False
        else:
            self._can_note = True

    def _flush(self) -> None:
        Deferred.fromCoroutine(self.flush())
