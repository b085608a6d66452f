"""
Tests for :mod:`proxypypi.upstream.notes`.
"""

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import (
    NoDocument,
    NoProjectList,
    NoSuchProject,
    ProxypypiError,
    UpstreamNonsense,
    UpstreamRefusal,
    UpstreamTimeout,
    UpstreamUnreachable,
    WrongBytes,
)
from proxypypi.events import (
    BOUNDS,
    FETCHED,
    SUM,
    UPSTREAM_REQUESTS,
    UPSTREAM_RESULTS,
    UPSTREAM_SECONDS,
)
from proxypypi.settings import UpstreamSettings
from proxypypi.store.counts import Counts
from proxypypi.upstream.notes import Notes, result_of
from tests.fake_index import Fault
from tests.proxy_case import ProxyTestCase

URL = "https://index.example/simple/demo/"
WHY: Any = {"url": URL, "reason": "why"}


class ResultTests(SynchronousTestCase):
    def test_result_of(self) -> None:
        """
        Each failure has one of few results.
        """
        errors: list[tuple[ProxypypiError, str]] = [
            (NoSuchProject(project="demo"), "404"),
            (NoProjectList(url=URL), "404"),
            (NoDocument(url=URL), "404"),
            (UpstreamRefusal(**WHY, status=404), "404"),
            (UpstreamRefusal(**WHY, status=403), "4xx"),
            (UpstreamRefusal(**WHY, status=503), "5xx"),
            (UpstreamRefusal(**WHY), "unreachable"),
            (UpstreamUnreachable(**WHY), "unreachable"),
            (UpstreamTimeout(**WHY), "timeout"),
            (UpstreamNonsense(**WHY, status=200), "nonsense"),
            (WrongBytes(**WHY, filename="demo-1.0.tar.gz"), "nonsense"),
        ]
        for error, result in errors:
            self.assertEqual(result, result_of(error), repr(error))
            self.assertIn(result, UPSTREAM_RESULTS)


class NotesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.counts = Counts.alone(["pypi"])
        self.notes = Notes("pypi", self.counts)
        self.clock = Clock()

    def count(self, *key: str) -> int:
        return self.counts.totals()[key]

    def test_seconds(self) -> None:
        """
        How long each took is counted by the first bound that it is within.
        """
        for seconds in (0.0, 0.05, 0.06, 4.9, 70.0):
            self.notes.answered("2xx", seconds)
        found = [
            self.count(UPSTREAM_SECONDS.name, "pypi", le)
            for le in (*map(str, BOUNDS), "+Inf")
        ]
        self.assertEqual([2, 1, 0, 1, 1], found)
        self.assertEqual(75_010_000, self.count(UPSTREAM_SECONDS.name, "pypi", SUM))

    def test_given_up(self) -> None:
        """
        An attempt that nobody waits for any more says nothing of the index.
        """

        async def attempt() -> None:
            await Deferred()

        attempted = Deferred.fromCoroutine(self.notes.of(attempt, self.clock))
        attempted.addErrback(lambda _: None)
        attempted.cancel()
        self.assertEqual({0}, set(self.counts.totals().values()))

    def test_received(self) -> None:
        """
        Bytes are counted as they come.
        """
        self.notes.received(5)
        self.notes.received(6)
        self.assertEqual(11, self.count(FETCHED.name, "pypi"))


class IndexTests(ProxyTestCase):
    """
    What a real index's answers count as.
    """

    def asked(self, name: str = "index.example") -> Mapping[str, int]:
        totals = self.proxy.books.counts.totals()
        found = {r: totals[UPSTREAM_REQUESTS.name, name, r] for r in UPSTREAM_RESULTS}
        return {result: count for result, count in found.items() if count}

    def test_page(self) -> None:
        """
        A page that has come, one that has not changed, and one that there is not.
        """
        self.index.add_project("demo")
        self.get("/simple/demo/")
        self.assertEqual({"2xx": 1}, self.asked())
        self.advance(1_000)
        self.get("/simple/demo/")
        self.assertEqual({"2xx": 1, "304": 1}, self.asked())
        self.get("/simple/nothing/")
        self.assertEqual({"2xx": 1, "304": 1, "404": 1}, self.asked())

    def test_each_try(self) -> None:
        """
        Each try counts.
        """
        self.index.down = True
        self.start("/simple/demo/")
        self.advance_slowly(8)
        self.assertEqual({"5xx": 4}, self.asked())

    def test_nonsense(self) -> None:
        """
        An answer that cannot be used is none.
        """
        self.index.add_project("demo")
        self.index.fail("/simple/demo/", Fault(content_encoding="br"))
        self.start("/simple/demo/")
        self.advance_slowly(1)
        self.assertEqual({"nonsense": 1}, self.asked())

    def test_too_late(self) -> None:
        """
        A page that stops to come, and one that does not come in the time there is for
        all of it, are time-outs.
        """
        self.index.add_project("demo")
        self.index.fail("/simple/demo/", Fault(stall_at=0, stall=300))
        self.start("/simple/demo/")
        self.advance_slowly(15)
        self.assertEqual({"timeout": 1}, self.asked())
        self.index.add_project("slow")
        self.index.fail("/simple/slow/", Fault(rate=0.5))
        self.start("/simple/slow/")
        self.advance_slowly(39)
        self.assertEqual({"timeout": 1}, self.asked())
        self.advance_slowly(2)
        self.assertEqual({"timeout": 2}, self.asked())

    def test_by_name(self) -> None:
        """
        Each upstream is counted by the name that it has.
        """
        upstream = UpstreamSettings.from_url("http://index.example/simple/", name="x")
        self.start_proxy(upstreams=[upstream])
        self.get("/simple/nothing/")
        self.assertEqual({"404": 1}, self.asked("x"))

    def test_no_list(self) -> None:
        """
        An index that does not list its projects is asked for that once.
        """
        self.index.fail("/simple/", Fault(status=403))
        self.get("/simple/")
        self.assertEqual({"404": 1}, self.asked())
