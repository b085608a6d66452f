"""
A worker, as its parent sees it.
"""

import os
import pickle
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from attrs import define, field
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

import proxypypi
from proxypypi.settings import Settings
from proxypypi.workers.lines import Lines, relay
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
    framed,
)
from proxypypi.workers.sockets import Shared

# Not -m, which would import from the current directory: it may be the cache. What a
# terminal tells all its processes, the parent hears, too, and tells the worker.
_PROGRAM = (
    "import signal, sys; sys.path[:] = sys.argv[2].split('\\n'); "
    "signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    "from proxypypi.workers.main import main; main()"
)


class IWorker(Protocol):
    """
    A process that serves.
    """

    @property
    def pid(self) -> int: ...

    def retire(self) -> None:
        """
        Have it let its clients go to others, and end.
        """

    def end(self) -> None:
        """
        Have it end after its running transfers, which have the drain time.
        """

    def hurry(self) -> None:
        """
        Have it end at once.
        """

    def kill(self) -> None:
        """
        End it.
        """


class IEmployer(Protocol):
    """
    Is told what a worker does.
    """

    def ready(self, worker: IWorker) -> None:
        """
        It serves.
        """

    def closed(self, worker: IWorker) -> None:
        """
        It takes no more clients.
        """

    def ended(self, worker: IWorker, how: str) -> None:
        """
        It is no more.

        :param how: in words.
        """


@define(eq=False)
class Hiring:
    """
    Starts workers, all for the same server.

    :ivar _generations: a descriptor; so is *_counts*.
    """

    _reactor: Any
    _settings: Settings
    _sockets: Sequence[Shared]
    _generations: int
    _counts: int

    def __call__(self, number: int, employer: IEmployer) -> IWorker:
        sockets = [shared.of(number) for shared in self._sockets]
        order = Order(
            number=number,
            settings=self._settings,
            families=tuple(int(each.family) for each in sockets),
        )
        worker = _Worker(order, employer)
        places = {FIRST_SOCKET + i: each.fileno() for i, each in enumerate(sockets)}
        root = str(Path(proxypypi.__file__).parents[1])
        path = [root, *(place for place in sys.path if os.path.isabs(place))]
        name = f"proxypypi-worker-{number}"
        try:
            self._reactor.spawnProcess(
                worker,
                sys.executable,
                [sys.executable, "-c", _PROGRAM, name, "\n".join(path)],
                env=None,
                childFDs={
                    0: "w",
                    1: "r",
                    2: "r",
                    REPORTS: "r",
                    GENERATIONS: self._generations,
                    COUNTS: self._counts,
                    **places,
                },
            )
        except OSError as e:
            self._reactor.callLater(0, employer.ended, worker, str(e))
        return worker


@define(eq=False)
class _Worker(ProcessProtocol):
    _order: Order
    _employer: IEmployer
    _reason: str = field(default="", init=False)
    _lines: dict[int, Lines] = field(init=False)
    _is_deaf: bool = field(default=False, init=False)
    pid: int = field(default=0, init=False)
    _reports: Messages = field(factory=Messages, init=False)

    def __attrs_post_init__(self) -> None:
        take = partial(relay, self._order.number)
        self._lines = {1: Lines(take), 2: Lines(take)}
        reports: Any = self._reports
        reports.stringReceived = self._take_report

    def retire(self) -> None:
        self._say(RETIRE)

    def end(self) -> None:
        self._say(END)

    def hurry(self) -> None:
        self._say(HURRY)

    def kill(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            with suppress(ProcessExitedAlready):
                transport.signalProcess("KILL")

    def connectionMade(self) -> None:
        transport: Any = self.transport
        self.pid = transport.pid
        self._say(pickle.dumps(self._order))

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        if childFD == REPORTS:
            self._reports.dataReceived(data)
        else:
            self._lines[childFD].add(data)

    def childConnectionLost(self, childFD: int) -> None:
        self._is_deaf = self._is_deaf or childFD == 0

    def processEnded(self, reason: Failure) -> None:
        for lines in self._lines.values():
            lines.end()
        self._employer.ended(self, self._reason or _how(reason))

    def _say(self, message: bytes) -> None:
        transport: Any = self.transport
        if transport is not None and not self._is_deaf:
            transport.writeToChild(0, framed(message))

    def _take_report(self, report: bytes) -> None:
        if report == READY:
            self._employer.ready(self)
        elif report == CLOSED:
            self._employer.closed(self)
        elif report.startswith(FAILED):
            self._reason = report.removeprefix(FAILED).decode()


def _how(reason: Failure) -> str:
    if reason.check(ProcessDone):
        return "by itself"
    value: Any = reason.value
    if value.signal is not None:
        return f"killed by signal {value.signal}"
    return f"with status {value.exitCode}"
