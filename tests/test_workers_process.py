"""
Tests for :mod:`proxypypi.workers.process`.
"""

import os
import pickle
import socket
import sys
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.error import (
    ProcessDone,
    ProcessExitedAlready,
    ProcessTerminated,
)
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

import proxypypi
from proxypypi.settings import Credentials, Settings, UpstreamSettings
from proxypypi.workers.orders import Order, framed
from proxypypi.workers.process import Hiring, IWorker


class Reactor(Clock):
    """
    Starts a process that the test plays the part of.

    :ivar written: what it has got on its standard input.
    """

    pid: int | None = 4711
    error: OSError | None = None
    over = False

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.signals: list[str] = []

    def spawnProcess(
        self, protocol: Any, executable: str, args: Any, env: Any, childFDs: Any
    ) -> None:
        if self.error is not None:
            raise self.error
        self.protocol, self.args, self.env = protocol, args, env
        self.descriptors = childFDs
        protocol.makeConnection(self)

    def writeToChild(self, fd: int, data: bytes) -> None:
        assert fd == 0
        self.written += data

    def signalProcess(self, signal: str) -> None:
        if self.over:
            raise ProcessExitedAlready
        self.signals.append(signal)


@define(eq=False)
class Employer:
    told: list[object] = field(factory=list)

    def ready(self, worker: IWorker) -> None:
        self.told.append("ready")

    def closed(self, worker: IWorker) -> None:
        self.told.append("closed")

    def ended(self, worker: IWorker, how: str) -> None:
        self.told.append(f"ended {how}")


class Sockets:
    def __init__(self, *sockets: socket.socket) -> None:
        self.sockets = sockets

    def of(self, number: int) -> socket.socket:
        return self.sockets[number - 1]


class WorkerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.employer = Employer()
        self.sockets = [
            self.enterContext(socket.socket(family))
            for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
        ]
        first, second, only = self.sockets
        upstream = UpstreamSettings.from_url(
            "https://index.example/",
            credentials=Credentials(username="me", password="secret"),
        )
        self.settings = Settings(directory=Path("/srv/cache"), upstreams=(upstream,))
        shared: Any = [Sockets(first, second), Sockets(only, only)]
        self.hire = Hiring(self.reactor, self.settings, shared, 98, 99)

    def hired(self) -> IWorker:
        """
        A worker that has got its order.
        """
        worker = self.hire(2, self.employer)
        self.order, self.reactor.written = self.reactor.written, b""
        return worker

    def report(self, message: bytes) -> None:
        self.reactor.protocol.childDataReceived(3, framed(message))

    def end(self, error: Exception) -> None:
        self.reactor.pid = None  # as Twisted has it by then
        self.reactor.protocol.processEnded(Failure(error))

    def test_descriptors(self) -> None:
        """
        It has pipes, the files that all share, and the sockets that are for it.
        """
        self.assertEqual(4711, self.hired().pid)
        _, second, only = self.sockets
        pipes = {0: "w", 1: "r", 2: "r", 3: "r"}
        lent = {4: 98, 5: 99, 6: second.fileno(), 7: only.fileno()}
        self.assertEqual(pipes | lent, self.reactor.descriptors)

    def test_order(self) -> None:
        """
        What it needs to know goes through the pipe, and no other way: there are
        passwords among it. The environment is ours, and so is the path, but for what
        is relative.
        """
        self.patch(sys, "path", ["", "here", "/lib/python"])
        self.hired()
        order = pickle.loads(self.order[4:])
        families = (int(socket.AF_INET6), int(socket.AF_UNIX))
        expected = Order(number=2, settings=self.settings, families=families)
        self.assertEqual(expected, order)
        self.assertEqual(len(self.order) - 4, int.from_bytes(self.order[:4], "big"))
        self.assertNotIn("secret", repr(self.reactor.args))
        self.assertIsNone(self.reactor.env)
        root = str(Path(proxypypi.__file__).parents[1])
        self.assertEqual(f"{root}\n/lib/python", self.reactor.args[-1])

    def test_words(self) -> None:
        """
        It is told what to do; once it does not listen any more, that is no error.
        """
        worker = self.hired()
        for call in (worker.retire, worker.end, worker.hurry):
            call()
            word = call.__name__.encode()
            self.assertEqual(framed(word), self.reactor.written)
            self.reactor.written = b""
        self.reactor.protocol.childConnectionLost(1)
        worker.end()
        self.assertEqual(framed(b"end"), self.reactor.written)
        self.reactor.protocol.childConnectionLost(0)
        worker.end()
        self.assertEqual(framed(b"end"), self.reactor.written)

    def test_kill(self) -> None:
        """
        It is killed, unless it has ended.
        """
        worker = self.hired()
        worker.kill()
        self.reactor.over = True
        worker.kill()
        self.assertEqual(["KILL"], self.reactor.signals)

    def test_reports(self) -> None:
        """
        Its employer is told what it reports, however that comes.
        """
        self.hired()
        for byte in framed(b"ready") + framed(b"closed") + framed(b"what?"):
            self.reactor.protocol.childDataReceived(3, bytes([byte]))
        self.assertEqual(["ready", "closed"], self.employer.told)

    def test_ends(self) -> None:
        """
        And how it ended: what it said itself goes before all else.
        """
        for error, how in (
            (ProcessDone(0), "by itself"),
            (ProcessTerminated(exitCode=3), "with status 3"),
            (ProcessTerminated(signal=9), "killed by signal 9"),
        ):
            self.reactor.pid = 4711
            worker = self.hired()
            self.end(error)
            self.assertEqual(f"ended {how}", self.employer.told[-1])
            self.assertEqual(4711, worker.pid)
        self.hired()
        self.report(b"failed for no reason")
        self.end(ProcessTerminated(exitCode=1))
        self.assertEqual("ended for no reason", self.employer.told[-1])

    def test_no_process(self) -> None:
        """
        If there is no room for a process, it has ended, though not before it is there.
        """
        self.reactor.error = OSError(12, "Cannot allocate memory")
        worker = self.hire(1, self.employer)
        self.assertEqual([], self.employer.told)
        worker.end()
        worker.kill()
        self.assertEqual(0, worker.pid)
        self.reactor.advance(0)
        (told,) = self.employer.told
        self.assertIn("Cannot allocate memory", str(told))

    def test_log(self) -> None:
        """
        What it logs and prints is logged, to the last line.
        """
        self.hired()
        with capturedLogs() as events:
            self.reactor.protocol.childDataReceived(1, b'["info", "a.b", "fi')
            self.reactor.protocol.childDataReceived(2, b"Fatal err")
            self.reactor.protocol.childDataReceived(1, b'rst"]\n["info", "a.b", "n"]')
            self.end(ProcessDone(0))
        self.assertEqual(
            ["worker 2: first", "worker 2: n", "worker 2: Fatal err"],
            [formatEvent(event) for event in events],
        )

    def test_nothing_is_left(self) -> None:
        """
        It costs the parent no descriptor of its own.
        """
        before = len(os.listdir("/proc/self/fd"))
        self.hired()
        self.assertEqual(before, len(os.listdir("/proc/self/fd")))
