"""
Tests for :mod:`proxypypi.web.sender`.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer
from zope.interface.verify import verifyObject

from proxypypi.errors import TooManyStreams, WrongBytes
from proxypypi.interfaces import IBody, IByteSource
from proxypypi.web.sender import send_body, send_bytes, send_file
from tests.proxy_case import Wire, connect
from tests.scripted import FILE_URL, ScriptedBody, cut

PIECE = 64 * 1024


@implementer(IByteSource)
@define(eq=False)
class Growing:
    """
    A file on disk that grows as told.
    """

    fd: int
    size: int | None = None
    released: int = 0
    ended: bool = False
    failed: bool = False
    overflowed: bool = False
    body: ScriptedBody | None = None
    latest: tuple[int, bytes] = (0, b"")
    closed: int = field(default=0, init=False)
    _changed: Callable[[], None] = field(default=lambda: None, init=False)

    def watch(self, changed: Callable[[], None]) -> None:
        self._changed = changed

    def rest(self) -> IBody:
        if self.body is None:
            raise TooManyStreams(limit=64)
        return self.body

    def close(self) -> None:
        self.closed += 1

    def tell(self, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self, name, value)
        self._changed()


class Sending(Resource):
    """
    Answers by a sender, and notes what came of it.
    """

    isLeaf = True

    def __init__(self, send: "Callable[[Request], Deferred[Any]]") -> None:
        super().__init__()
        self._send = send
        self.sent: list[int] = []
        self.requests: list[Request] = []

    def render(self, request: Request) -> Any:
        self.requests.append(request)
        sending = self._send(request)
        request.notifyFinish().addErrback(lambda _: sending.cancel())

        def sent(size: int) -> None:
            self.sent.append(size)
            request.finish()

        sending.addCallbacks(sent, lambda _: None)
        return NOT_DONE_YET


class SenderTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.content = os.urandom(5 * PIECE + 100)

    def ask(self, send: "Callable[[Request], Deferred[Any]]") -> Wire:
        self.face = Sending(send)
        wire = connect(self.face, self.clock)
        wire.send_bytes(b"GET / HTTP/1.0\r\n\r\n")  # so that the body is plain
        return wire


class SendFileTestCase(SenderTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = Path(self.mktemp())
        self.path.write_bytes(self.content)
        fd = os.open(self.path, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        self.source = Growing(fd)

    def all_there(self) -> None:
        size = len(self.content)
        self.source.tell(size=size, released=size, ended=True)

    def send(self, start: int = 0, stop: int | None = None) -> Wire:
        return self.ask(
            lambda request: send_file(request, self.source, self.clock, start, stop)
        )


class SendFileTests(SendFileTestCase):
    def test_promise(self) -> None:
        """
        The fake source here is one.
        """
        verifyObject(IByteSource, self.source)

    def test_whole(self) -> None:
        """
        What is there is sent at once, and the source closed.
        """
        self.all_there()
        wire = self.send()
        self.assertEqual(self.content, wire.body)
        self.assertEqual([len(self.content)], self.face.sent)
        self.assertEqual(1, self.source.closed)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_growing(self) -> None:
        """
        What is not there yet is sent as it is released, and not a byte before.
        """
        wire = self.send()
        self.assertEqual(b"", wire.body)
        for released in (1, 1, 1000, PIECE, 3 * PIECE + 7):
            self.source.tell(released=released)
            self.assertEqual(self.content[:released], wire.body)
        self.assertEqual([], self.face.sent)
        self.all_there()
        self.assertEqual(self.content, wire.body)
        self.assertEqual([len(self.content)], self.face.sent)

    def test_part(self) -> None:
        """
        A part starts and stops where it was asked to, without waiting for the rest.
        """
        wire = self.send(1000, 2000)
        for released, expected in [
            (999, b""),
            (1000, b""),
            (1500, self.content[1000:1500]),
            (5000, self.content[1000:2000]),
        ]:
            self.source.tell(released=released)
            self.assertEqual(expected, wire.body, released)
        self.assertEqual([1000], self.face.sent)
        self.assertEqual(1, self.source.closed)

    def test_failure(self) -> None:
        """
        When the source fails, the client is cut off with what it has, never padded and
        never told that this was all.
        """
        wire = self.send()
        self.source.tell(released=1000)
        self.source.tell(ended=True, failed=True)
        self.assertTrue(wire.is_cut)
        self.assertEqual(self.content[:1000], wire.body)
        self.assertEqual([], self.face.sent)
        self.assertEqual(1, self.source.closed)

    def test_truncated(self) -> None:
        """
        A file that somebody made shorter under our hands is cut, too.
        """
        self.path.write_bytes(self.content[:1000])
        self.all_there()
        wire = self.send()
        self.assertTrue(wire.is_cut)
        self.assertEqual(self.content[:1000], wire.body)

    def test_slow_client(self) -> None:
        """
        A client that takes its time has one piece in memory, no more; it gets all.
        """
        wire = self.send()
        wire.take(1)
        self.all_there()
        while not self.face.sent:
            self.source.tell()  # changes nothing for one who is paused
            before = len(wire.body)
            wire.take(1)
            self.assertLessEqual(len(wire.body) - before, PIECE + 1000)
        self.assertEqual(self.content, wire.body)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_stalled_client(self) -> None:
        """
        A client that takes nothing at all for two minutes is cut off.
        """
        wire = self.send()
        wire.take(1)
        self.all_there()
        self.clock.pump([1] * 119)
        self.assertFalse(wire.is_cut)
        wire.take(1)
        self.clock.pump([1] * 119)
        self.assertFalse(wire.is_cut)
        self.clock.advance(1)
        self.assertTrue(wire.is_cut)
        self.assertEqual(1, self.source.closed)

    def test_pause_twice(self) -> None:
        """
        To be asked for a pause again does not start the two minutes anew.
        """
        wire = self.send()
        wire.take(1)
        self.all_there()
        for _ in range(2):
            producer: Any = wire.transport.producer
            producer.pauseProducing()
            self.clock.advance(60)
        self.assertTrue(wire.is_cut)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_client_leaves(self) -> None:
        """
        Nothing is left of a client that hangs up, paused or not.
        """
        for paused in (False, True):
            self.source.closed = 0
            self.source.tell(released=0, ended=False)
            wire = self.send()
            if paused:
                wire.take(1)
            self.source.tell(released=PIECE)
            wire.hang_up()
            self.assertEqual(1, self.source.closed, paused)
            self.source.tell(released=2 * PIECE)
            self.assertEqual(PIECE, len(wire.body))
            self.assertEqual([], self.clock.getDelayedCalls(), paused)


class OverflowTests(SendFileTestCase):
    def overflow(self, released: int, start: int | None = None) -> ScriptedBody:
        """
        :param start: of what follows, if not the first byte that is not released.
        """
        body = ScriptedBody(start=released if start is None else start)
        self.source.tell(released=released, ended=True, overflowed=True, body=body)
        return body

    def test_rest(self) -> None:
        """
        What did not fit follows straight from upstream, and only then it is the end.
        """
        wire = self.send()
        body = self.overflow(1000)
        self.assertEqual(1, self.source.closed)
        self.assertEqual(([], self.content[:1000]), (self.face.sent, wire.body))
        body.send(self.content[1000:])
        body.end()
        self.assertEqual(self.content, wire.body)
        self.assertEqual([len(self.content)], self.face.sent)

    def test_ranges(self) -> None:
        """
        Of it only that is sent which was asked for.
        """
        for start, stop in ((0, 500), (500, 1000), (500, 2000), (1500, 2000)):
            wire = self.send(start, stop)
            body = self.overflow(1000)
            if stop > 1000:
                for at in range(1000, 3000, 100):
                    if not body.over:
                        body.send(self.content[at : at + 100])
            self.assertEqual(self.content[start:stop], wire.body, (start, stop))
            self.assertEqual(stop - start, self.face.sent[-1])
            self.source.tell(released=0, ended=False, overflowed=False)

    def test_breaks_off(self) -> None:
        """
        When that breaks off, the client is cut off.
        """
        wire = self.send()
        body = self.overflow(1000)
        body.send(self.content[1000:1100])
        body.fail(cut())
        self.assertTrue(wire.is_cut)
        self.assertEqual(self.content[:1100], wire.body)
        self.assertEqual([], self.face.sent)

    def test_no_place(self) -> None:
        """
        So is one for whom there is no place.
        """
        wire = self.send()
        self.source.tell(released=1000, ended=True, overflowed=True)
        self.assertTrue(wire.is_cut)
        self.assertEqual(1, self.source.closed)

    def test_leaving(self) -> None:
        """
        A client that leaves ends the transfer.
        """
        wire = self.send()
        body = self.overflow(1000)
        wire.hang_up()
        self.assertTrue(body.is_cancelled)

    def test_slow_client(self) -> None:
        """
        Upstream waits whenever the client does.
        """
        wire = self.send()
        wire.take(1000)
        body = self.overflow(10)
        body.send(self.content[10:2000])
        self.assertTrue(body.is_paused)
        wire.take(1)
        self.assertFalse(body.is_paused)


class SendBodyTests(SenderTestCase):
    def send(self, body: ScriptedBody, most: int | None = None) -> Wire:
        return self.ask(lambda request: send_body(request, body, self.clock, most))

    def test_relay(self) -> None:
        """
        Every piece is handed on as it comes.
        """
        body = ScriptedBody()
        wire = self.send(body)
        body.send(b"abc")
        self.assertEqual(b"abc", wire.body)
        body.send(b"def")
        body.end()
        self.assertEqual((b"abcdef", [6]), (wire.body, self.face.sent))

    def test_pace(self) -> None:
        """
        Upstream pauses with the client, and goes on with it.
        """
        body = ScriptedBody()
        wire = self.send(body)
        wire.take(1)
        body.send(b"abc")
        self.assertTrue(body.is_paused)
        wire.take(100)
        self.assertFalse(body.is_paused)
        body.send(b"def")
        body.end()
        self.assertEqual(b"abcdef", wire.body)

    def test_stalled_client(self) -> None:
        """
        Two minutes of nothing, and both ends are let go.
        """
        body = ScriptedBody()
        wire = self.send(body)
        wire.take(1)
        body.send(b"abc")
        self.clock.advance(120)
        self.assertEqual((True, True), (wire.is_cut, body.is_cancelled))

    def test_most(self) -> None:
        """
        No more than was asked for is sent, however it comes; the rest is not fetched.
        """
        for pieces in ([b"abcdef"], [b"abc", b"def"], [b"abcd"], [b"a", b"bcdefgh"]):
            body = ScriptedBody()
            wire = self.send(body, most=4)
            for piece in pieces:
                if not body.over:
                    body.send(piece)
            self.assertEqual((b"abcd", [4]), (wire.body, self.face.sent), pieces)
            self.assertTrue(body.is_cancelled, pieces)

    def test_all_at_once(self) -> None:
        """
        The body may come while it is still being asked for.
        """
        for most in (3, 4):
            body = ScriptedBody(at_once=b"abcd")
            wire = self.send(body, most=most)
            self.assertEqual(b"abcd"[:most], wire.body)
            self.assertEqual([most], self.face.sent)
            self.assertTrue(body.is_cancelled)

    def test_upstream_breaks_off(self) -> None:
        """
        Whoever promised more is told that there is less.
        """
        for error in (cut(), WrongBytes(url=FILE_URL, reason="x", filename="x")):
            body = ScriptedBody()
            wire = self.send(body)
            body.send(b"abc")
            body.fail(error)
            self.assertEqual((b"abc", [3]), (wire.body, self.face.sent))

    def test_client_leaves(self) -> None:
        """
        The transfer ends with the one client it was for.
        """
        body = ScriptedBody()
        wire = self.send(body)
        body.send(b"abc")
        wire.hang_up()
        self.assertTrue(body.is_cancelled)
        self.assertEqual([], self.face.sent)


class SendBytesTests(SenderTestCase):
    def start(self) -> Wire:
        return self.ask(lambda request: send_bytes(request, self.content, self.clock))

    def test_whole(self) -> None:
        """
        All of it goes out, and the number of bytes is told.
        """
        wire = self.start()
        self.assertEqual(self.content, wire.body)
        self.assertEqual([len(self.content)], self.face.sent)

    def test_slow_client(self) -> None:
        """
        A client gets no more than a piece beyond what it takes.
        """
        wire = self.start_slow()
        self.assertLessEqual(len(wire.body), 2 * PIECE)
        while len(wire.body) < len(self.content):
            before = len(wire.received)
            wire.take(PIECE)
            self.assertLessEqual(len(wire.received) - before, 2 * PIECE)
            self.assertGreater(len(wire.received), before)
        self.assertEqual(self.content, wire.body)

    def test_stalled_client(self) -> None:
        """
        A client that takes nothing for two minutes is cut off.
        """
        wire = self.start_slow()
        self.clock.pump([1] * 119)
        self.assertFalse(wire.is_cut)
        self.clock.advance(1)
        self.assertTrue(wire.is_cut)
        self.assertEqual([], self.face.sent)

    def test_client_leaves(self) -> None:
        """
        Nothing is left of a client that hangs up.
        """
        wire = self.start_slow()
        wire.hang_up()
        self.assertEqual([], self.clock.getDelayedCalls())
        self.assertEqual([], self.face.sent)

    def start_slow(self) -> Wire:
        self.face = Sending(
            lambda request: send_bytes(request, self.content, self.clock)
        )
        wire = connect(self.face, self.clock)
        wire.transport.room = PIECE
        wire.send_bytes(b"GET / HTTP/1.0\r\n\r\n")
        return wire
