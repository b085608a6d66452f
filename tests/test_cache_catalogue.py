"""
Tests for :mod:`proxypypi.cache.catalogue`, over HTTP.
"""

import gzip
import os
import shutil
from pathlib import Path
from typing import Any

from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred, fail

from proxypypi.cache.catalogue import Catalogue, ListAnswer
from proxypypi.cache.health import Health
from proxypypi.cache.upstreams import Upstream
from proxypypi.errors import CannotMake
from proxypypi.interfaces import IIndex
from proxypypi.model import Outcome
from proxypypi.rules.freshness import Freshness
from proxypypi.simple.negotiation import Form
from proxypypi.store.directory import Directory
from proxypypi.store.lists import ListStore
from proxypypi.upstream.index import make_index
from tests.distributions import make_wheel
from tests.fake_index import HTML, JSON, FakeIndex, Fault
from tests.proxy_case import EXACTLY, ProxyTestCase, Transfer, make_list_here

LIST = "/simple/"


class CatalogueTestCase(ProxyTestCase):
    def setUp(self) -> None:
        super().setUp()
        for name in ("attrs", "Zope.Interface"):
            self.index.add_project(name)

    @property
    def asked(self) -> int:
        return len(self.index.asked(LIST))

    def upstream(self, index: IIndex, ttl: float = 600.0, glob: str = "*") -> Upstream:
        freshness = Freshness(max_age=ttl)
        return Upstream(index, index.url, freshness, projects=(glob,))

    def start_list(self, **headers: str) -> Transfer:
        return self.start(LIST, Accept=JSON, **headers)

    def names(self, answer: Transfer) -> list[str]:
        self.assertEqual(200, answer.code)
        return [project["name"] for project in answer.json["projects"]]

    def check(
        self, answer: Transfer, names: list[str], status: str, asked: int
    ) -> None:
        """
        :param asked: how often upstream had been asked by now.
        """
        self.assertTrue(answer.is_complete)
        self.assertEqual(names, self.names(answer))
        self.assertEqual(f"proxypypi; {status}", answer.header("Cache-Status"))
        self.assertEqual(asked, self.asked)


OLD = ["attrs", "zope-interface"]
NEW = ["attrs", "new", "zope-interface"]


class FreshnessTests(CatalogueTestCase):
    def test_asked_once(self) -> None:
        """
        The list is fetched when it is first wanted, and given out until its time is
        over; restarts do not matter.
        """
        self.assertEqual(0, self.asked)
        self.check(self.start_list(), OLD, "fwd=miss; stored", 1)
        self.index.add_project("new")
        for restart in (False, True):
            if restart:
                self.start_proxy()
            self.check(self.start_list(), OLD, "hit", 1)
            self.advance(299)
            self.check(self.start_list(), OLD, "hit", 1)

    def test_aging(self) -> None:
        """
        For five minutes more it is given out at once, while a refresh runs.
        """
        self.start_list()
        self.index.add_project("new")
        for restart in (False, True):
            if restart:
                self.start_proxy()
            else:
                self.advance(640)
                self.index.delay = 1.0
            self.check(self.start_list(), OLD, "hit; ttl=-40", 2 + restart)
        self.advance(1.0)
        self.check(self.start_list(), NEW, "hit", 3)

    def test_expired(self) -> None:
        """
        After that the refresh is awaited.
        """
        self.start_list()
        self.index.add_project("new")
        self.advance(901)
        self.index.delay = 1.0
        answer = self.start_list()
        self.assertIsNone(answer.code)
        self.advance(1.0)
        self.check(answer, NEW, "fwd=stale; stored", 2)

    def test_collapsed(self) -> None:
        """
        Many who want it at once cause one request.
        """
        self.index.delay = 1.0
        answers = [self.start_list() for _ in range(3)]
        self.advance(1.0)
        self.check(answers[0], OLD, "fwd=miss; stored", 1)
        self.check(answers[2], OLD, "fwd=miss; collapsed", 1)

    def test_still_fetching(self) -> None:
        """
        Nobody waits for 12 seconds in silence; the retry joins the fetch.
        """
        self.index.delay = 13.0
        answer = self.start_list()
        self.advance(11.9)
        self.assertIsNone(answer.code)
        self.advance(0.2)
        self.assertEqual((503, "2"), (answer.code, answer.header("Retry-After")))
        answer = self.start_list()
        self.advance(1.0)
        self.check(answer, OLD, "fwd=miss; collapsed", 1)

    def test_html_only(self) -> None:
        """
        A list that comes as HTML is served in every form too.
        """
        self.index.html_only = True
        self.check(self.start_list(), OLD, "fwd=miss; stored", 1)


