"""
What signals mean to a server.

The reactor's own handling has two gaps: a second TERM is an error in the log rather
than a wish for haste, and HUP kills.
"""

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from attrs import define, field


@define(eq=False)
class Signals:
    """
    The first TERM or INT ends the server as the reactor does, the next ends its
    patience. HUP is to read files again, unless it is our terminal that went away.

    :ivar _reactor: whose handlers are in place.
    :ivar _hurry: called in the reactor's thread, for each signal after the first.
    :ivar _reread: called in the reactor's thread, for each HUP.
    """

    _reactor: Any
    _hurry: Callable[[], None]
    _reread: Callable[[], None]
    _terminal: bool = field(factory=lambda: _has_terminal(), init=False)
    _ending: bool = field(default=False, init=False)

    def install(self) -> None:
        """
        To be called when the reactor runs and has installed its own.
        """
        for number, name in ((signal.SIGTERM, "sigTerm"), (signal.SIGINT, "sigInt")):
            usual = getattr(self._reactor, name, None)
            if usual is not None and signal.getsignal(number) == usual:
                signal.signal(number, self._end)
        if signal.getsignal(signal.SIGHUP) in (signal.SIG_DFL, signal.SIG_IGN):
            signal.signal(signal.SIGHUP, self._hang_up)

    def _end(self, number: int, frame: FrameType | None) -> None:
        if self._ending:
            self._reactor.callFromThread(self._hurry)
            return
        self._ending = True
        usual = self._reactor.sigInt
        if number == signal.SIGTERM:
            usual = self._reactor.sigTerm
        usual(number, frame)

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        if self._terminal and not _has_terminal():
            self._end(signal.SIGTERM, frame)
        else:
            self._reactor.callFromThread(self._reread)


def _has_terminal() -> bool:
    return any(map(os.isatty, range(3)))
