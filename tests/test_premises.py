"""
Tests for :mod:`proxypypi.premises`.
"""

import os
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import CannotListen, DirectoryInUse
from proxypypi.premises import Premises
from proxypypi.settings import Settings


class PremisesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir()
        self.reactor = MemoryReactorClock()

    def premises(self, *listen: str, **more: Any) -> Premises:
        settings = Settings(directory=self.directory, listen=listen, **more)
        return Premises(settings, self.reactor)

    def test_order(self) -> None:
        """
        The directory comes before the addresses, and the listeners are in order.
        """
        first = self.premises("tcp:1", "unix:p.sock", "tcp:2")
        factory = Factory()
        first.enter(factory)
        self.addCleanup(first.leave)
        self.assertEqual(
            ["tcp:1", "unix:p.sock", "tcp:2"],
            [each.endpoint for each in first.listeners],
        )
        self.assertIs(factory, self.reactor.tcpServers[0][1])
        self.assertRaises(DirectoryInUse, self.premises("tcp:3").enter, factory)
        self.assertEqual(2, len(self.reactor.tcpServers))

    def test_close(self) -> None:
        """
        Closed, twice even, it listens no more; the directory is kept until the end.
        """
        first, second = self.premises("tcp:1"), self.premises("tcp:2")
        first.enter(Factory())
        for _ in range(2):
            self.successResultOf(Deferred.fromCoroutine(first.close()))
        self.assertEqual([], first.listeners)
        self.assertRaises(DirectoryInUse, second.enter, Factory())
        first.leave()
        second.enter(Factory())
        second.leave()

    def test_hand_back(self) -> None:
        """
        A socket that systemd keeps open is left to it; all others go on.
        """
        premises = self.premises("tcp:1", "tcp:2")
        premises.enter(Factory())
        self.addCleanup(premises.leave)
        own, lent = premises.listeners
        premises.listeners[1] = evolve(lent, endpoint="systemd:domain=INET:index=0")
        self.successResultOf(Deferred.fromCoroutine(premises.hand_back()))
        self.assertEqual([own], premises.listeners)

    def test_read_only(self) -> None:
        """
        A directory that takes no lock is good enough for who keeps nothing there.
        """

        def refuse(*arguments: Any) -> int:
            raise OSError(30, "Read-only file system")

        self.patch(os, "open", refuse)
        self.assertRaises(OSError, self.premises("tcp:1").enter, Factory())
        self.assertEqual([], self.reactor.tcpServers)
        self.premises("tcp:1", upstreams=()).enter(Factory())
        self.assertEqual(1, len(self.reactor.tcpServers))

    def test_address_that_cannot_be_had(self) -> None:
        """
        What is wrong with an address is an error of ours.
        """
        premises = self.premises("unix:" + "x" * 200)
        self.patch(self.reactor, "listenUNIX", _refuse)
        self.assertRaises(CannotListen, premises.enter, Factory())
        premises.leave()


def _refuse(*arguments: Any, **named: Any) -> None:
    raise OSError("AF_UNIX path too long")