class FailureTests(CatalogueTestCase):
    def test_old_list(self) -> None:
        """
        If upstream fails, the old list is served, and the answer says so.
        """
        self.start_list()
        self.advance(901)
        for fault, status in (
            (Fault(status=401), "; fwd-status=401"),
            (Fault(status=429), "; fwd-status=429"),
            (Fault(body=b"{" * 9, truncate_at=5), ""),
        ):
            self.index.fail(LIST, fault)
            asked = self.asked
            self.check(self.start_list(), OLD, f"fwd=stale{status}", asked + 1)
        self.assertIn(b"degraded", self.get("/-/health").body)
        self.check(self.start_list(), OLD, "fwd=stale; fwd-status=304", asked + 2)
        self.assertEqual(b"ok\n", self.get("/-/health").body)

    def test_silence(self) -> None:
        """
        With an old list in hand a client waits for three seconds, the next not at all.
        """
        self.start_list()
        self.advance(1001)
        self.index.delay = 20.0
        answer = self.start_list()
        self.advance(2.9)
        self.assertIsNone(answer.code)
        self.advance(0.2)
        self.check(answer, OLD, "hit; ttl=-404", 2)
        self.check(self.start_list(), OLD, "hit; ttl=-404", 2)

    def test_further_tries(self) -> None:
        """
        With an old list in hand nobody waits for further tries, but the list that one
        of them brings is the next that is served.
        """
        self.start_list()
        self.advance(901)
        self.index.add_project("new")
        self.index.fail(LIST, Fault(status=503), times=2)
        for _ in range(2):
            self.check(self.start_list(), OLD, "fwd=stale; fwd-status=503", 2)
        self.advance(0.2)
        self.advance(0.8)
        self.check(self.start_list(), NEW, "hit", 4)

    def test_silence_is_known(self) -> None:
        """
        Who has an old list does not wait for an upstream that has kept another waiting
        for a page, nor the other way round.
        """
        self.index.add(make_wheel("demo"))
        ways = [(LIST, "/simple/demo/"), ("/simple/demo/", LIST)]
        for first, then in ways:
            for path in (first, then):
                self.get(path)
            self.advance(901)
            self.index.fail("*", Fault(delay=1000), times=None)
            answer = self.start(first)
            self.advance_slowly(3.1)
            self.assertTrue(answer.is_complete, first)
            answer = self.start(then)
            self.assertTrue(answer.is_complete, then)
            self.assertEqual(
                "proxypypi; hit; ttl=-304", answer.header("Cache-Status"), then
            )
            self.index.heal()
            self.advance_slowly(200)

    def test_slow_list_is_no_silence(self) -> None:
        """
        A list that takes long but comes keeps nobody from waiting for a page.
        """
        self.index.add(make_wheel("demo"))
        for path in (LIST, "/simple/demo/"):
            self.get(path)
        self.advance(901)
        self.index.add(make_wheel("demo", "2.0"))
        self.index.add_project("new")
        self.index.fail(LIST, Fault(rate=5.0))
        answer = self.start_list()
        self.advance_slowly(3.5)
        self.check(answer, ["attrs", "demo", "zope-interface"], "hit; ttl=-304", 2)
        self.index.delay = 1.0
        answer = self.start("/simple/demo/")
        self.assertIsNone(answer.code)
        self.advance(1.0)
        self.assertIn(b"demo-2.0", answer.body)

    def test_nothing_here(self) -> None:
        """
        With nothing at all it is an error.
        """
        for fault in (Fault(status=401), Fault(status=429), Fault(body=b"[]")):
            self.index.fail(LIST, fault)
            answer = self.start_list()
            self.assertEqual(502, answer.code)
            self.assertEqual("2", answer.header("Retry-After"))
            self.assertEqual("no-store", answer.header("Cache-Control"))

    def test_only_here(self) -> None:
        """
        With projects here it is those, and the answer says what it lacks.
        """
        self.drop(make_wheel("ours"))
        self.index.fail(LIST, Fault(status=401))
        answer = self.start_list()
        self.check(answer, ["ours"], "hit; detail=upstream-unavailable", 1)
        self.assertEqual("no-cache", answer.header("Cache-Control"))
        self.check(self.start_list(), [*OLD, "ours"], "fwd=miss; stored", 2)

    def test_disk_full(self) -> None:
        """
        A list for which there is no room is not there, but the old one is, or what is
        here.
        """

        def full(*_: Any, **__: Any) -> None:
            raise OSError(28, "No space left on device")

        self.drop(make_wheel("ours"))
        patched = self.patch(os, "utime", full)
        answer = self.start_list()
        self.check(answer, ["ours"], "hit; detail=not-kept", 1)
        self.assertEqual("no-cache", answer.header("Cache-Control"))
        self.assertIn(b"No space left", self.get("/-/health").body)
        patched.restore()
        self.check(self.start_list(), [*OLD, "ours"], "fwd=miss; stored", 2)
        self.advance(901)
        self.index.add_project("new")
        self.patch(os, "utime", full)
        self.assertEqual([*OLD, "ours"], self.names(self.start_list()))

    def test_cannot_be_made(self) -> None:
        """
        If the process that makes it fails, there is an error or what is here; it is
        tried again after a minute.
        """
        attempts: list[str] = []

        def broken(order: str) -> "Deferred[None]":
            attempts.append(order)
            return fail(CannotMake(reason="MemoryError"))

        catalogue = self.catalogue_of(broken)
        for seconds, times in ((0, 1), (59, 1), (2, 2)):
            self.advance(seconds)
            self.fail_to_get(catalogue)
            self.assertEqual(times, len(attempts), seconds)
        self.drop(make_wheel("ours"))
        answer = self.get_from(catalogue)
        self.assertEqual("not-kept", answer.outcome.detail)

    def test_cannot_be_made_anew(self) -> None:
        """
        If that fails with an old list in hand, the old one is given.
        """
        broken = False

        def make(order: str) -> "Deferred[None]":
            if broken:
                return fail(CannotMake(reason="MemoryError"))
            return make_list_here(order)

        catalogue = self.catalogue_of(make)
        old = self.get_from(catalogue)
        broken = True
        self.index.add_project("new")
        self.advance(901)
        for _ in range(2):
            answer = self.get_from(catalogue)
            self.assertFalse(answer.private)
            self.assertEqual(
                old.pick(Form.JSON, False).etag, answer.pick(Form.JSON, False).etag
            )
        self.assertIn("MemoryError", self.health.trouble)

    def get_from(self, catalogue: Catalogue) -> ListAnswer:
        getting = Deferred.fromCoroutine(catalogue.get())
        self.flush()
        return self.successResultOf(getting)

    def fail_to_get(self, catalogue: Catalogue) -> None:
        getting = Deferred.fromCoroutine(catalogue.get())
        self.flush()
        self.failureResultOf(getting, CannotMake)

    def catalogue_of(self, make: Any) -> Catalogue:
        self.health = Health()
        return Catalogue(
            [self.upstream(self.indexes[0])],
            ListStore(Path(self.mktemp()), self.threads, make),
            Directory(self.directory, self.clock, self.threads),
            self.health,
            self.clock,
            self.threads,
        )


