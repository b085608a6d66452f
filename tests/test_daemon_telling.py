"""
Tests for :mod:`proxypypi.daemon.telling`.
"""

import os
from types import SimpleNamespace
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent

from proxypypi.daemon.state import State
from proxypypi.daemon.telling import Teller
from proxypypi.listening import Listener
from tests.daemon_case import DaemonTestCase


def listener(address: object, identity: Any = None) -> Listener:
    port: Any = SimpleNamespace(getHost=lambda: address)
    return Listener(endpoint="", port=port, identity=identity)


class TellerTests(DaemonTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.reactor = MemoryReactorClock()
        self.up: Deferred[Any] = Deferred()
        self.started: list[State | None] = []

    def begin(self) -> None:
        def started() -> None:
            self.started.append(self.state())

        Teller(self.path, lambda: self.up, 7.0, started).begin(self.reactor)
        self.reactor.run()

    def state(self) -> State | None:
        return State.load(self.path, os.getpid())

    def end(self) -> None:
        for call, arguments, named in self.reactor.triggers["before"]["shutdown"]:
            call(*arguments, **named)

    def test_told(self) -> None:
        """
        Where it listens is told before it is said to have started, as a client on this
        machine has it; and then that it ends.
        """
        self.begin()
        self.assertIsNone(self.state())
        self.up.callback(
            [
                listener(IPv4Address("TCP", "0.0.0.0", 1)),
                listener(IPv4Address("TCP", "192.0.2.1", 2), identity=object()),
                listener(IPv6Address("TCP", "::", 3)),
                listener(UNIXAddress(b"/run/p.sock")),
                listener(UNIXAddress(None)),
            ]
        )
        addresses = (
            *("http://127.0.0.1:1", "https://192.0.2.1:2", "http://[::1]:3"),
            "unix:/run/p.sock",
        )
        expected = State(pid=os.getpid(), addresses=addresses, drain=7.0)
        self.assertEqual([expected], self.started)
        self.end()
        state = self.state()
        assert state is not None
        self.assertEqual((addresses, True), (state.addresses, state.stopping))

    def test_cannot_be_written(self) -> None:
        """
        That it cannot be told is told in the log, and no more.
        """
        self.path = self.directory / "missing" / "p.pid"
        self.begin()
        with capturedLogs() as events:
            self.up.callback([])
        self.assertEqual([None], self.started)
        (said,) = map(formatEvent, events)
        self.assertIn("stop and status will know less: ", said)
