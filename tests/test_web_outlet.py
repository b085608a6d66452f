"""
Tests for :mod:`proxypypi.web.outlet`.
"""

import os
import socket
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.ssl import CertificateOptions
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Request

from proxypypi.cache.sources import WholeFile
from proxypypi.interfaces import IByteSource
from proxypypi.web.connections import ProxySite
from proxypypi.web.outlet import Outlet, Push, push_bytes, push_file, socket_of
from tests.certificates import Authority
from tests.scripted import ScriptedBody
from tests.sockets import Loopback, SocketWire, TLSWire
from tests.test_web_sender import Growing, Sending

MB = 1024 * 1024
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
GET_10 = b"GET / HTTP/1.0\r\n\r\n"


class OutletTestCase(SynchronousTestCase):
    """
    :ivar tight: connections that hold little for who does not read.
    :ivar outlets: of all requests.
    :ivar before: what is written before an outlet has its turn.
    """

    def setUp(self) -> None:
        self.loopback = Loopback()
        self.pump = self.loopback.pump
        self.tight = Loopback(self.pump, small=8192)
        self.addCleanup(self.loopback.close)
        self.addCleanup(self.tight.close)
        self.content = os.urandom(300_100)
        self.path = Path(self.mktemp())
        self.path.write_bytes(self.content)
        fd = os.open(self.path, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        self.source = Growing(fd)
        self.start, self.stop = 0, len(self.content)
        self.before = b""
        self.outlets: list[Outlet] = []
        self.sending: list[Deferred[int]] = []
        self.face = Sending(self.send)
        self.site = ProxySite(self.face, self.pump)

    def send(self, request: Request) -> "Deferred[int]":
        if request.clientproto == b"HTTP/1.1":
            length = len(self.before) + self.stop - self.start
            request.setHeader("Content-Length", str(length))
        request.write(self.before)
        to = socket_of(request.transport)
        assert to is not None
        return self.send_by(request, self.source, push_file(to, self.source))

    def send_by(
        self, request: Request, source: IByteSource, push: Push
    ) -> "Deferred[int]":
        stop = None if self.stop == len(self.content) else self.stop
        outlet = Outlet(
            request.channel, self.pump, request.uri, source, push, self.start, stop
        )
        self.outlets.append(outlet)
        self.sending.append(outlet.send())
        return self.sending[-1]

    def ask(self, request: bytes = GET, loopback: Loopback | None = None) -> SocketWire:
        wire = (loopback or self.loopback).connect(self.site)
        wire.send(request)
        return wire

    def all_there(self) -> None:
        size = len(self.content)
        self.source.tell(size=size, released=size, ended=True)

    def body(self, wire: SocketWire, size: int = 0) -> bytes:
        """
        :param size: of the body that will have come.
        """
        if size:
            wire.take()
            size += len(wire.received.partition(b"\r\n\r\n")[0]) + 4
        return wire.take_all(size).partition(b"\r\n\r\n")[2]

    def check_cut(self, wire: SocketWire, expected: bytes) -> None:
        self.assertEqual(expected, self.body(wire))
        self.assertTrue(wire.ended)
        self.assertEqual([], self.face.sent)
        self.assertEqual(1, self.source.closed)
        wire.hang_up()
        self.assertEqual([], self.pump.getDelayedCalls())


class OutletTests(OutletTestCase):
    def test_whole(self) -> None:
        """
        All of a file goes out, then the source is closed, and nothing waited for.
        """
        self.all_there()
        for request in (GET, GET_10):
            wire = self.ask(request)
            self.assertEqual(self.content, self.body(wire, len(self.content)))
            self.assertEqual(len(self.content), self.face.sent[-1])
            self.assertEqual(request == GET_10, wire.ended)
            wire.hang_up()
            self.assertEqual([], self.pump.getDelayedCalls())
        self.assertEqual(2, self.source.closed)

    def test_slow_client(self) -> None:
        """
        However little a client takes at a time, it gets all, and holds up nobody.
        """
        self.all_there()
        slow, other = self.ask(loopback=self.tight), self.ask()
        slow.take(100)
        self.assertEqual(self.content, self.body(other, len(self.content)))
        self.assertEqual(1, len(self.face.sent))
        while len(slow.received) < 100_000:
            slow.take(7000)
        self.assertEqual(self.content, self.body(slow, len(self.content)))
        self.assertEqual(2, len(self.face.sent))

    def test_part(self) -> None:
        """
        A part starts and stops where it was asked to, without waiting for the rest.
        """
        self.start, self.stop = 1000, 2000
        wire = self.ask()
        for released, expected in (
            (999, b""),
            (1000, b""),
            (1500, self.content[1000:1500]),
            (5000, self.content[1000:2000]),
        ):
            self.source.tell(released=released)
            self.assertEqual(expected, self.body(wire, len(expected)), released)
        self.assertEqual([1000], self.face.sent)
        self.assertEqual(1, self.source.closed)

    def test_growing(self) -> None:
        """
        What is not there yet is sent as it is released, and not a byte before.
        """
        for request in (GET, GET_10):
            self.source.tell(released=0, ended=False)
            wire = self.ask(request)
            for released in (0, 1, 1, 1000, 65_536, 200_007):
                self.source.tell(released=released)
                self.assertEqual(self.content[:released], self.body(wire, released))
            self.assertFalse(wire.ended)
            sent = len(self.face.sent)
            self.all_there()
            self.assertEqual(self.content, self.body(wire, len(self.content)))
            self.assertEqual(len(self.content), self.face.sent[sent])
            wire.hang_up()
            self.source.tell()

    def test_latest(self) -> None:
        """
        What has just come is not read again: who has all that came before gets it as
        it is, however little of it may be given out yet.
        """
        blank = bytes(len(self.content))
        self.path.write_bytes(self.content[:100_000] + blank[100_000:])
        wire = self.ask()
        latest = 100_000, self.content[100_000:250_000]
        for released in (100_000, 240_000, 250_000):
            self.source.tell(released=released, latest=latest)
            expected = self.content[:released]
            self.assertEqual(expected, self.body(wire, released))
        self.path.write_bytes(self.content)
        self.all_there()
        self.assertEqual(self.content, self.body(wire, len(self.content)))

    def test_order(self) -> None:
        """
        What was written before goes out before, if that takes its time; what has grown
        meanwhile does not overtake it.
        """
        self.before = os.urandom(200_000)
        wire = self.ask(GET + GET, loopback=self.tight)
        wire.take(50)
        self.source.tell(released=10)
        self.all_there()
        body = self.before + self.content
        self.body(wire, 2 * len(body) + 100)
        self.assertEqual(2, wire.received.count(body))
        self.assertEqual(2, len(self.face.sent))

    def test_channel_again(self) -> None:
        """
        At the end the channel is asked again to wait when the client does.
        """
        self.all_there()
        wire = self.ask()
        self.body(wire, len(self.content))
        (channel,) = self.site.connections._idle
        transport = channel.transport
        self.assertIs(channel, transport.producer)
        self.assertTrue(transport.streamingProducer)
        self.source.tell(ended=False, released=0)
        wire.send(GET)
        wire.take()
        self.assertIs(self.outlets[-1], transport.producer)
        self.sending[-1].cancel()
        self.assertIs(channel, transport.producer)
        self.assertTrue(transport.streamingProducer)

    def test_pushes(self) -> None:
        """
        What is pushed begins where it should, and is no more than it may be.
        """
        one, other = socket.socketpair()
        one.setblocking(False)
        self.addCleanup(one.close)
        self.addCleanup(other.close)
        for push in (push_file(one, self.source), push_bytes(one, self.content)):
            self.assertEqual(100, push(50, 100))
            self.assertEqual(self.content[50:150], other.recv(1000))

    def test_from_memory(self) -> None:
        """
        What is in memory goes the same way.
        """

        def send(request: Request) -> "Deferred[int]":
            request.setHeader("Content-Length", str(len(self.content)))
            request.write(b"")
            to = socket_of(request.transport)
            assert to is not None
            memory = WholeFile(-1, len(self.content))
            return self.send_by(request, memory, push_bytes(to, self.content))

        self.site = ProxySite(Sending(send), self.pump)
        for loopback in (self.loopback, self.tight):
            wire = self.ask(loopback=loopback)
            self.assertEqual(self.content, self.body(wire, len(self.content)))

    def test_what_follows(self) -> None:
        """
        What is asked for meanwhile is answered after that, on the same connection.
        """
        self.all_there()
        wire = self.ask(3 * GET, self.tight)
        wire.take(1000)
        self.assertEqual(1, len(self.face.requests))
        wire.send(GET)
        head = len(wire.received.partition(b"\r\n\r\n")[0]) + 4
        got = wire.take_all(4 * (head + len(self.content)))
        self.assertEqual(4, got.count(self.content))
        self.assertEqual(4 * [len(self.content)], self.face.sent)
        self.assertFalse(wire.ended)

    def test_one_after_the_other(self) -> None:
        """
        Nobody gets more than 1 MB before it is another's turn, not even if the kernel
        takes all at once.
        """
        pushed: list[tuple[bytes, int]] = []

        def send(request: Request) -> "Deferred[int]":
            def push(offset: int, most: int) -> int:
                pushed.append((request.uri, most))
                return most

            request.setHeader("Content-Length", "1")
            request.write(b"")
            return self.send_by(request, WholeFile(-1, 5 * MB), push)

        face = Sending(send)
        self.site = ProxySite(face, self.pump)
        one, other = (self.ask(GET.replace(b"/", uri, 1)) for uri in (b"/1", b"/2"))
        while not face.sent:
            before = len(pushed)
            self.pump.turn()
            for uri in (b"/1", b"/2"):
                turn = [size for pusher, size in pushed[before:] if pusher == uri]
                self.assertLessEqual(sum(turn), MB)
        self.assertEqual(5 * MB, face.sent[0])
        sizes = [sum(s for u, s in pushed if u == uri) for uri in (b"/1", b"/2")]
        self.assertLessEqual(abs(sizes[0] - sizes[1]), MB)
        one.hang_up()
        other.hang_up()


class EndTests(OutletTestCase):
    def test_failure(self) -> None:
        """
        When the source fails, the client is cut off with what it has, never told that
        this was all.
        """
        for request in (GET, GET_10):
            self.source.closed = 0
            self.source.tell(released=0, ended=False, failed=False)
            wire = self.ask(request)
            self.source.tell(released=1000)
            self.body(wire, 1000)
            self.source.tell(ended=True, failed=True)
            self.check_cut(wire, self.content[:1000])

    def test_truncated(self) -> None:
        """
        A file that somebody made shorter under our hands is cut, never padded.
        """
        wire = self.ask()
        self.source.tell(released=1000)
        self.body(wire, 1000)
        os.truncate(self.path, 1000)
        self.all_there()
        self.check_cut(wire, self.content[:1000])

    def test_broken_disk(self) -> None:
        """
        So it is with one that cannot be read.
        """
        fd, self.source.fd = self.source.fd, os.open(".", os.O_RDONLY)
        self.addCleanup(os.close, self.source.fd)
        wire = self.ask()
        self.all_there()
        self.check_cut(wire, b"")
        self.assertNotEqual(fd, self.source.fd)

    def test_client_leaves(self) -> None:
        """
        Nothing is left of a client that hangs up, whether there is more for it or not.
        """
        for released in (1000, len(self.content)):
            self.source.closed = 0
            self.source.tell(released=0)
            wire = self.ask(loopback=self.tight)
            self.source.tell(released=released)
            wire.take(500)
            wire.hang_up()
            self.source.tell(released=released)
            self.assertEqual(1, self.source.closed)
            self.all_there()
            self.assertEqual([], self.face.sent)
            self.assertEqual([], self.pump.getDelayedCalls())
            self.assertEqual(0, len(self.site.connections))
            self.source.tell(ended=False)

    def test_gone_before(self) -> None:
        """
        Nothing is begun for one that has gone already.
        """
        wire = self.ask()
        wire.take()
        (request,) = self.face.requests
        channel = request.channel
        wire.hang_up()
        source = Growing(self.source.fd)
        to = socket.socket()
        self.addCleanup(to.close)
        push = push_file(to, source)
        outlet = Outlet(channel, self.pump, b"/", source, push, 0, None)
        self.assertNoResult(outlet.send())
        self.assertEqual(1, source.closed)
        self.assertEqual([], self.pump.getDelayedCalls())

    def test_cancelled(self) -> None:
        """
        Who does not wait for it any more can go on with the connection.
        """
        self.before = b"before"
        wire = self.ask(GET_10)
        self.body(wire, 6)
        self.sending[0].cancel()
        self.assertEqual(1, self.source.closed)
        self.all_there()
        (request,) = self.face.requests
        request.write(b" and after")
        request.finish()
        self.assertEqual(b"before and after", self.body(wire))
        self.assertTrue(wire.ended)
        wire.hang_up()
        self.assertEqual([], self.pump.getDelayedCalls())

    def test_stalled(self) -> None:
        """
        A client that takes nothing for two minutes is cut off; one that takes a little
        now and then is not.
        """
        self.all_there()
        slow, stalled = self.ask(loopback=self.tight), self.ask(loopback=self.tight)
        for wire in (slow, stalled):
            wire.take(1000)
        for _ in range(30):  # as long as the kernel moves bytes around
            self.pump.advance(30)
            slow.take(3000)
            if len(self.site.connections) == 1:
                break
        self.assertEqual([slow.ended, len(self.site.connections)], [False, 1])
        self.assertEqual(1, self.source.closed)
        self.assertEqual(self.content, self.body(slow, len(self.content)))

    def test_not_the_client(self) -> None:
        """
        Time in which there is nothing for it is not the client's.
        """
        wire = self.ask(loopback=self.tight)
        self.source.tell(released=1000)
        self.body(wire, 1000)
        for _ in range(20):
            self.pump.advance(30)
            wire.take()
        self.assertFalse(wire.ended)
        self.all_there()
        wire.take(1000)
        for _ in range(3):
            self.pump.advance(30)
        self.assertEqual(1, len(self.site.connections))
        for _ in range(2):
            self.pump.advance(30)
        self.assertEqual(0, len(self.site.connections))


class OverflowTests(OutletTestCase):
    def test_rest(self) -> None:
        """
        What did not fit is left to who asked, once all before it has been sent.
        """
        wire = self.ask()
        body = ScriptedBody(start=1000)
        self.source.tell(released=1000, ended=True, overflowed=True, body=body)
        self.assertEqual(self.content[:1000], self.body(wire, 1000))
        self.assertIs(body, self.outlets[0].rest)
        self.assertEqual([1000], self.face.sent)
        self.assertEqual(1, self.source.closed)

    def test_not_wanted(self) -> None:
        """
        There is none if nothing of it was asked for.
        """
        self.stop = 1000
        wire = self.ask()
        self.source.tell(released=1000, ended=True, overflowed=True)
        self.assertEqual(self.content[:1000], self.body(wire, 1000))
        self.assertIsNone(self.outlets[0].rest)
        self.assertEqual([1000], self.face.sent)

    def test_no_place(self) -> None:
        """
        A client is cut off for whom there is no place.
        """
        wire = self.ask()
        self.source.tell(released=1000)
        self.body(wire, 1000)
        self.source.tell(ended=True, overflowed=True)
        self.check_cut(wire, self.content[:1000])


class SocketOfTests(OutletTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.found: list[socket.socket | None] = []

    def test_sockets(self) -> None:
        """
        Only a transport that sends as they are the bytes that are written has one.
        """
        self.site = ProxySite(Sending(self.look), self.pump)
        self.ask().take()
        (plain,) = self.found
        assert plain is not None
        self.assertEqual("127.0.0.1", plain.getsockname()[0])
        self.assertIsNone(socket_of(StringTransport()))
        self.assertIsNone(socket_of(None))

    def test_tls(self) -> None:
        """
        That of a TLS connection has none.
        """
        options: CertificateOptions = Authority().vouch_for("127.0.0.1").options()
        site = ProxySite(Sending(self.look), self.pump)
        factory = TLSMemoryBIOFactory(options, False, site, clock=self.pump)
        wire = TLSWire(self.loopback.connect(factory))
        wire.send(GET)
        wire.take_all()
        self.assertEqual([None], self.found)
        wire.hang_up()

    def look(self, request: Request) -> "Deferred[int]":
        self.found.append(socket_of(request.transport))
        return Deferred()
