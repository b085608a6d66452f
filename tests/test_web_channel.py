"""
Tests for :mod:`proxypypi.web.channel`.
"""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from proxypypi.web.connections import ProxySite
from tests.proxy_case import Pipe, Wire

GET = b"GET / HTTP/1.1\r\nHost: proxy.example\r\n\r\n"


class Answering(Resource):
    """
    Answers what it is told to.

    :ivar requests: in the order they came.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.answer = b"ok"
        self.later = False
        self.requests: list[Request] = []

    def render(self, request: Request) -> object:
        self.requests.append(request)
        return NOT_DONE_YET if self.later else self.answer


class ChannelTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.resource = Answering()
        self.site = ProxySite(self.resource, self.clock)

    def connect(self, room: int | None = None) -> Wire:
        """
        :param room: bytes that the client takes.
        """
        protocol = self.site.buildProtocol(None)
        transport = Pipe()
        transport.room = room
        protocol.makeConnection(transport)
        return Wire(transport, protocol)

    def drip(self, wire: Wire, seconds: int) -> None:
        """
        One byte a second.
        """
        for _ in range(seconds):
            wire.send_bytes(b"x")
            self.clock.advance(1)


class SlowSendersTests(ChannelTestCase):
    def assert_ended(self, wire: Wire, code: int) -> None:
        self.assertEqual(code, wire.code)
        self.assertIn(b"\r\nCache-Status: proxypypi\r\n", wire.received)
        self.assertTrue(wire.transport.disconnecting)

    def test_silent(self) -> None:
        """
        Who connects and says nothing is let go after a minute, and told nothing.
        """
        wire = self.connect()
        self.clock.advance(59)
        self.assertFalse(wire.transport.disconnecting)
        self.clock.advance(1)
        self.assertTrue(wire.transport.disconnecting)
        self.assertEqual(b"", wire.received)

    def test_idle(self) -> None:
        """
        So is who says nothing after an answer, however often there was one before.
        """
        wire = self.connect()
        for _ in range(3):
            self.clock.advance(50)
            wire.send_bytes(GET)
        self.assertEqual(3, wire.received.count(b"HTTP/1.1 200 OK"))
        self.clock.advance(59)
        self.assertFalse(wire.transport.disconnecting)
        self.clock.advance(1)
        self.assertTrue(wire.transport.disconnecting)

    def test_head_that_drips(self) -> None:
        """
        A head has half a minute in all, wherever in it the client dawdles, and whether
        it is the first of the connection or the second.
        """
        for before in (b"", GET):
            for begun in (b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nA: b"):
                wire = self.connect()
                if before:
                    wire.send_bytes(before)
                    wire.transport.clear()
                self.clock.advance(50)
                wire.send_bytes(begun)
                self.drip(wire, 29)
                self.assertEqual(b"", wire.received, begun)
                self.drip(wire, 1)
                self.assert_ended(wire, 408)

    def test_head_in_time(self) -> None:
        """
        A head that comes in pieces is answered if it comes in time, and what follows
        has its own.
        """
        wire = self.connect()
        for _ in range(3):
            for piece in (GET[:5], GET[5:20], GET[20:]):
                wire.send_bytes(piece)
                self.clock.advance(9)
        self.assertEqual(3, wire.received.count(b"HTTP/1.1 200 OK"))

    def test_body_that_drips(self) -> None:
        """
        A body has half a minute from the end of the head on.
        """
        wire = self.connect()
        wire.send_bytes(b"POST /a HTTP/1.1\r\nHost: p\r\nContent-Length: 1000\r\n\r\n")
        self.drip(wire, 29)
        self.assertEqual(b"", wire.received)
        self.drip(wire, 1)
        self.assert_ended(wire, 408)

    def test_answer_that_takes_long(self) -> None:
        """
        No time runs while it is us who take long.
        """
        self.resource.later = True
        wire = self.connect()
        wire.send_bytes(GET)
        wire.send_bytes(GET[:10])
        self.clock.advance(1000)
        self.assertFalse(wire.transport.disconnecting)
        (request,) = self.resource.requests
        request.write(b"late")
        request.finish()
        wire.send_bytes(GET[10:])
        self.assertEqual(2, len(self.resource.requests))


class LimitsTests(ChannelTestCase):
    def test_refused(self) -> None:
        """
        What is too large, too many or no HTTP is answered at once, and only once; the
        connection ends, and nothing reaches a route.
        """
        line = b"GET / HTTP/1.1\r\n"
        for code, sent in (
            (414, b"GET /" + b"a" * 20_000),
            (414, b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n"),
            (431, line + b"A: " + b"a" * 20_000),
            (431, line + (b"A: " + b"a" * 1000 + b"\r\n") * 20),
            (431, line + b"A: b\r\n" * 101 + b"\r\n"),
            (431, line + b"A: b\r\n" + b" c\r\n" * 10_000),
            (400, b"GET /\xff HTTP/1.1\r\n\r\n"),
            (400, b"GET / HTTP/3.0\r\n\r\n"),
            (400, b"GET /\r\n\r\n"),
            (400, b"\x16\x03\x01\x02\x00\x01\r\n"),
            (400, b"G\x00T / HTTP/1.1\r\n\r\n"),
            (400, b"GET /a b HTTP/1.1\r\n\r\n"),
            (400, line + b"no header\r\n\r\n"),
            (400, line + b"Bad Name: x\r\nA: b\r\n\r\n"),
            (400, line + b"A: \x00\r\n\r\n"),
            (400, line + b"Content-Length: -1\r\n\r\n"),
            (400, line + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            (400, line + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            (400, line + b"Transfer-Encoding: gzip\r\n\r\n"),
            (400, line + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n"),
        ):
            case = str((code, sent[:60]))
            wire = self.connect()
            wire.send_bytes(sent)
            wire.send_bytes(b"\r\n" + GET)
            self.assertEqual(1, wire.received.count(b"HTTP/1.1 "), case)
            self.assertEqual(code, wire.code, case)
            self.assertTrue(wire.transport.disconnecting, case)
            for header in (
                *(b"Content-Length: 0", b"Connection: close"),
                *(b"Cache-Control: no-store", b"Cache-Status: proxypypi"),
            ):
                self.assertIn(b"\r\n" + header + b"\r\n", wire.received, case)
            self.assertEqual([], self.resource.requests, case)

    def test_let_through(self) -> None:
        """
        What installers send is well below of these limits, request after request.
        """
        head = b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 99 + b"Host: p\r\n"
        large = b"GET / HTTP/1.1\r\nUser-Agent: " + b"a" * 15_000 + b"\r\n"
        wire = self.connect()
        for _ in range(5):
            wire.send_bytes(head + b"\r\n")
            wire.send_bytes(large + b"\r\n")
        self.assertEqual(10, wire.received.count(b"HTTP/1.1 200 OK"))


class SlowReadersTests(ChannelTestCase):
    def test_pipelining(self) -> None:
        """
        Requests that come all at once are answered in order.
        """
        wire = self.connect()
        wire.send_bytes(
            b"".join(GET.replace(b"/ ", b"/%d " % i, 1) for i in range(1000))
        )
        self.assertEqual(1000, wire.received.count(b"HTTP/1.1 200 OK"))
        asked = [request.path for request in self.resource.requests]
        self.assertEqual([b"/%d" % i for i in range(1000)], asked)

    def test_no_answers_for_who_does_not_read(self) -> None:
        """
        Who sends thousands of requests and reads nothing gets no more than what fits,
        and is not listened to; who reads then gets the rest.
        """
        self.resource.answer = b"x" * 1000
        wire = self.connect(room=10_000)
        wire.send_bytes(GET * 500)
        self.assertLess(len(wire.received), 15_000)
        self.assertEqual("paused", wire.transport.producerState)
        for _ in range(1000):
            wire.take(10_000)
            self.assertLess(len(wire.received), 25_000)
            wire.transport.clear()
        self.assertEqual(500, len(self.resource.requests))
        self.assertEqual("producing", wire.transport.producerState)
        wire.send_bytes(GET)
        self.assertEqual(501, len(self.resource.requests))

    def test_what_is_left_at_the_end(self) -> None:
        """
        Who asks for the connection to be closed and then does not take the answer is
        cut off after two minutes.
        """
        for ending in (b"HTTP/1.0\r\n\r\n", b"HTTP/1.1\r\nConnection: close\r\n\r\n"):
            wire = self.connect(room=10)
            wire.send_bytes(b"GET / " + ending)
            self.assertTrue(wire.transport.disconnecting)
            self.clock.advance(119)
            self.assertFalse(wire.is_cut)
            self.clock.advance(1)
            self.assertTrue(wire.is_cut)

    def test_nothing_is_left(self) -> None:
        """
        Nothing waits for a connection that has ended.
        """
        for sent in (b"", GET, GET[:9], b"GET / HTTP/1.0\r\n\r\n", b"\xff\r\n"):
            wire = self.connect()
            wire.send_bytes(sent)
            wire.hang_up()
            self.assertEqual([], self.clock.getDelayedCalls(), sent)
            self.assertEqual(0, len(self.site.connections), sent)
