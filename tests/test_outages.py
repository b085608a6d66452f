"""
Tests for what clients see while the index is out of order: connections that are not
made or lead to no answer, redirects that lead nowhere, files that come in a coding.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen
from twisted.internet.error import ConnectionRefusedError, TimeoutError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from proxypypi.assembly import build
from proxypypi.settings import Settings, UpstreamSettings
from proxypypi.upstream.connect import connect_index
from tests.distributions import make_sdist, make_wheel
from tests.fake_index import JSON, Fault
from tests.proxy_case import (
    EXACTLY,
    ProxyTestCase,
    Threads,
    Wire,
    connect,
    make_list_here,
)
from tests.upstream_fakes import Connection, Names

PAGE = "/simple/demo/"
PLAIN, SECURE = "http://index.example/simple/", "https://index.example/simple/"
HOSTS = {"index.example": ["203.0.114.1"]}


def refuse(reactor: MemoryReactorClock, client: Any) -> None:
    client[2].clientConnectionFailed(None, Failure(ConnectionRefusedError()))


def swallow(reactor: MemoryReactorClock, client: Any) -> None:
    """
    Nobody answers, until the time is over that a connection may take.
    """
    _, _, factory, seconds, _ = client
    reactor.callLater(
        seconds, factory.clientConnectionFailed, None, Failure(TimeoutError())
    )


def accept(reactor: MemoryReactorClock, client: Any) -> None:
    """
    Nobody says anything.
    """
    Connection(client[2])


def say(data: bytes) -> Callable[[MemoryReactorClock, Any], None]:
    def end(reactor: MemoryReactorClock, client: Any) -> None:
        connection = Connection(client[2])
        connection.send(data)
        connection.close()

    return end


def stall(reactor: MemoryReactorClock, client: Any) -> None:
    Connection(client[2]).send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")


@frozen
class Outage:
    """
    What becomes of every connection to the index.

    :ivar wait: seconds until an answer at the latest, with a page at hand.
    :ivar status: without one; *patience* is how long it takes at the latest.
    """

    name: str
    end: Callable[[MemoryReactorClock, Any], None]
    wait: float
    status: int
    patience: float
    url: str = PLAIN
    hosts: Mapping[str, Sequence[str]] = HOSTS


OUTAGES = [
    Outage("refused", refuse, 0.2, 503, 6.0),
    Outage("swallowed", swallow, 0.6, 503, 5.1),
    Outage("unknown host", swallow, 0.2, 503, 6.0, hosts={}),
    Outage("no TLS", say(b"HTTP/1.1 400 No\r\n\r\n"), 0.2, 503, 6.0, url=SECURE),
    Outage("cut", say(b"HTTP/1.1 200 OK\r\nContent-Le"), 0.2, 503, 6.0),
    Outage("silent", accept, 3.1, 503, 12.1),
    Outage("stalled", stall, 3.1, 503, 10.1),
    Outage("no HTTP", say(b"SSH-2.0-x\r\n\r\n"), 0.2, 502, 0.2),
    Outage(
        "endless", say(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 12_000), 0.2, 502, 0.2
    ),
]


class ConnectionTests(ProxyTestCase):
    """
    All connections come to the same bad end.
    """

    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("demo")
        self.index.add(self.wheel)

    def lose(self, outage: Outage, age: float = 0.0) -> None:
        """
        Have a new proxy, some seconds later.
        """
        self.outage, self.met = outage, 0
        self.reactor = MemoryReactorClock()
        names: Any = Names(dict(outage.hosts))
        self.reactor.nameResolver = names
        self.reactor.advance(self.clock.seconds() + age)
        upstream = UpstreamSettings.from_url(outage.url)
        settings = Settings(directory=self.directory, upstreams=(upstream,))
        index = connect_index(upstream, self.reactor, {}, patience=EXACTLY)
        self.proxy = build(settings, self.reactor, [index], Threads(), make_list_here)

    def ask(self, path: str) -> tuple[Wire, float]:
        """
        :returns: the answer, and after how many seconds it came.
        """
        wire = connect(self.proxy.faces, self.reactor)
        wire.send(f"GET {path} HTTP/1.1", f"Accept: {JSON}")
        self.meet()
        tenths = 0
        while not wire.received and tenths < 200:
            self.reactor.advance(0.1)
            self.meet()
            tenths += 1
        return wire, tenths / 10

    def meet(self) -> None:
        """
        Let what connects come to its end.
        """
        while self.met < len(self.reactor.tcpClients):
            self.met += 1
            client = self.reactor.tcpClients[self.met - 1]
            self.outage.end(self.reactor, client)

    def test_page_at_hand(self) -> None:
        """
        The old page is given out, to the first who asks after a few moments, to the
        next at once; files that are here are as good as ever.
        """
        for outage in OUTAGES:
            self.start_proxy(outage.url)
            self.page("demo")
            self.get(f"/files/demo/{self.wheel.filename}")
            self.lose(outage, 901)
            for wait in (outage.wait, 0.0):
                wire, seconds = self.ask(PAGE)
                self.assertEqual(200, wire.code, outage.name)
                self.assertLessEqual(seconds, wait, outage.name)
                self.assertRegex(
                    wire.received,
                    b"Cache-Status: proxypypi; (fwd=stale|hit; ttl=-30[0-9])\r\n",
                )
                self.assertIn(self.wheel.filename.encode(), wire.body)
            wire, seconds = self.ask(f"/files/demo/{self.wheel.filename}")
            self.assertEqual((200, self.wheel.content), (wire.code, wire.body))
            self.assertEqual(0.0, seconds)
            shutil.rmtree(self.directory / ".proxypypi")
            shutil.rmtree(self.directory / "demo")

    def test_file_not_listed(self) -> None:
        """
        Whether there is a file that the page at hand does not list, nobody knows: that
        is no 404, however often one asks.
        """
        for outage in OUTAGES:
            self.start_proxy(outage.url)
            self.page("demo")
            self.lose(outage, 901)
            for path in ("/files/demo/demo-9.zip", PAGE, "/files/demo/demo-9.zip"):
                wire, seconds = self.ask(path)
                expected = 200 if path == PAGE else outage.status
                self.assertEqual(expected, wire.code, (outage.name, path))
                self.assertLessEqual(seconds, 12.1, (outage.name, path))
            shutil.rmtree(self.directory / ".proxypypi")

    def test_nothing_at_hand(self) -> None:
        """
        It is 502 or 503 in time, of pages and of files, with a time to come again.
        """
        for outage in OUTAGES:
            for path in (PAGE, f"/files/demo/{self.wheel.filename}", "/simple/"):
                self.lose(outage)
                wire, seconds = self.ask(path)
                self.assertEqual(outage.status, wire.code, (outage.name, path))
                self.assertLessEqual(seconds, outage.patience, (outage.name, path))
                self.assertIn(b"\r\nRetry-After: 2\r\n", wire.received)
                self.assertIn(b"\r\nCache-Control: no-store\r\n", wire.received)
        self.assertEqual([], self.kept())

    def test_not_tried_again(self) -> None:
        """
        For ten seconds after a connection that was not made, the next is told without
        a try, whatever it asks for.
        """
        for outage in OUTAGES[:4]:
            self.lose(outage)
            self.ask(PAGE)
            self.reactor.advance(9.8)
            tries = self.met
            for path in (PAGE, "/simple/other/", "/simple/"):
                wire, seconds = self.ask(path)
                self.assertEqual((503, 0.0), (wire.code, seconds), (outage.name, path))
                self.assertIn(b"\r\nRetry-After: 2\r\n", wire.received)
            self.assertEqual(tries, self.met, outage.name)


class RedirectTests(ProxyTestCase):
    """
    The index, which is on https, leads elsewhere.
    """

    TARGETS = (
        f"https://index.example{PAGE}",  # in a circle
        f"http://index.example{PAGE}",
        *("file:///etc/passwd", "ftp://index.example/", "", "http://[x"),
    )

    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("demo")
        self.path = self.index.add(self.wheel)
        self.start_proxy(SECURE)

    def test_page_at_hand(self) -> None:
        """
        The old page is given out at once.
        """
        for target in self.TARGETS:
            self.page("demo")
            self.advance(901)
            self.index.fail(PAGE, Fault(redirect=target), times=None)
            answer = self.get(PAGE)
            self.assertEqual(200, answer.code, target)
            self.assertEqual("proxypypi; fwd=stale", answer.header("Cache-Status"))
            self.index.heal()
            self.get(PAGE)

    def test_nothing_at_hand(self) -> None:
        """
        It is 502 at once, of pages and of files; ten redirects are followed, and not
        one to where nobody is asked.
        """
        url = f"/files/demo/{self.wheel.filename}"
        for path, asked in ((PAGE, PAGE), (self.path, url)):
            for target in self.TARGETS:
                self.index.requests.clear()
                self.start_proxy(SECURE)
                self.index.fail(path, Fault(redirect=target), times=None)
                answer = self.get(asked)
                told = (answer.code, answer.header("Retry-After"))
                self.assertEqual((502, "2"), told, (path, target))
                self.index.heal()
                self.assertLessEqual(len(self.index.requests), 14, target)
        self.assertEqual([], self.kept())


class CodingTests(ProxyTestCase):
    def test_compressed_once_more(self) -> None:
        """
        A file that upstream compresses, unasked, is not the file: no client completes
        it, and nothing is kept.
        """
        sdist = make_sdist("demo")
        path = self.index.add(sdist)
        for sizes in (True, False):
            self.index.sizes = sizes
            self.start_proxy()
            self.index.fail(path, Fault(gzip=True, delay=0.1))
            transfer = self.start(f"/files/demo/{sdist.filename}")
            self.advance(0.1)
            self.assertFalse(transfer.code == 200 and transfer.is_complete)
            self.assertEqual(([], []), (self.kept(), self.partials()))
        answer = self.get(f"/files/demo/{sdist.filename}")
        self.assertEqual((200, sdist.content), (answer.code, answer.body))
