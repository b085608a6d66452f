"""
Tests for :mod:`proxypypi.workers.lodging`.
"""

import os
import socket
import ssl
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from proxypypi.errors import BadCertificate
from proxypypi.workers.lodging import Lodging
from tests.certificates import Authority


class Greeter(Protocol):
    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(b"hello")
        transport.loseConnection()


class LodgingTests(TestCase):
    def setUp(self) -> None:
        self.told: list[str] = []

    def lodging(self, endpoint: str, lent: socket.socket) -> Lodging:
        lent.setblocking(False)
        self.addCleanup(lent.close)
        self.descriptor = os.dup(lent.fileno())
        lodging = Lodging(
            reactor,
            [endpoint],
            [(self.descriptor, int(lent.family))],
            lambda: self.told.append("ready"),
            lambda: self.told.append("closed"),
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(lodging.close()))
        return lodging

    def greeted(self, client: socket.socket, address: Any) -> "Deferred[bytes]":
        def greeted() -> bytes:
            with client:
                client.settimeout(10)
                client.connect(address)
                return client.recv(5, socket.MSG_WAITALL)

        return deferToThread(greeted)

    async def test_serves(self) -> None:
        """
        Who connects to a socket that was lent is served; when that is over, clients
        wait in its queue, as it has not ended.
        """
        lent = socket.create_server(("127.0.0.1", 0))
        address = lent.getsockname()
        lodging = self.lodging("tcp:0", lent)
        lodging.enter(Factory.forProtocol(Greeter))
        self.assertRaises(OSError, os.fstat, self.descriptor)
        lodging.announce()
        self.assertEqual(b"hello", await self.greeted(socket.socket(), address))
        await lodging.close()
        socket.create_connection(address).close()
        lent.accept()[0].close()
        await lodging.close()
        self.assertEqual(["ready", "closed"], self.told)

    async def test_hand_back(self) -> None:
        """
        While all others end, too, it goes on taking clients; if another worker will
        take its place, or systemd has the socket, it does not.
        """
        for endpoint, all_end, goes_on in (
            ("tcp:0", True, True),
            ("tcp:0", False, False),
            ("systemd:domain=INET:index=0", True, False),
        ):
            self.told.clear()
            lodging = self.lodging(endpoint, socket.create_server(("127.0.0.1", 0)))
            lodging.enter(Factory.forProtocol(Greeter))
            lodging.all_end = all_end
            await lodging.hand_back()
            self.assertEqual(goes_on, bool(lodging.listeners), endpoint)
            self.assertEqual([] if all_end else ["closed"], self.told)

    async def test_unix(self) -> None:
        """
        A unix socket keeps its file and its mode, and serves others after that.
        """
        path = Path(os.path.relpath(self.mktemp()))
        lent = socket.socket(socket.AF_UNIX)
        lent.bind(str(path))
        lent.listen()
        path.chmod(0o620)
        lodging = self.lodging(f"unix:{path}", lent)
        lodging.enter(Factory.forProtocol(Greeter))
        client = socket.socket(socket.AF_UNIX)
        self.assertEqual(b"hello", await self.greeted(client, str(path)))
        await lodging.close()
        self.assertEqual(0o620, path.stat().st_mode & 0o777)
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.connect(str(path))
        lent.accept()[0].close()

    async def test_tls(self) -> None:
        """
        With a certificate, that is what clients see.
        """
        file = Path(self.mktemp()).absolute()
        made = Authority().vouch_for("127.0.0.1")
        file.write_bytes(made.dumpPEM())
        lent = socket.create_server(("127.0.0.1", 0))
        address = lent.getsockname()
        lodging = self.lodging(f"ssl:0:{file}", lent)
        lodging.enter(Factory.forProtocol(Greeter))
        seen = await deferToThread(lambda: ssl.get_server_certificate(address))
        self.assertIn(seen.strip().encode(), made.dumpPEM())

    async def test_bad_certificate(self) -> None:
        """
        With a bad one, none of all sockets is served.
        """
        lent = socket.create_server(("127.0.0.1", 0))
        lodging = self.lodging("ssl:0:missing.pem", lent)
        self.assertRaises(BadCertificate, lodging.enter, Factory())
        self.assertEqual([], lodging.listeners)
        await maybeDeferred(lambda: Deferred.fromCoroutine(lodging.close()))
        self.assertEqual([], self.told)
