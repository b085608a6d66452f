"""
Tests for :mod:`proxypypi.store.children`.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ProcessDone,
    ProcessExitedAlready,
    ProcessTerminated,
)
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from proxypypi.errors import CannotMake
from proxypypi.store.catalogue import KeptList, Order, open_list
from proxypypi.store.children import ListMaker

reactor: Any = _reactor


class Reactor(Clock):
    """
    Starts processes that the test plays the part of.
    """

    def __init__(self) -> None:
        super().__init__()
        self.signals: list[str] = []
        self.triggers: list[Callable[[], None]] = []
        self.over = False

    def spawnProcess(
        self, child: Any, executable: str, args: Sequence[str], env: Mapping[str, str]
    ) -> None:
        self.child, self.args, self.env = child, args, env
        child.makeConnection(self)

    def signalProcess(self, signal: str) -> None:
        if self.over:
            raise ProcessExitedAlready
        self.signals.append(signal)

    def addSystemEventTrigger(
        self, phase: str, event: str, call: Callable[[], None]
    ) -> Callable[[], None]:
        self.triggers.append(call)
        return call

    def removeSystemEventTrigger(self, trigger: Callable[[], None]) -> None:
        self.triggers.remove(trigger)

    def end(self, status: int) -> None:
        self.over = True
        reason = ProcessTerminated(status) if status else ProcessDone(0)
        self.child.processEnded(Failure(reason))


class ListMakerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.making: Deferred[None] = ListMaker(self.reactor)("{}")

    def fail_with(self, reason: str) -> None:
        error = self.failureResultOf(self.making, CannotMake).value
        self.assertEqual(reason, error.reason)
        self.assertEqual([], self.reactor.getDelayedCalls())
        self.assertEqual([], self.reactor.triggers)

    def test_done(self) -> None:
        """
        When the process has ended well, nothing of it is left.
        """
        self.assertNoResult(self.making)
        self.reactor.end(0)
        self.assertIsNone(self.successResultOf(self.making))
        self.assertEqual([], self.reactor.getDelayedCalls())
        self.assertEqual([], self.reactor.triggers)

    def test_knows_little(self) -> None:
        """
        It gets no environment, and imports nothing from where we happen to be.
        """
        self.assertEqual({}, self.reactor.env)
        self.assertEqual([sys.executable, "-I"], list(self.reactor.args[:2]))
        for place in self.reactor.args[4].split("\n"):
            self.assertTrue(os.path.isabs(place), place)

    def test_last_words(self) -> None:
        """
        If it fails, the last it said tells why.
        """
        self.reactor.child.errReceived(b"x" * 10_000)
        self.reactor.child.errReceived(b"Traceback\nMemory")
        self.reactor.child.errReceived(b"Error\n")
        self.reactor.end(1)
        self.fail_with("MemoryError")

    def test_no_words(self) -> None:
        """
        If it fails in silence, that is said.
        """
        self.reactor.end(3)
        self.fail_with(
            "A process has ended with a probable error condition: "
            "process ended with exit code 3."
        )

    def test_too_long(self) -> None:
        """
        After two minutes it is killed.
        """
        self.reactor.advance(119)
        self.assertEqual([], self.reactor.signals)
        self.reactor.advance(2)
        self.assertEqual(["KILL"], self.reactor.signals)
        self.assertNoResult(self.making)
        self.reactor.end(9)
        self.fail_with("it took too long")

    def test_shutdown(self) -> None:
        """
        It does not outlive the server.
        """
        (trigger,) = self.reactor.triggers
        trigger()
        self.assertEqual(["KILL"], self.reactor.signals)
        self.reactor.end(9)
        self.fail_with("the server ends")

    def test_ended_just_before(self) -> None:
        """
        To kill what has just ended is no error.
        """
        (trigger,) = self.reactor.triggers
        self.reactor.over = True
        trigger()
        self.reactor.end(0)
        self.assertIsNone(self.successResultOf(self.making))

    def test_no_process(self) -> None:
        """
        If no process can be started, that is all.
        """

        def refuse(*_: Any, **__: Any) -> None:
            raise OSError(11, "Resource temporarily unavailable")

        self.patch(self.reactor, "spawnProcess", refuse)
        self.reactor.triggers.clear()
        self.reactor.getDelayedCalls()[0].cancel()
        self.making = ListMaker(self.reactor)("{}")
        self.fail_with("[Errno 11] Resource temporarily unavailable")


class ProcessTests(TestCase):
    """
    A process as it is.
    """

    timeout = 30

    async def test_made(self) -> None:
        """
        A real process makes what can be opened, whatever lies where we are.
        """
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        (directory / "msgspec.py").write_text("raise SystemExit(7)")
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(directory)
        order = Order("key", str(directory / "made"), ())
        await ListMaker(reactor)(msgspec.json.encode(order).decode())
        made = open_list(directory / "made", "key")
        assert made is not None
        self.assertEqual({}, made.unreadable)

    async def test_fails(self) -> None:
        """
        What was wrong is in the error.
        """
        gone = KeptList("https://index.example/simple/", "/gone", "text/html", ("*",))
        order = Order("key", self.mktemp(), (gone,))
        making = ListMaker(reactor)(msgspec.json.encode(order).decode())
        with self.assertRaises(CannotMake) as caught:
            await making
        self.assertIn("No such file", caught.exception.reason)
