"""
Tests for :mod:`proxypypi.web.connections`.
"""

import socket
from types import SimpleNamespace
from typing import cast

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SkipTest, SynchronousTestCase
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource

from proxypypi.model import Validity
from proxypypi.web.clients import Asked, Client
from proxypypi.web.connections import ProxySite, keep_little_unsent
from proxypypi.web.hot import Reusable, head_of
from tests.proxy_case import Wire
from tests.test_web_channel import GET, ChannelTestCase


class ConnectionsTests(ChannelTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.site.connections.most = 3

    def fill(self) -> list[Wire]:
        return [self.connect() for _ in range(3)]

    def test_longest_idle_goes(self) -> None:
        """
        With no room for another client, what is idle for longest is ended: since its
        last answer, not since it connected.
        """
        first, second, third = self.fill()
        first.send_bytes(GET)
        another = self.connect()
        self.assertEqual(
            [False, True, False, False],
            [wire.is_cut for wire in (first, second, third, another)],
        )
        another.send_bytes(GET)
        self.assertEqual(200, another.code)
        self.connect()
        self.assertTrue(third.is_cut)
        self.assertFalse(first.is_cut)

    def test_half_a_request_is_idle(self) -> None:
        """
        Who has sent but a part of a request has no better right than who has sent none.
        """
        wires = self.fill()
        for wire in wires:
            wire.send_bytes(GET[:20])
        for wire in wires:
            self.connect()
            self.assertTrue(wire.is_cut)

    def test_end(self) -> None:
        """
        At the end, idle connections are ended at once, and others once their clients
        have been sent what they asked for, to the last byte.
        """
        self.resource.later = True
        idle, busy, _ = wires = self.fill()
        busy.send_bytes(GET)
        ended = self.site.connections.end()
        self.assertTrue(idle.transport.disconnecting)
        self.assertFalse(busy.transport.disconnecting)
        for wire in wires:
            if wire is not busy:
                wire.hang_up()
        self.assertNoResult(ended)
        self.resource.requests[0].write(b"ok")
        self.resource.requests[0].finish()
        self.assertTrue(busy.transport.disconnecting)
        self.assertNoResult(ended)
        busy.hang_up()
        self.successResultOf(ended)
        self.successResultOf(self.site.connections.end())

    def test_retire(self) -> None:
        """
        Clients that are to go elsewhere are told so by their next answer; until then
        nobody is ended.
        """
        idle, busy, another = wires = self.fill()
        self.resource.later = True
        busy.send_bytes(GET)
        request = self.resource.requests[0]
        request.write(b"o")
        gone = self.site.connections.retire()
        request.write(b"k")
        request.finish()
        self.resource.later = False
        self.assertNotIn(b"Connection: close", busy.received)
        self.assertFalse(any(wire.transport.disconnecting for wire in wires))
        for wire in (busy, idle):
            wire.send_bytes(GET)
            self.assertIn(b"\r\nConnection: close\r\n", wire.received)
            self.assertTrue(wire.transport.disconnecting)
            wire.hang_up()
        self.assertNoResult(gone)
        another.hang_up()
        self.successResultOf(gone)

    def test_when_quiet(self) -> None:
        """
        What is being answered is waited for, not what is asked for later; who leaves
        is not waited for either.
        """
        self.successResultOf(self.site.connections.when_quiet())
        self.resource.later = True
        first, second, third = self.fill()
        for wire in (first, second):
            wire.send_bytes(GET)
        quiet = self.site.connections.when_quiet()
        third.send_bytes(GET)
        self.resource.requests[0].write(b"ok")
        self.resource.requests[0].finish()
        self.assertNoResult(quiet)
        first.send_bytes(GET)
        second.hang_up()
        self.successResultOf(quiet)

    def test_cut_off(self) -> None:
        """
        Or all at once.
        """
        self.resource.later = True
        wires = self.fill()
        wires[0].send_bytes(GET)
        self.site.connections.cut_off()
        self.assertEqual([True] * 3, [wire.is_cut for wire in wires])

    def test_nobody_idle(self) -> None:
        """
        Nobody who waits for an answer is ended for the sake of a new client.
        """
        self.resource.later = True
        wires = self.fill()
        for wire in wires:
            wire.send_bytes(GET)
        self.assertTrue(self.connect().is_cut)
        self.assertFalse(any(wire.is_cut for wire in wires))
        request = self.resource.requests[1]
        request.write(b"ok")
        request.finish()
        self.assertFalse(self.connect().is_cut)
        self.assertTrue(wires[1].is_cut)

    def test_who_leaves_makes_room(self) -> None:
        """
        A client that has gone, in the middle or not, takes no room.
        """
        self.resource.later = True
        wires = self.fill()
        wires[0].send_bytes(GET)
        for wire in wires:
            wire.hang_up()
        self.assertEqual(0, len(self.site.connections))
        self.assertFalse(any(wire.is_cut for wire in self.fill()))

    def test_ended_ones_do_not_count(self) -> None:
        """
        A flood of new clients ends each old one once, and never more are open.
        """
        for _ in range(50):
            self.connect()
            self.assertLessEqual(len(self.site.connections), 3)

    def test_told_now_and_then(self) -> None:
        """
        The log says so, at most once a minute.
        """
        told: list[LogEvent] = []
        observe = cast(ILogObserver, told.append)
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        self.fill()
        for _ in range(20):
            self.connect()
        self.assertEqual(1, len(told))
        self.clock.advance(60)
        self.fill()
        self.connect()
        self.assertEqual(2, len(told))

    def test_limit(self) -> None:
        """
        A quarter of the descriptors is left to files and upstreams; memory is bounded
        even if they are not.
        """
        for descriptors, most in ((170, 127), (1024, 768), (65_536, 10_000)):
            self.site.connections.limit(descriptors)
            self.assertEqual(most, self.site.connections.most)


class SiteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.site = ProxySite(Resource(), self.clock)

    def test_limit(self) -> None:
        """
        Connections and hot answers have to share the descriptors there are.
        """
        self.site.limit(160)
        self.assertEqual(120, self.site.connections.most)
        self.assertEqual(10, self.site.hot.most_files)

    def test_end(self) -> None:
        """
        At the end nothing is left in memory, nor unwritten.
        """
        told: list[LogEvent] = []
        observe = cast(ILogObserver, told.append)
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        self.site.doStart()
        validity = Validity(until=99.0, slot=0, number=0)
        headers = Headers({"Date": ["now"]})
        head = head_of(b"HTTP/1.1", b"200", b"OK", headers)
        key = (b"/", b"", b"")
        reusable = Reusable(validity, b"")
        self.site.hot.keep(key, reusable, 200, head, headers)
        answer = self.site.hot.get(key, 0.0)
        assert answer is not None
        client = Client(b"", b"", "pip/26.3")
        self.site.hot_lines.count("192.0.2.1", Asked(key, client, 0), answer)
        self.site.doStop()
        self.assertEqual(0, len(self.site.hot))
        self.assertEqual([], self.clock.getDelayedCalls())
        lines = [formatEvent(event) for event in told]
        self.assertEqual(1, sum("192.0.2.1 GET / 200" in line for line in lines))


class UnsentTests(SynchronousTestCase):
    def test_inherited(self) -> None:
        """
        The kernel keeps little for a connection of a port that was told so.
        """
        if not hasattr(socket, "TCP_NOTSENT_LOWAT"):
            raise SkipTest("this system cannot be told")
        with socket.create_server(("127.0.0.1", 0)) as listening:
            keep_little_unsent(SimpleNamespace(socket=listening))
            with socket.create_connection(listening.getsockname()):
                accepted, _ = listening.accept()
                with accepted:
                    told = accepted.getsockopt(
                        socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT
                    )
        self.assertEqual(1024 * 1024, told)

    def test_others(self) -> None:
        """
        Other ports are let be.
        """
        with socket.socket(socket.AF_UNIX) as listening:
            keep_little_unsent(SimpleNamespace(socket=listening))
        keep_little_unsent(object())
