"""
Tests for :mod:`proxypypi.workers.main`.
"""

import os
import pickle
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import BadCertificate
from proxypypi.premises import IPremises
from proxypypi.settings import Settings
from proxypypi.store.counts import Counts
from proxypypi.store.generations import Generations
from proxypypi.workers import main
from proxypypi.workers.lodging import Lodging
from proxypypi.workers.main import Hands
from proxypypi.workers.orders import Order, framed


class Service:
    """
    :ivar told: what it was told, in order.
    """

    def __init__(self, premises: IPremises, error: Exception | None) -> None:
        self.premises, self.error = premises, error
        self.told: list[str] = []
        self.gone: Deferred[None] = Deferred()

    def startService(self) -> None:
        if self.error is not None:
            raise self.error
        self.told.append("start")
        self.premises.announce()

    def stopService(self) -> "Deferred[None]":
        self.told.append("stop")
        return succeed(None)

    def hurry(self) -> None:
        self.told.append("hurry")

    async def retire(self) -> None:
        self.told.append("retire")
        await self.gone


class Reactor(MemoryReactorClock):
    """
    :ivar stopped: how often.
    """

    stopped = 0

    def callFromThread(self, call: Callable[[], None]) -> None:
        call()

    def stop(self) -> None:
        self.stopped += 1

    def addSystemEventTrigger(self, phase: str, event: str, call: Any) -> None:  # type: ignore[override]
        self.at_the_end = (phase, event, call)


class HandsTests(SynchronousTestCase):
    error: Exception | None = None

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.shared = object()
        self.closed: list[int] = []
        self.patch(Generations, "shared", lambda fd: (self.shared, fd))
        self.counts: Any = object()
        self.patch(Counts, "shared", lambda fd, names: (self.counts, fd, names))
        self.patch(os, "close", self.closed.append)
        self.patch(main, "assemble", self.assemble)
        self.hands = Hands(self.reactor)
        self.transport = StringTransport()
        self.hands.makeConnection(self.transport)

    def assemble(
        self,
        settings: Settings,
        reactor: Any,
        generations: Any,
        premises: Any,
        counts: Any,
    ) -> Service:
        self.assembled = (settings, reactor, generations, counts)
        self.service = Service(premises, self.error)
        return self.service

    def order(self) -> Settings:
        settings = Settings(directory=Path("/srv/cache"), workers=2)
        families = (int(socket.AF_INET),)
        order = Order(number=1, settings=settings, families=families)
        self.say(pickle.dumps(order))
        return settings

    @property
    def lodging(self) -> Lodging:
        lodging = self.service.premises
        assert isinstance(lodging, Lodging)
        return lodging

    def say(self, message: bytes) -> None:
        self.hands.dataReceived(framed(message))

    def test_begins(self) -> None:
        """
        It is a server like others, but for what it shares, and says when it serves.
        """
        settings = self.order()
        counts = (self.counts, 5, settings.upstream_names)
        expected_of_all = (settings, self.reactor, (self.shared, 4), counts)
        self.assertEqual(expected_of_all, self.assembled)
        self.assertEqual([4], self.closed)
        self.assertEqual(["start"], self.service.told)
        self.assertEqual(framed(b"ready"), self.transport.value())
        expected = ("before", "shutdown", self.service.stopService)
        self.assertEqual(expected, self.reactor.at_the_end)

    def test_fails(self) -> None:
        """
        If it cannot serve, it says why, and ends with status 1.
        """
        for error, said in (
            (BadCertificate(endpoint="ssl:1", reason="oops"), b"ssl:1: oops"),
            (OSError(28, "No space left"), b"No space left"),
            (ValueError("what?"), b"ValueError('what?')"),
        ):
            self.setUp()
            self.error = error
            self.order()
            self.assertIn(b"failed ", self.transport.value())
            self.assertIn(said, self.transport.value())
            self.assertTrue(self.transport.disconnecting)
            self.assertEqual(1, self.hands.status)
        self.assertEqual(1, len(self.flushLoggedErrors(ValueError)))

    def test_ends(self) -> None:
        """
        It ends when it is told to, once.
        """
        self.order()
        self.assertFalse(self.lodging.all_end)
        self.say(b"end")
        self.say(b"end")
        self.assertEqual((1, ["start"]), (self.reactor.stopped, self.service.told))
        self.assertEqual(0, self.hands.status)
        self.assertTrue(self.lodging.all_end)

    def test_terminated(self) -> None:
        """
        TERM ends it, too; nothing that comes after that is an error, or a hurry.
        """
        self.addCleanup(signal.signal, signal.SIGTERM, signal.getsignal(signal.SIGTERM))
        self.hands.take_signals()
        self.order()
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
            self.say(b"end")
        self.assertEqual((1, ["start"]), (self.reactor.stopped, self.service.told))

    def test_hurries(self) -> None:
        """
        In a hurry it waits for nothing, also if it was about to end.
        """
        self.order()
        self.say(b"end")
        self.say(b"hurry")
        told = ["start", "hurry"]
        self.assertEqual((1, told), (self.reactor.stopped, self.service.told))

    def test_retires(self) -> None:
        """
        When others take over, it ends once its clients are gone.
        """
        self.order()
        self.say(b"retire")
        self.assertEqual(0, self.reactor.stopped)
        self.service.gone.callback(None)
        self.assertEqual(1, self.reactor.stopped)
        self.assertEqual(["start", "retire"], self.service.told)

    def test_parent_is_gone(self) -> None:
        """
        Without a parent it ends, even before it has begun; another parent may have the
        addresses by then.
        """
        self.hands.connectionLost()
        self.assertEqual(1, self.reactor.stopped)
        self.setUp()
        self.order()
        self.hands.connectionLost()
        self.assertEqual((1, False), (self.reactor.stopped, self.lodging.all_end))
