"""
Tests for :mod:`proxypypi.workers.service`.
"""

import atexit
import io
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.application.service import IService
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import succeed
from twisted.internet.error import CannotListenError, ProcessDone
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.errors import CannotListen, DirectoryInUse
from proxypypi.settings import Settings
from proxypypi.store.counts import Counts
from proxypypi.store.generations import SIZE
from proxypypi.workers.orders import framed
from proxypypi.workers.service import Workers
from tests.pool import Pool

ENDPOINT = "unix:/run/p.sock"


class Port:
    """
    :ivar notes: what happened, in order.
    """

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes
        self.socket = socket.socket(socket.AF_UNIX)

    def getHost(self) -> UNIXAddress:
        return UNIXAddress("/run/p.sock")

    def stopReading(self) -> None:
        self.notes.append("port accepts nobody")

    def stopListening(self) -> Any:
        self.notes.append("port closed")
        self.socket.close()
        return succeed(None)


class Process:
    """
    A worker that the test plays the part of.

    :ivar heard: what it was told after its order.
    """

    def __init__(self, protocol: Any, descriptors: Any, pid: int) -> None:
        self.protocol, self.descriptors, self.pid = protocol, descriptors, pid
        self.heard: list[bytes] = []
        self.killed = False

    def writeToChild(self, fd: int, data: bytes) -> None:
        self.heard.append(data[4:])

    def signalProcess(self, name: str) -> None:
        self.killed = name == "KILL"

    def say(self, report: bytes) -> None:
        self.protocol.childDataReceived(3, framed(report))

    def end(self) -> None:
        self.protocol.processEnded(Failure(ProcessDone(0)))

    @property
    def words(self) -> list[bytes]:
        return self.heard[1:]


class Reactor(MemoryReactorClock):
    taken = False
    stopped = 0

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        self.processes: list[Process] = []

    def listenUNIX(self, address: Any, *args: Any, **named: Any) -> Any:
        if self.taken:
            raise CannotListenError(None, address, "Cannot acquire lock")
        return Port(self.notes)

    def spawnProcess(self, protocol: Any, *args: Any, **named: Any) -> Any:
        pid = 100 + len(self.processes)
        process = Process(protocol, named["childFDs"], pid)
        self.processes.append(process)
        protocol.makeConnection(process)
        return process

    def callFromThread(self, call: Callable[..., None], *arguments: Any) -> None:
        call(*arguments)

    def getThreadPool(self) -> Pool:
        return Pool()

    def stop(self) -> None:
        self.stopped += 1


class WorkersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir()
        self.reactor = Reactor()
        self.service = self.make()

    def make(self, **more: Any) -> Workers:
        settings = Settings(
            directory=self.directory,
            listen=(ENDPOINT,),
            upstreams=(),
            workers=2,
            **more,
        )
        return Workers(settings, self.reactor)

    def start(self) -> list[Process]:
        self.service.privilegedStartService()
        self.service.startService()
        self.reactor.run()
        self.reactor.stopped = 0  # which the one in memory does at the end of that
        return self.reactor.processes

    def started(self) -> list[Process]:
        processes = self.start()
        for process in processes:
            process.say(b"ready")
        return processes

    def test_starts(self) -> None:
        """
        It takes the directory and the addresses, has as many processes as it was told
        to serve them, and says where when they all do.
        """
        verifyObject(IService, self.service)
        up = self.service.when_up()
        self.service.privilegedStartService()
        self.assertEqual(["port accepts nobody"], self.reactor.notes)
        self.assertRaises(DirectoryInUse, self.make().privilegedStartService)
        with capturedLogs() as events:
            self.service.startService()
            self.assertEqual([], self.reactor.processes)
            self.reactor.run()
            first, second = self.reactor.processes
            first.say(b"ready")
            self.assertNoResult(up)
            said = [formatEvent(event) for event in events]
            self.assertNotIn("listening on unix:/run/p.sock", said)
            second.say(b"ready")
        said = [formatEvent(event) for event in events]
        self.assertIn("listening on unix:/run/p.sock", said)
        for each in (up, self.service.when_up()):
            (listener,) = self.successResultOf(each)
            self.assertEqual(ENDPOINT, listener.endpoint)

    def test_started_without_privileges(self) -> None:
        """
        Started in one step, it listens all the same.
        """
        self.service.startService()
        self.assertEqual(["port accepts nobody"], self.reactor.notes)

    def test_shared_file(self) -> None:
        """
        All have the same file for their generations, and another to count in; these
        have no names, and have all the room that they need.
        """
        first, second = self.start()
        for place, size in ((4, SIZE), (5, Counts.size([]))):
            fd = first.descriptors[place]
            self.assertEqual(fd, second.descriptors[place])
            self.assertEqual(size, os.fstat(fd).st_size)
            self.assertEqual(0, os.fstat(fd).st_nlink)
            self.assertLessEqual(size, os.fstat(fd).st_blocks * 512)

    def test_address_that_is_taken(self) -> None:
        """
        An address that cannot be had is told before any process is there.
        """
        self.reactor.taken = True
        self.assertRaises(CannotListen, self.service.privilegedStartService)
        self.assertEqual([], self.reactor.processes)

    def test_cannot_start(self) -> None:
        """
        A process that cannot start ends the program with status 1, and with what it
        says.
        """
        stderr = io.StringIO()
        at_exit: list[Callable[[], None]] = []
        self.patch(sys, "__stderr__", stderr)
        self.patch(atexit, "register", at_exit.append)
        first, second = self.start()
        up = self.service.when_up()
        first.say(b"ready")
        second.say(b"failed for no reason")
        with capturedLogs() as events:
            second.end()
        self.assertEqual("proxypypi: for no reason\n", stderr.getvalue())
        self.assertIn("for no reason", "".join(map(formatEvent, events)))
        self.assertEqual(1, self.reactor.stopped)
        statuses: list[int] = []
        self.patch(os, "_exit", statuses.append)
        (call,) = at_exit
        call()
        self.assertEqual([1], statuses)
        self.assertNoResult(up)

    def test_renew(self) -> None:
        """
        HUP has each of them replaced.
        """
        before = signal.getsignal(signal.SIGHUP)
        self.addCleanup(signal.signal, signal.SIGHUP, before)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        first, second = self.started()
        os.kill(os.getpid(), signal.SIGHUP)
        self.reactor.processes[2].say(b"ready")
        self.assertEqual([b"retire"], first.words)
        self.reactor.processes[3].say(b"ready")
        self.assertEqual([b"retire"], second.words)

    def test_stop(self) -> None:
        """
        The sockets are closed when nobody listens there any more, which would be an
        error to them; the directory is free when all are gone.
        """
        processes = self.started()
        stopped = self.service.stopService()
        for process in processes:
            self.assertEqual([b"end"], process.words)
            self.assertNotIn("port closed", self.reactor.notes)
            process.say(b"closed")
        self.assertIn("port closed", self.reactor.notes)
        for process in processes:
            self.assertNoResult(stopped)
            self.assertRaises(DirectoryInUse, self.make().privilegedStartService)
            process.end()
        self.successResultOf(stopped)
        self.assertEqual([], self.reactor.getDelayedCalls())
        self.make().privilegedStartService()

    def test_stop_takes_too_long(self) -> None:
        """
        Who has not ended a little after the drain time is killed.
        """
        self.service = self.make(drain=7.0)
        processes = self.started()
        self.service.stopService()
        self.reactor.advance(9.4)
        self.assertFalse(any(process.killed for process in processes))
        self.reactor.advance(0.1)
        self.assertTrue(all(process.killed for process in processes))

    def test_hurry(self) -> None:
        """
        Asked again, it has all end at once, and kills who does not.
        """
        processes = self.started()
        self.service.stopService()
        self.service.hurry()
        for process in processes:
            self.assertEqual([b"end", b"hurry"], process.words)
        self.reactor.advance(3)
        self.assertTrue(all(process.killed for process in processes))

    def test_stop_before_they_are_ready(self) -> None:
        """
        Told to end while processes start, it says nothing of where it listens.
        """
        processes = self.start()
        with capturedLogs() as events:
            stopped = self.service.stopService()
            for process in processes:
                process.say(b"ready")
                process.end()
        self.successResultOf(stopped)
        self.assertNotIn("listening", "".join(map(formatEvent, events)))
        self.assertEqual(2, len(self.reactor.processes))
