"""
Tests for :mod:`proxypypi.web.pace`.
"""

import socket

from twisted.internet.defer import Deferred

from proxypypi.web.pace import cut_off
from proxypypi.web.sender import send_bytes
from tests.distributions import make_wheel
from tests.fake_index import Fault
from tests.proxy_case import ProxyTestCase, connect
from tests.test_web_sender import PIECE, SenderTestCase, Sending


class KernelBufferTests(SenderTestCase):
    def test_slow_but_taking(self) -> None:
        """
        A client for whom the kernel holds less and less is not cut off, for it will
        have room for more; one for whom that stays the same is, after two minutes.
        """
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        ours.send(bytes(50_000))
        self.face = Sending(
            lambda request: send_bytes(request, self.content, self.clock)
        )
        wire = connect(self.face, self.clock)
        wire.transport.fileno = ours.fileno  # type: ignore[attr-defined]
        wire.transport.room = PIECE
        wire.send_bytes(b"GET / HTTP/1.0\r\n\r\n")
        for taken in range(20):
            ours.send(b"x" * (taken + 1))  # the kernel counts whole pieces
            for _ in range(3):
                self.clock.advance(30)
            self.assertFalse(wire.is_cut)
        for _ in range(4):
            self.clock.advance(30)
        self.assertTrue(wire.is_cut)


class CutOffTests(SenderTestCase):
    def test_cut_off(self) -> None:
        """
        The connection ends, and nothing is waited for any more.
        """
        wire = self.ask(cut_off)
        self.assertTrue(wire.is_cut)
        self.assertEqual([], self.face.sent)

    def test_client_has_left_before(self) -> None:
        """
        Then there is nothing to cut.
        """
        wire = self.ask(lambda request: Deferred())
        (request,) = self.face.requests
        wire.hang_up()
        self.assertNoResult(cut_off(request))


class PaceTests(ProxyTestCase):
    def test_slow_client_slows_nobody(self) -> None:
        """
        While one takes nothing, the fetch and another client go on; the first gets all
        in its own time, from disk.
        """
        wheel = make_wheel("demo", payload=10 * PIECE)
        path = self.index.add(wheel)
        url = f"/files/demo/{wheel.filename}"
        self.index.fail(path, Fault(stall_at=PIECE, stall=1))
        slow = self.connect()
        slow.send(f"GET {url} HTTP/1.1")
        self.flush()
        slow.take(1)
        fast = self.start(url)
        self.advance(1)
        self.assertEqual(wheel.content, fast.body)
        self.assertEqual([f"demo/{wheel.filename}"], self.kept())
        self.assertLess(len(slow.body), 4 * PIECE)
        while len(slow.body) < len(wheel.content):
            before = len(slow.body)
            slow.take(1)
            self.assertLessEqual(len(slow.body) - before, 2 * PIECE)
        self.assertEqual(wheel.content, slow.body)
        self.assertEqual(1, len(self.index.asked(path)))
