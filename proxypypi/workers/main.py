"""
The program of a worker.
"""

import os
import pickle
import signal
import sys
from types import FrameType
from typing import Any, ClassVar

from twisted.logger import Logger, globalLogBeginner
from twisted.python.failure import Failure

from proxypypi import aside
from proxypypi.errors import ProxypypiError
from proxypypi.service import ProxyService, assemble
from proxypypi.store.counts import Counts
from proxypypi.store.generations import Generations
from proxypypi.workers.lines import LineObserver
from proxypypi.workers.lodging import Lodging
from proxypypi.workers.orders import (
    CLOSED,
    COUNTS,
    END,
    FAILED,
    FIRST_SOCKET,
    GENERATIONS,
    HURRY,
    READY,
    REPORTS,
    RETIRE,
    Messages,
    Order,
)


class Hands(Messages):
    """
    Does what the parent says; when nothing more can come from there, it is gone.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(self, reactor: Any) -> None:
        self.status = 0
        self._reactor = reactor
        self._service: ProxyService | None = None
        self._lodging: Lodging
        self._ends = False

    def take_signals(self) -> None:
        """
        TERM is to end, however often it comes, and whatever the parent says before and
        after it: all processes may be told at once.
        """

        def end(number: int, frame: FrameType | None) -> None:
            self._reactor.callFromThread(self._end)

        signal.signal(signal.SIGTERM, end)

    def stringReceived(self, message: bytes) -> None:
        if self._service is None:
            self._begin(pickle.loads(message))
        elif message == RETIRE:
            aside.begin(self._retire(self._service), self._log, "retirement")
        elif message == END:
            self._end_with_all()
        elif message == HURRY:
            self._service.hurry()
            self._end_with_all()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._end()

    def _begin(self, order: Order) -> None:
        settings = order.settings
        sockets = [(FIRST_SOCKET + i, f) for i, f in enumerate(order.families)]
        lodging = self._lodging = Lodging(
            self._reactor,
            settings.listen,
            sockets,
            lambda: self.sendString(READY),
            lambda: self.sendString(CLOSED),
        )
        generations = Generations.shared(GENERATIONS)
        os.close(GENERATIONS)
        counts = Counts.shared(COUNTS, settings.upstream_names)
        try:
            service = assemble(settings, self._reactor, generations, lodging, counts)
            self._service = service
            service.startService()
        except (ProxypypiError, OSError) as e:
            self._fail(str(e))
        except Exception as e:
            self._log.failure("a worker cannot start")
            self._fail(repr(e))
        else:
            self._reactor.addSystemEventTrigger(
                "before", "shutdown", service.stopService
            )

    async def _retire(self, service: ProxyService) -> None:
        await service.retire()
        self._end()

    def _fail(self, reason: str) -> None:
        self.status = 1
        self.sendString(FAILED + reason.encode())
        transport: Any = self.transport
        transport.loseConnection()

    def _end_with_all(self) -> None:
        self._lodging.all_end = True
        self._end()

    def _end(self) -> None:
        if not self._ends:
            self._ends = True
            self._reactor.stop()


def main() -> None:
    """
    Serve what the parent says, as long as it says.
    """
    globalLogBeginner.beginLoggingTo([LineObserver(sys.stdout)])
    from twisted.internet import reactor, stdio

    running: Any = reactor
    pipes: Any = stdio.StandardIO
    hands = Hands(running)
    pipes(hands, stdin=0, stdout=REPORTS)
    running.callWhenRunning(hands.take_signals)
    running.run()
    sys.exit(hands.status)
