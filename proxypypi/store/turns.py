"""
What all processes of a server do one after the other.
"""

import os
from contextlib import suppress
from pathlib import Path

from attrs import define
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import implementer

from proxypypi.interfaces import ITurn, ITurns
from proxypypi.store.locked import open_locked

_LOOK = 0.03  # seconds between looks whether it is our turn
_LONGEST = 45.0  # seconds to wait for it; no page takes longer to come


@implementer(ITurn)
@define(eq=False)
class Turn:
    """
    A locked file, which is there for as long as somebody's turn lasts.

    :ivar _fd: :obj:`None` if there is none, and others may do the same meanwhile.
    """

    waited: bool
    _path: Path
    _fd: int | None

    def end(self) -> None:
        if self._fd is not None:
            with suppress(OSError):
                os.unlink(self._path)
            os.close(self._fd)
            self._fd = None


@implementer(ITurns)
@define(eq=False)
class Turns:
    """
    One file for each thing that is done. Its lock is the kernel's, and ends with the
    process that has it. Where no such file can be made, nobody waits.
    """

    _directory: Path
    _clock: IReactorTime

    async def take(self, what: str) -> Turn:
        path = self._directory / what
        began = self._clock.seconds()
        waited = False
        while True:
            try:
                self._directory.mkdir(parents=True, exist_ok=True)
                return Turn(waited, path, open_locked(path))
            except BlockingIOError:
                if self._clock.seconds() - began >= _LONGEST:
                    return Turn(waited, path, None)
            except OSError:
                return Turn(waited, path, None)
            waited = True
            await deferLater(self._clock, _LOOK)


@implementer(ITurns)
@define(eq=False)
class NoTurns:
    """
    Those of the only process there is.
    """

    async def take(self, what: str) -> Turn:
        return _AT_ONCE


_AT_ONCE = Turn(False, Path(), None)