class SeveralTests(CatalogueTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.other = FakeIndex(clock=self.clock)
        self.other.add_project("attrs")
        self.other.add_project("beta")
        self.other.add_project("out-of-bounds")
        agent = RequestTraversalAgent(self.other)
        second = make_index("http://other.example/simple/", agent, self.clock, EXACTLY)
        self.catalogue = Catalogue(
            [
                self.upstream(self.indexes[0]),
                self.upstream(second, 60.0, "[ab]*"),
            ],
            ListStore(Path(self.mktemp()), self.threads, make_list_here),
            Directory(self.directory, self.clock, self.threads),
            Health(),
            self.clock,
            self.threads,
        )
        self.agents = (self.process.upstream, agent)

    def ask(self) -> tuple[list[str], str]:
        """
        :returns: the names, and what detail is given.
        """
        getting = Deferred.fromCoroutine(self.catalogue.get())
        for _ in range(5):
            for agent in self.agents:
                agent.flush()
        answer = self.successResultOf(getting)
        source = answer.open(Form.HTML, False)
        body = os.pread(source.fd, 10_000, 0).decode() if source is not None else ""
        if source is not None:
            source.close()
        body += answer.pick(Form.HTML, False).body.decode()
        names = [part.partition("/")[0] for part in body.split('<a href="')[1:]]
        self.outcome = answer.outcome
        return names, answer.outcome.detail

    def test_union(self) -> None:
        """
        Projects that an index is asked about are there once; each index is asked at
        its own pace.
        """
        self.assertEqual((["attrs", "beta", "zope-interface"], ""), self.ask())
        self.clock.advance(500)
        self.other.add_project("b-two")
        self.assertEqual((["attrs", "b-two", "beta", "zope-interface"], ""), self.ask())
        self.assertEqual(1, self.asked)

    def test_outcome(self) -> None:
        """
        Of several answers, a failure is told, then what is new.
        """
        self.ask()
        self.clock.advance(1000)
        self.other.add_project("gamma")
        self.ask()
        self.assertEqual(Outcome(forwarded="stale", stored=True), self.outcome)
        self.clock.advance(1000)
        self.other.fail(LIST, Fault(status=429))
        self.ask()
        self.assertEqual(Outcome(forwarded="stale", status=429), self.outcome)

    def test_one_has_none(self) -> None:
        """
        An index without a list takes nothing from the others.
        """
        self.other.fail(LIST, Fault(status=404), times=None)
        self.assertEqual((OLD, ""), self.ask())

    def test_one_is_nonsense(self) -> None:
        """
        Nor does one whose list is none; it is asked anew.
        """
        for _ in range(2):
            self.other.fail(LIST, Fault(body=b"{"))
            self.assertEqual((OLD, "upstream-unavailable"), self.ask())
        self.clock.advance(601)
        self.assertEqual((["attrs", "beta", "zope-interface"], ""), self.ask())

    def test_one_fails(self) -> None:
        """
        What an index that fails would contribute is missing, and that is said; with
        its old list nothing is.
        """
        self.other.fail(LIST, Fault(status=401))
        self.assertEqual((OLD, "upstream-unavailable"), self.ask())
        self.assertEqual((["attrs", "beta", "zope-interface"], ""), self.ask())
        self.clock.advance(2000)
        self.other.fail(LIST, Fault(status=401))
        self.assertEqual((["attrs", "beta", "zope-interface"], ""), self.ask())


class HereTests(CatalogueTestCase):
    def test_private(self) -> None:
        """
        A file dropped in is listed within two seconds, without any index being asked
        or anything made again; then caches have to ask.
        """
        answer = self.start_list()
        self.assertEqual("public, max-age=60", answer.header("Cache-Control"))
        shutil.rmtree(self.directory / ".proxypypi")
        path = self.drop(make_wheel("ours"), settled=False)
        self.advance(2.0)
        tag = str(answer.header("ETag"))
        answer = self.start_list(If_None_Match=tag)
        self.check(answer, [*OLD, "ours"], "hit", 1)
        self.assertEqual("no-cache", answer.header("Cache-Control"))
        self.remove(path)
        self.assertEqual(304, self.start_list(If_None_Match=tag).code)

    def test_listed_upstream(self) -> None:
        """
        A project that is here and upstream is listed once, and may be kept.
        """
        self.drop(make_wheel("attrs"))
        answer = self.start_list()
        self.check(answer, OLD, "fwd=miss; stored", 1)
        self.assertEqual("public, max-age=60", answer.header("Cache-Control"))

    def test_forms(self) -> None:
        """
        All forms have the same names, a tag of their own, and a length that holds;
        HEAD says the same.
        """
        self.drop(make_wheel("ours"))
        tags = set()
        for accept in (JSON, HTML, "text/html"):
            plain = self.get(LIST, Accept=accept)
            packed = self.get(LIST, Accept=accept, Accept_Encoding="gzip")
            self.assertEqual(plain.body, gzip.decompress(packed.body))
            for name in (*OLD, "ours"):
                self.assertEqual(
                    1 if accept == JSON else 2, plain.body.count(name.encode())
                )
            for answer, coding in ((plain, "identity"), (packed, "gzip")):
                tag = str(answer.header("ETag"))
                tags.add(tag)
                headers = {"Accept": accept, "Accept_Encoding": coding}
                self.assertEqual(str(len(answer.body)), answer.header("Content-Length"))
                head = self.get(LIST, "HEAD", **headers)
                self.assertEqual((200, b""), (head.code, head.body))
                for name in ("Content-Length", "Content-Type", "ETag", "Vary"):
                    self.assertEqual(answer.header(name), head.header(name), name)
                again = self.get(LIST, If_None_Match=tag, **headers)
                self.assertEqual((304, b""), (again.code, again.body))
        self.assertEqual(4, len(tags))

    def test_not_in_memory(self) -> None:
        """
        What upstream lists is read as the client takes it, even if it is gone.
        """
        for number in range(20_000):
            self.index.projects[f"n{number}"] = self.index.projects["attrs"]
        self.start_list()
        self.advance(0.1)
        wire = self.connect()
        wire.transport.room = 1000
        wire.send(f"GET {LIST} HTTP/1.1", f"Accept: {JSON}")
        self.assertLess(len(wire.received), 200_000)
        shutil.rmtree(self.directory / ".proxypypi")
        for _ in range(20):
            wire.take(100_000)
        self.assertTrue(wire.body.endswith(b'{"name":"zope-interface"}]}'))
