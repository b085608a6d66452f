"""
Tests for :mod:`proxypypi.workers.sockets`.
"""

import os
import socket
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from proxypypi.errors import BadSettings, CannotListen
from proxypypi.listening import Listener, listen, open_listener
from proxypypi.workers.sockets import Shared, check_endpoint
from tests.leaks import nothing_left_open


class CheckTests(SynchronousTestCase):
    def test_good(self) -> None:
        """
        What is one socket can be served by several.
        """
        for endpoint in (
            "tcp:8000",
            "tcp6:8000:interface=\\:\\:1",
            "ssl:8443:privateKey=key.pem",
            "unix:/run/p.sock",
            "systemd:domain=INET:index=0",
        ):
            check_endpoint(endpoint)

    def test_others(self) -> None:
        """
        Of what is not, the message says what would be.
        """
        for endpoint in ("haproxy:tcp:8000", "onion:80", "fd:3"):
            error = self.assertRaises(BadSettings, check_endpoint, endpoint)
            self.assertIn(f"{endpoint!r} cannot be served by several", str(error))
            self.assertIn("tcp:, tcp6:, ssl:, unix:, systemd:", str(error))


class SharedTests(TestCase):
    def listener(self, endpoint: str) -> Listener:
        port = listen(endpoint, serverFromString(reactor, endpoint), Factory())
        self.addCleanup(lambda: maybeDeferred(port.stopListening))
        return Listener(endpoint=endpoint, port=port)

    def share(self, endpoint: str, workers: int) -> Shared:
        shared = Shared.among(self.listener(endpoint), workers)
        self.addCleanup(shared.close)
        return shared

    def accepted(self, listening: socket.socket) -> int:
        """
        How many clients are in the queue.
        """
        for count in range(100):
            try:
                listening.accept()[0].close()
            except BlockingIOError:
                return count
        return 100

    def test_divided(self) -> None:
        """
        Each worker has a socket at the same address; the kernel divides the clients.
        """
        if sys.platform != "linux":
            raise SkipTest("this system does not divide them")
        for endpoint in ("tcp:0:interface=127.0.0.1", "tcp6:0:interface=\\:\\:1"):
            shared = self.share(endpoint, 3)
            sockets = [shared.of(number) for number in (1, 2, 3)]
            self.assertEqual(1, len({each.getsockname() for each in sockets}))
            self.assertEqual(3, len({each.fileno() for each in sockets}))
            address = sockets[0].getsockname()[:2]
            for _ in range(60):
                socket.create_connection(address).close()
            counts = [self.accepted(each) for each in sockets]
            self.assertEqual(60, sum(counts))
            self.assertGreater(min(counts), 0, counts)

    def test_silenced(self) -> None:
        """
        The clients of a worker that has ended are given to the others.
        """
        if sys.platform != "linux":
            raise SkipTest("this system does not divide them")
        shared = self.share("tcp:0:interface=127.0.0.1", 3)
        address = shared.of(2).getsockname()
        for number in (1, 3):
            shared.silence(number)
        for _ in range(20):
            socket.create_connection(address).close()
        self.assertEqual(20, self.accepted(shared.of(2)))

    def test_in_use(self) -> None:
        """
        The address is in use for all who do not know of this, before and after.
        """
        shared = self.share("tcp:0:interface=127.0.0.1", 2)
        number = shared.of(1).getsockname()[1]
        endpoint = f"tcp:{number}:interface=127.0.0.1"
        self.assertRaises(CannotListen, open_listener, reactor, endpoint, Factory())

    def test_one_for_all(self) -> None:
        """
        Of a unix socket there is one.
        """
        path = Path(self.mktemp())
        shared = self.share(f"unix:{os.path.relpath(path)}", 2)
        self.assertIs(shared.of(1), shared.of(2))
        client = socket.socket(socket.AF_UNIX)
        client.connect(os.path.relpath(path))
        client.close()
        shared.silence(1)
        self.assertEqual(1, self.accepted(shared.of(2)))

    def test_nothing_is_left(self) -> None:
        """
        What was made is closed, and what could not be had, too.
        """
        listener = self.listener("tcp:0:interface=127.0.0.1")
        with nothing_left_open():
            Shared.among(listener, 3).close()
        elsewhere: Any = Elsewhere(listener.port.socket)  # type: ignore[attr-defined]
        self.patch(listener.port, "socket", elsewhere)
        with nothing_left_open():
            self.assertRaises(OSError, Shared.among, listener, 3)


class Elsewhere:
    """
    A socket at an address that is not ours.
    """

    def __init__(self, real: socket.socket) -> None:
        self.family, self.type = real.family, real.type
        self.setsockopt, self.close, self.shutdown = (
            real.setsockopt,
            real.close,
            real.shutdown,
        )

    def getsockname(self) -> tuple[str, int]:
        return "192.0.2.1", 8000
