"""
Tests for :mod:`proxypypi.listening`.
"""

from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import BadCertificate, CannotListen
from proxypypi.listening import Listener, listen, open_listener
from tests.certificates import Authority


class Port:
    def __init__(self, address: object) -> None:
        self.address = address

    def getHost(self) -> object:
        return self.address


class ListenerTests(SynchronousTestCase):
    def announced(self, endpoint: str, address: object, identity: Any = None) -> str:
        port: Any = Port(address)
        listener = Listener(endpoint=endpoint, port=port, identity=identity)
        with capturedLogs() as events:
            listener.announce()
        return "\n".join(map(formatEvent, events))

    def test_announced(self) -> None:
        """
        The log has the address as a client writes it.
        """
        for address, identity, url in (
            (IPv4Address("TCP", "127.0.0.1", 1), None, "http://127.0.0.1:1/simple/"),
            (IPv4Address("TCP", "0.0.0.0", 2), None, "http://localhost:2/simple/"),
            (IPv6Address("TCP", "::", 3), None, "http://localhost:3/simple/"),
            (IPv6Address("TCP", "::1", 4), object(), "https://[::1]:4/simple/"),
        ):
            said = self.announced("an endpoint", address, identity)
            self.assertIn("listening on an endpoint", said)
            self.assertIn(f"index-url = {url}", said)
            self.assertIn(f"pip install -i {url} PACKAGE", said)

    def test_no_address_for_pip(self) -> None:
        """
        Of what pip has no address for, only where it is.
        """
        for address, name in (
            (UNIXAddress(b"/run/p.sock"), "unix:/run/p.sock"),
            ("something else", "something else"),
        ):
            self.assertEqual(f"listening on {name}", self.announced("x", address))


class OpenTests(SynchronousTestCase):
    def test_identity(self) -> None:
        """
        With TLS it is known what clients see.
        """
        file = Path(self.mktemp()).absolute()
        file.write_bytes(Authority().vouch_for("proxy.example").dumpPEM())
        reactor = MemoryReactorClock()
        plain = open_listener(reactor, "tcp:1", Factory())
        secure = open_listener(reactor, f"ssl:2:{file}", Factory())
        self.assertEqual(("http", "https"), (plain.scheme, secure.scheme))
        self.assertIs(secure.identity, reactor.sslServers[0][2])
        file.unlink()
        endpoint = f"ssl:3:{file}"
        self.assertRaises(BadCertificate, open_listener, reactor, endpoint, Factory())

    def test_takes_time(self) -> None:
        """
        An endpoint that does not listen at once is none for a server.
        """

        class Slow:
            def listen(self, factory: object) -> "Deferred[None]":
                return Deferred()

        slow: Any = Slow()
        self.assertRaises(CannotListen, listen, "slow:1", slow, Factory())
