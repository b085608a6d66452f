"""
Tests for :mod:`proxypypi.gauges`.
"""

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport

from proxypypi.events import (
    BREAKERS,
    CONNECTIONS,
    DEGRADED,
    DOWNLOADS,
    LOG_INS_WAITING,
    REQUESTS,
    SENT,
)
from proxypypi.gauges import Gauges
from proxypypi.web.connections import ProxySite
from tests.distributions import make_wheel
from tests.fake_index import JSON, Fault
from tests.passwords import write_users
from tests.proxy_case import ProxyTestCase


class GaugesTests(ProxyTestCase):
    def start_proxy(self, *args: Any, **more: Any) -> None:
        super().start_proxy(*args, **more)
        core, self.books = self.proxy.core, self.proxy.books
        self.site = ProxySite(
            self.proxy.faces, self.clock, core.generations, self.books.counts
        )
        self.gauges = Gauges(self.proxy, self.site, self.indexes)

    def taken(self) -> Mapping[str, int]:
        """
        What is not zero.
        """
        self.gauges.read()
        totals = self.books.counts.totals()
        gauges = (DEGRADED, BREAKERS, CONNECTIONS, DOWNLOADS, LOG_INS_WAITING)
        return {
            key[0]: totals[key]
            for metric in gauges
            for key in metric.keys(["index.example"])
            if totals[key]
        }

    def connect_to_site(self) -> Any:
        protocol: Any = self.site.buildProtocol(None)
        protocol.makeConnection(StringTransport())
        return protocol

    def test_idle(self) -> None:
        """
        While nothing goes on, all is zero.
        """
        self.assertEqual({}, self.taken())

    def test_connections(self) -> None:
        """
        Clients count while they are connected.
        """
        first, _ = self.connect_to_site(), self.connect_to_site()
        self.assertEqual({CONNECTIONS.name: 2}, self.taken())
        first.connectionLost()
        self.assertEqual({CONNECTIONS.name: 1}, self.taken())

    def test_downloads(self) -> None:
        """
        A file counts while it is on its way.
        """
        wheel = make_wheel("demo", "1.0", payload=20_000)
        self.index.fail(self.index.add(wheel), Fault(stall_at=9_000, stall=1))
        self.start(f"/files/demo/{wheel.filename}")
        self.assertEqual({DOWNLOADS.name: 1}, self.taken())
        self.advance(2)
        self.assertEqual({}, self.taken())

    def test_outage(self) -> None:
        """
        An index that is not asked for now makes us degraded, until it answers.
        """
        self.index.add_project("demo")
        fault = Fault(status=503, headers={"Retry-After": "30"})
        self.index.fail("/simple/demo/", fault)
        self.start("/simple/demo/")
        self.advance_slowly(8)
        self.assertEqual({DEGRADED.name: 1, BREAKERS.name: 1}, self.taken())
        self.advance(30)
        self.assertEqual({DEGRADED.name: 1}, self.taken())
        self.index.heal()
        self.get("/simple/demo/")
        self.assertEqual({}, self.taken())

    def test_log_ins(self) -> None:
        """
        Log-ins count while they wait for their turn.
        """
        users = write_users(self.directory.with_suffix(".read"), eve="two")
        self.start_proxy(read_auth=users)
        queue = self.proxy.accounts._queue
        turns: list[Deferred[None]] = [queue.take("client", "eve") for _ in range(5)]
        self.assertEqual({LOG_INS_WAITING.name: 3}, self.taken())
        for turn in turns[2:]:
            turn.addErrback(lambda _: None).cancel()
        self.assertEqual({}, self.taken())

    def test_hot_answers(self) -> None:
        """
        Answers that were given again are counted by then, with those that were not.
        """
        self.index.add_project("demo")
        client = self.connect_to_site()
        ask = f"GET /simple/demo/ HTTP/1.1\r\nHost: x\r\nAccept: {JSON}\r\n\r\n"
        for _ in range(10):
            client.dataReceived(ask.encode())
            self.flush()
            client.transport.io.seek(0)
        self.assertEqual(1, len(self.site.hot))
        self.gauges.read()
        totals = self.books.counts.totals()
        hits = totals[(REQUESTS.name, "simple", "hit")]
        self.assertEqual(9, hits)
        page = self.get("/simple/demo/", Accept=JSON)
        self.assertEqual(10 * len(page.body), totals[(SENT.name, "simple")])
