"""
Who stops taking bytes is cut off, however slow the others are.
"""

import fcntl
import sys
import termios
from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime

STALLED = 120.0  # seconds after which a client that takes nothing is cut off
_LOOK = 30.0  # seconds between looks at whether it does


def untaken(transport: Any) -> int:
    """
    How many bytes the kernel holds for the client; always 0 if it does not tell.
    """
    try:
        told = fcntl.ioctl(transport.fileno(), termios.TIOCOUTQ, bytes(4))
    except (AttributeError, OSError, ValueError):
        return 0
    return int.from_bytes(told, sys.byteorder)


@define(eq=False)
class Watchdog:
    """
    Looks now and then whether a client takes what there is for it.

    A slow one may take long to empty the kernel's buffer, but does so by and by.

    :ivar _progress: another value whenever the client has taken something.
    :ivar _give_up: called once if it takes nothing for too long.
    """

    _clock: IReactorTime
    _progress: Callable[[], object]
    _give_up: Callable[[], None]
    _call: IDelayedCall | None = field(default=None, init=False)
    _last: object = field(default=None, init=False)
    _took_at: float = field(default=0.0, init=False)

    def start(self) -> None:
        """
        From now on the client is waited for, if it is not already.
        """
        if self._call is None:
            self._last, self._took_at = self._progress(), self._clock.seconds()
            self._call = self._clock.callLater(_LOOK, self._look)

    def stop(self) -> None:
        """
        It is not waited for any more.
        """
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _look(self) -> None:
        progress, now = self._progress(), self._clock.seconds()
        self._call = None
        if progress != self._last:
            self._last, self._took_at = progress, now
        if now - self._took_at >= STALLED:
            self._give_up()
        else:
            self._call = self._clock.callLater(_LOOK, self._look)
