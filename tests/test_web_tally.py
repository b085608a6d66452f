"""
Tests for :mod:`proxypypi.web.tally`.
"""

from collections.abc import Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.events import REQUESTS, RESULTS, ROUTES, SAVED, SENT, UPLOADS, Key
from proxypypi.model import Outcome
from proxypypi.web.headers import cache_status
from proxypypi.web.tally import result_of, route_of
from tests.distributions import make_wheel
from tests.fake_index import JSON, Fault
from tests.proxy_case import ProxyTestCase


class RouteTests(SynchronousTestCase):
    def test_route_of(self) -> None:
        """
        Each address belongs to a route, however it is written.
        """
        for method, target, route in (
            (b"GET", b"/simple/", "simple"),
            (b"HEAD", b"/simple/demo/?format=json", "simple"),
            (b"GET", b"/local/demo/", "local"),
            (b"GET", b"/snapshot/7d/simple/demo/", "snapshot"),
            (b"GET", b"/files/demo/demo-1.0.tar.gz", "files"),
            (b"GET", b"/package/demo/demo-1.0.tar.gz", "files"),
            (b"GET", b"/files/demo/demo-1.0.whl.metadata", "metadata"),
            (b"GET", b"/packages/aa/bb/cc/demo-1.0.whl.metadata", "metadata"),
            (b"GET", b"/packages/aa/bb/cc/demo-1.0.whl?x=.metadata", "packages"),
            (b"GET", b"/simple/demo.metadata", "simple"),
            (b"GET", b"/pypi/demo/json", "json"),
            (b"POST", b"/legacy/", "upload"),
            (b"POST", b"/legacy", "upload"),
            (b"POST", b"/uploadpackage/", "upload"),
            (b"POST", b"/", "upload"),
            (b"GET", b"/legacy/", "other"),
            (b"POST", b"/requirements.txt", "requirements"),
            (b"GET", b"/", "other"),
            (b"GET", b"/-/health", "other"),
            (b"POST", b"/-/refresh/demo", "other"),
            (b"POST", b"/simple/demo/", "other"),
            (b"GET", b"*", "other"),
            (b"GET", b"/.metadata", "other"),
        ):
            self.assertEqual(route, route_of(method, target), target)
            self.assertIn(route, ROUTES)


class ResultTests(SynchronousTestCase):
    def test_result_of(self) -> None:
        """
        Each answer has one of few results, by what it says of itself.
        """
        for outcome, result in (
            (Outcome(hit=True), "hit"),
            (Outcome(hit=True, detail="upstream-unavailable"), "hit"),
            (Outcome(hit=True, ttl=-40.2), "stale"),
            (Outcome(hit=True, ttl=-0.2), "stale"),
            (Outcome(forwarded="stale", status=503), "stale"),
            (Outcome(forwarded="stale", detail="gone-upstream"), "stale"),
            (Outcome(forwarded="stale", stored=True), "refreshed"),
            (Outcome(forwarded="stale", status=304), "refreshed"),
            (Outcome(forwarded="miss", stored=True), "miss"),
            (Outcome(forwarded="miss", status=404), "miss"),
            (Outcome(forwarded="miss", collapsed=True), "collapsed"),
            (Outcome(), "done"),
        ):
            said = cache_status(outcome)
            self.assertEqual(result, result_of(200, said), said)
            self.assertEqual(result, result_of(304, said), said)
            self.assertEqual("4xx", result_of(404, said), said)
            self.assertEqual("5xx", result_of(503, said), said)
            self.assertIn(result, RESULTS)
        self.assertEqual("done", result_of(200, ""))


class TallyTests(ProxyTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("demo", "1.0", payload=20_000)
        self.path = self.index.add(self.wheel)
        self.url = f"/files/demo/{self.wheel.filename}"

    def noted(self) -> Mapping[Key, int]:
        """
        What is not zero, of what clients were answered.
        """
        names = [metric.name for metric in (REQUESTS, SENT, SAVED, UPLOADS)]
        totals = self.proxy.books.counts.totals()
        return {k: n for k, n in totals.items() if n and k[0] in names}

    def requests(self) -> dict[Any, int]:
        return {k[1:]: n for k, n in self.noted().items() if k[0] == REQUESTS.name}

    def test_pages(self) -> None:
        """
        A page that is fetched is a miss, the next is a hit; what was sent is known.
        """
        page = self.get("/simple/demo/", Accept=JSON)
        again = self.get("/simple/demo/", Accept=JSON)
        sent = len(page.body) + len(again.body)
        self.assertEqual(
            {
                (REQUESTS.name, "simple", "miss"): 1,
                (REQUESTS.name, "simple", "hit"): 1,
                (SENT.name, "simple"): sent,
            },
            self.noted(),
        )

    def test_files(self) -> None:
        """
        What was here and was sent has saved as many bytes; what came just now, or was
        not asked for, has not.
        """
        size = len(self.wheel.content)
        self.get(self.url)
        self.assertNotIn((SAVED.name,), self.noted())
        self.settle()
        self.get(self.url)
        self.get(self.url, "HEAD")
        self.get(self.url, Range="bytes=0-99")
        noted = self.noted()
        self.assertEqual(2 * size + 100, noted[(SENT.name, "files")])
        self.assertEqual(size + 100, noted[(SAVED.name,)])
        self.assertEqual({("files", "miss"): 1, ("files", "hit"): 3}, self.requests())

    def test_many_at_once(self) -> None:
        """
        Who waits for what another has asked for is counted as such.
        """
        self.index.fail(self.path, Fault(stall_at=9_000, stall=2))
        self.start(self.url)
        self.start(self.url)
        self.advance(3)
        self.assertEqual(
            {("files", "miss"): 1, ("files", "collapsed"): 1}, self.requests()
        )

    def test_errors(self) -> None:
        """
        Errors are counted by their class.
        """
        self.get("/simple/nothing/")
        self.get("/files/demo/demo-9.9.tar.gz")
        self.get("/simple/demo/", "POST")
        self.get("/odd")
        self.assertEqual(
            {
                ("simple", "4xx"): 1,
                ("files", "4xx"): 1,
                ("other", "4xx"): 2,
            },
            self.requests(),
        )

    def test_stopping(self) -> None:
        """
        So are those that a server answers that ends.
        """
        self.proxy.faces.stopping = True
        self.get("/simple/demo/")
        self.get("/-/health")
        self.assertEqual({("simple", "5xx"): 1, ("other", "done"): 1}, self.requests())

    def test_cut(self) -> None:
        """
        An answer whose connection ends before it does is counted as cut, once.
        """
        self.index.fail(self.path, Fault(stall_at=9_000, stall=2))
        wire = self.connect()
        wire.send(f"GET {self.url} HTTP/1.1")
        wire.hang_up()
        self.advance(3)
        self.assertEqual({("files", "cut"): 1}, self.requests())

    def test_not_authenticated(self) -> None:
        """
        What becomes of a file that is sent to be published is counted, and who only
        looks at the address is not.
        """
        self.get("/legacy/")
        self.get("/legacy/", "POST")
        noted = self.noted()
        self.assertEqual(1, noted[(UPLOADS.name, "forbidden")])
        self.assertEqual({("other", "done"): 1, ("upload", "4xx"): 1}, self.requests())
