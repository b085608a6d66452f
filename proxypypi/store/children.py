"""
Work that would stop the reactor, done by a process of its own.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

import proxypypi
from proxypypi.errors import CannotMake

_PATIENCE = 120.0  # seconds
_LAST_WORDS = 2000  # bytes

# Not -m, which would import from the current directory: it may be the cache.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1].split('\\n'); "
    "from proxypypi.store.catalogue import main; main(sys.argv[2])"
)


@define(eq=False)
class ListMaker:
    """
    Makes a list (:func:`proxypypi.store.catalogue.main`), one at a time or several.

    :ivar _reactor: an ``IReactorProcess`` and more.
    """

    _reactor: Any

    def __call__(self, order: str) -> "Deferred[None]":
        """
        :raises CannotMake: it failed, took too long, or we end.
        """
        root = str(Path(proxypypi.__file__).parents[1])
        path = [root, *(place for place in sys.path if os.path.isabs(place))]
        arguments = [sys.executable, "-I", "-c", _PROGRAM, "\n".join(path), order]
        child = _Child(self._reactor.callLater)
        try:
            self._reactor.spawnProcess(child, sys.executable, arguments, env={})
        except OSError as e:
            child.fail(str(e))
            return child.ended
        trigger = self._reactor.addSystemEventTrigger("before", "shutdown", child.kill)

        def forget(result: Any) -> Any:
            self._reactor.removeSystemEventTrigger(trigger)
            return result

        return child.ended.addBoth(forget)


class _Child(ProcessProtocol):
    def __init__(self, call_later: Callable[..., IDelayedCall]) -> None:
        self.ended: Deferred[None] = Deferred()
        self._call_later = call_later
        self._alarm: IDelayedCall | None = None
        self._said = b""
        self._killed = ""

    def connectionMade(self) -> None:
        self._alarm = self._call_later(_PATIENCE, self.kill, "it took too long")

    def errReceived(self, data: bytes) -> None:
        self._said = (self._said + data)[-_LAST_WORDS:]

    def processEnded(self, reason: Failure) -> None:
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        if reason.check(ProcessDone):
            self.ended.callback(None)
        else:
            said = self._said.decode("utf-8", "replace").strip().splitlines()
            self.fail(self._killed or (said[-1] if said else str(reason.value)))

    def fail(self, reason: str) -> None:
        self.ended.errback(CannotMake(reason=reason))

    def kill(self, reason: str = "the server ends") -> None:
        transport: Any = self.transport
        self._killed = reason
        with suppress(ProcessExitedAlready):
            transport.signalProcess("KILL")
