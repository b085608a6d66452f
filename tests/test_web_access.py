"""
Tests for :mod:`proxypypi.web.access`.
"""

import os
from typing import cast

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Site

from proxypypi.events import UNHEARD
from proxypypi.model import Validity
from proxypypi.web.access import HotLines, access_line, client_of
from proxypypi.web.clients import Asked, Client
from proxypypi.web.hot import HotAnswer
from proxypypi.web.tally import Tally
from tests.proxy_case import ProxyTestCase


class AccessLineTests(ProxyTestCase):
    def test_line(self) -> None:
        """
        Who asked for what with which program, and how it went; in ASCII, on one line.
        """
        lines: list[str] = []

        def note(timestamp: str, request: object) -> str:
            lines.append(access_line(timestamp, request))  # type: ignore[arg-type]
            return ""

        site = Site(
            self.proxy.faces,
            logPath=os.devnull,
            logFormatter=note,
            reactor=self.clock,
        )
        site.startFactory()
        self.addCleanup(site.stopFactory)
        for head in (
            b"GET /local/ HTTP/1.1\r\nUser-Agent: pip/26.0 {x}\r\n",
            b"GET /-/health HTTP/1.1\r\n",
            b"GET http://bob:hunter2@proxy.example/local/ HTTP/1.1\r\n",
            b'GET /a"%1b[31m HTTP/1.1\r\nUser-Agent: caf\xc3\xa9\x1b[31m\r\n',
        ):
            protocol = site.buildProtocol(None)
            protocol.makeConnection(StringTransport())
            protocol.dataReceived(head + b"Host: proxy.example\r\n\r\n")
        page, health, absolute, hostile = lines
        size = len(self.get("/local/").body)
        self.assertEqual(
            f"192.168.1.1 GET /local/ 200 {size} pip/26.0 [proxypypi; hit]", page
        )
        self.assertEqual("192.168.1.1 GET /-/health 200 3 - [-]", health)
        self.assertIn(" GET http://***@proxy.example/local/ ", absolute)
        self.assertRegex(hostile, r'^192\.168\.1\.1 GET /a"%1b\[31m 404 \d+ caf')
        self.assertTrue(hostile.isascii(), hostile)
        self.assertTrue(hostile.isprintable(), hostile)


class ClientTests(SynchronousTestCase):
    def test_client_of(self) -> None:
        """
        A client is known by its address, unless it is on this machine.
        """
        self.assertEqual("192.0.2.1", client_of(IPv4Address("TCP", "192.0.2.1", 80)))
        self.assertEqual("local", client_of(UNIXAddress("/run/socket")))
        self.assertEqual("local", client_of(None))


def hot_answer(code: int = 200, size: int = 7, outcome: str = "hit") -> HotAnswer:
    return HotAnswer(
        before=b"",
        after=b"",
        content=b"",
        fd=-1,
        size=size,
        written_at=0,
        validity=Validity(until=0.0, slot=0, number=0),
        code=code,
        outcome=outcome,
        cost=0,
    )


class HotLinesTests(SynchronousTestCase):
    """
    :ivar events: of the log.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.lines = HotLines(self.clock, Tally(UNHEARD))
        self.events: list[LogEvent] = []
        observe = cast(ILogObserver, self.events.append)
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)

    @property
    def written(self) -> list[str]:
        return [line for e in self.events for line in formatEvent(e).split("\n")]

    def count(
        self,
        answer: HotAnswer,
        target: bytes = b"/simple/demo/",
        client: str = "192.0.2.1",
        agent: str = "pip/26.3",
    ) -> None:
        self.lines.count(
            client, Asked((target, b"", b""), Client(b"", b"", agent), 0), answer
        )

    def test_like_the_others(self) -> None:
        """
        A line is like those of the ordinary path.
        """
        self.count(hot_answer(code=304, size=0, outcome="proxypypi; hit"))
        self.lines.flush()
        self.assertEqual(
            ["192.0.2.1 GET /simple/demo/ 304 0 pip/26.3 [proxypypi; hit]"],
            self.written,
        )

    def test_counted(self) -> None:
        """
        What was the same is one line; what differs in anything is another.
        """
        answer, other = hot_answer(), hot_answer(size=8)
        for _ in range(3):
            self.count(answer)
        self.count(other)
        self.count(answer, b"/simple/other/")
        self.count(answer, client="192.0.2.2")
        self.count(answer, agent="uv/0.9")
        self.count(answer)
        self.lines.flush()
        self.assertEqual(
            [
                "192.0.2.1 GET /simple/demo/ 200 7 pip/26.3 [hit] (4 times)",
                "192.0.2.1 GET /simple/demo/ 200 8 pip/26.3 [hit]",
                "192.0.2.1 GET /simple/other/ 200 7 pip/26.3 [hit]",
                "192.0.2.2 GET /simple/demo/ 200 7 pip/26.3 [hit]",
                "192.0.2.1 GET /simple/demo/ 200 7 uv/0.9 [hit]",
            ],
            self.written,
        )

    def test_once_a_second(self) -> None:
        """
        They are written a second after the first of them, in one piece.
        """
        answer = hot_answer()
        self.assertEqual([], self.clock.getDelayedCalls())
        self.count(answer)
        self.clock.advance(0.9)
        self.count(answer, b"/simple/other/")
        self.assertEqual([], self.events)
        self.clock.advance(0.1)
        self.assertEqual(1, len(self.events))
        self.assertEqual(2, len(self.written))
        self.assertEqual([], self.clock.getDelayedCalls())
        self.clock.advance(10)
        self.count(answer)
        self.clock.advance(1)
        self.assertEqual(2, len(self.events))
        self.assertTrue(self.written[-1].endswith("[hit]"), self.written)

    def test_bounded(self) -> None:
        """
        Earlier if there are many: no flood of different ones fills memory, or is lost.
        """
        answer = hot_answer()
        for number in range(1_100):
            self.count(answer, b"/simple/%d/" % number)
        self.assertGreaterEqual(len(self.written), 900)
        self.clock.advance(1)
        self.assertEqual(1_100, len(self.written))
        self.assertEqual(1_100, len(set(self.written)))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_escaped(self) -> None:
        """
        What is the client's cannot begin another line, nor colour a terminal.
        """
        self.count(hot_answer(), b"/\x1b[31m\ncaf\xc3\xa9{lines}", agent="\x7f{x}")
        self.lines.flush()
        self.assertEqual(
            [
                r"192.0.2.1 GET /\x1b[31m\x0acaf\xc3\xa9{lines} 200 7 \x7f{x} [hit]",
            ],
            self.written,
        )

    def test_nothing_to_write(self) -> None:
        """
        Where there was nothing, nothing is written, and nothing waited for.
        """
        self.lines.flush()
        self.assertEqual([], self.events)
        self.count(hot_answer())
        self.lines.flush()
        self.lines.flush()
        self.assertEqual(1, len(self.events))
        self.assertEqual([], self.clock.getDelayedCalls())
