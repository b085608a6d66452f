"""
Tests for :mod:`proxypypi.cache.upstreams`, over HTTP: which index is asked, and whose
files are given out.
"""

from typing import Any

from attrs import define
from twisted.logger import capturedLogs, formatEvent
from twisted.web.resource import IResource
from twisted.web.server import Request
from zope.interface import implementer

from proxypypi.settings import Credentials, UpstreamSettings
from tests.distributions import BuiltDistribution, make_sdist, make_wheel
from tests.fake_index import JSON, FakeIndex, Fault
from tests.proxy_case import ProxyTestCase

PAGE = "/simple/demo/"
FIRST = "http://first.example/simple/"
SECOND = "http://second.example/simple/"


@implementer(IResource)
@define(eq=False)
class Hosts:
    """
    Several hosts in one: who answers depends on the name that was asked for.
    """

    isLeaf = True
    _by_name: dict[str, FakeIndex]

    def getChildWithDefault(self, name: bytes, request: Request) -> "Hosts":
        return self

    def putChild(self, path: bytes, child: IResource) -> None:
        raise NotImplementedError("a leaf has no children")

    def render(self, request: Request) -> int:
        return self._by_name[request.getRequestHostname().decode()].render(request)


class UpstreamsTestCase(ProxyTestCase):
    """
    Two indexes; ``self.index`` is the first.
    """

    def setUp(self) -> None:
        self.second: FakeIndex
        super().setUp()

    def network(self) -> IResource:
        if not hasattr(self, "second"):
            self.second = FakeIndex(clock=self.clock)
        return Hosts({"first.example": self.index, "second.example": self.second})

    def start_proxy(self, *arguments: Any, **options: Any) -> None:
        """
        One that asks both, with what *options* say of either.

        :param options: ``first`` and ``second``, each with what settings are given.
        """
        upstreams = [
            UpstreamSettings.from_url(url, **options.pop(name, {}))
            for name, url in (("first", FIRST), ("second", SECOND))
        ]
        super().start_proxy(upstreams=upstreams, **options)

    @property
    def asked(self) -> tuple[int, int]:
        """
        How often either was asked for the page.
        """
        return len(self.index.asked(PAGE)), len(self.second.asked(PAGE))

    def health(self) -> str:
        return self.get("/-/health").body.decode()

    def fetch(self, built: BuiltDistribution) -> bytes:
        answer = self.get(f"/files/{built.project}/{built.filename}")
        self.assertEqual(200, answer.code)
        return answer.body


class OrderTests(UpstreamsTestCase):
    def test_first_that_has_it(self) -> None:
        """
        The first that has a project serves it alone; those behind it are not asked.
        """
        ours, theirs = make_wheel("demo", "1.0"), make_wheel("demo", "2.0")
        self.index.add(ours)
        self.second.add(theirs)
        self.assertEqual([ours.filename], list(self.files("demo")))
        self.assertEqual((1, 0), self.asked)
        self.assertEqual(ours.content, self.fetch(ours))
        answer = self.get(f"/files/demo/{theirs.filename}")
        self.assertEqual((404, 0), (answer.code, len(self.second.requests)))

    def test_next_one(self) -> None:
        """
        What the first does not have comes from the next, pages, files and metadata.
        """
        wheel = make_wheel("demo", "1.0")
        self.second.add(wheel)
        self.assertEqual([wheel.filename], list(self.files("demo")))
        self.assertEqual((1, 1), self.asked)
        metadata = self.get(f"/files/demo/{wheel.filename}.metadata")
        self.assertEqual(wheel.metadata, metadata.body)
        part = self.get(f"/files/demo/{wheel.filename}", Range="bytes=5-9")
        self.assertEqual((206, wheel.content[5:10]), (part.code, part.body))
        self.assertEqual(wheel.content, self.fetch(wheel))
        self.assertEqual(1, len(self.index.requests))

    def test_none_has_it(self) -> None:
        """
        Only if all of them say so, there is no such project.
        """
        self.assertEqual(404, self.get(PAGE).code)
        self.assertEqual((1, 1), self.asked)
        self.assertEqual(404, self.get(PAGE).code)
        self.assertEqual((1, 1), self.asked)

    def test_confirmed(self) -> None:
        """
        The second's page is confirmed by the second, after the first was asked.
        """
        self.second.add(make_wheel("demo"))
        self.page("demo")
        self.advance(1000)
        answer = self.get(PAGE, Accept=JSON)
        status = "proxypypi; fwd=stale; fwd-status=304"
        self.assertEqual((200, status), (answer.code, answer.header("Cache-Status")))
        self.assertEqual((2, 2), self.asked)
        self.assertIsNone(self.index.asked(PAGE)[-1].header("If-None-Match"))
        self.assertIsNotNone(self.second.asked(PAGE)[-1].header("If-None-Match"))

    def test_changes_sides(self) -> None:
        """
        When the first comes to have the project, it serves it from then on, and the log
        says so. What was fetched from the other counts as removed.
        """
        old, new = make_wheel("demo", "1.0"), make_wheel("demo", "2.0")
        self.second.add(old)
        self.page("demo")
        self.fetch(old)
        self.index.add(new)
        self.advance(1000)
        with capturedLogs() as events:
            files = self.files("demo")
        said = f"demo comes from {FIRST} now, no longer from {SECOND}"
        self.assertIn(said, map(formatEvent, events))
        yanked = {name: file["yanked"] for name, file in files.items()}
        self.assertEqual({new.filename, old.filename}, yanked.keys())
        self.assertEqual(False, yanked[new.filename])
        self.assertIn("removed", yanked[old.filename])
        self.assertEqual(new.content, self.fetch(new))


class DownTests(UpstreamsTestCase):
    def test_blocks(self) -> None:
        """
        An index that cannot say whether it has a project keeps it from being taken from
        the next.
        """
        self.second.add(make_wheel("demo"))
        for fault in (
            *(Fault(status=500), Fault(status=403), Fault(status=401)),
            *(Fault(body=b"{"), Fault(truncate_at=3), Fault(delay=1000)),
        ):
            self.index.add(make_sdist("demo"))  # a page for garbage to stand in
            self.index.fail(PAGE, fault, times=None)
            transfer = self.start(PAGE)
            self.advance_slowly(60)
            self.assertIn(transfer.code, (502, 503), fault)
            self.assertIsNotNone(transfer.header("Retry-After"))
            self.index.heal()
            self.start_proxy()
        self.assertEqual([], self.second.requests)

    def test_page_at_hand(self) -> None:
        """
        If the first is down, what came from the second before is still given out.
        """
        wheel = make_wheel("demo")
        self.second.add(wheel)
        self.page("demo")
        self.advance(1000)
        self.index.down = True
        transfer = self.start(PAGE, Accept=JSON)
        self.advance_slowly(5)
        self.assertEqual(200, transfer.code)
        self.assertEqual(
            [wheel.filename], [f["filename"] for f in transfer.json["files"]]
        )
        self.assertIn("503", self.health())
        self.index.down = False
        self.advance(20)
        self.assertEqual(200, self.get(PAGE).code)
        self.assertEqual("ok\n", self.health())

    def test_only_the_second(self) -> None:
        """
        Projects of the first do not mind when the second is down; health does.
        """
        self.index.add(make_wheel("demo"))
        self.second.down = True
        self.assertEqual(200, self.get(PAGE).code)
        other = self.start("/simple/other/")
        self.advance_slowly(20)
        self.assertEqual(502, other.code)
        self.assertIn("degraded", self.health())
        self.assertEqual(200, self.get(PAGE).code)
        self.assertIn("degraded", self.health())


class ProjectsTests(UpstreamsTestCase):
    def test_globs(self) -> None:
        """
        An index is asked about the projects that its globs name, and no others.
        """
        self.start_proxy(first={"projects": ("acme-*", "own")})
        for index in (self.index, self.second):
            for name in ("acme-tools", "own", "demo"):
                index.add(make_wheel(name))
        for name, first, second in (
            *(("acme-tools", 1, 0), ("own", 1, 0)),
            *(("demo", 0, 1), ("owner", 0, 1)),
        ):
            self.get(f"/simple/{name}/")
            path = f"/simple/{name}/"
            asked = len(self.index.asked(path)), len(self.second.asked(path))
            self.assertEqual((first, second), asked, name)

    def test_all_but(self) -> None:
        """
        Names that are kept from an index are never asked for there, not even when no
        other has them.
        """
        self.start_proxy(
            first={"projects": ("acme-*",)}, second={"projects": ("!acme-*",)}
        )
        self.second.add(make_wheel("acme-tools"))
        self.second.add(make_wheel("demo"))
        self.assertEqual(200, self.get(PAGE).code)
        self.assertEqual(404, self.get("/simple/acme-tools/").code)
        self.index.down = True
        self.assertEqual(404, self.get("/simple/acme-tools/").code)
        self.assertEqual([PAGE], [seen.path for seen in self.second.requests])

    def test_down(self) -> None:
        """
        One that is down blocks the projects of its globs alone.
        """
        self.start_proxy(first={"projects": ("acme-*",)})
        self.second.add(make_wheel("demo"))
        self.second.add(make_wheel("acme-tools"))
        self.index.down = True
        self.assertEqual(200, self.get(PAGE).code)
        blocked = self.start("/simple/acme-tools/")
        self.advance_slowly(20)
        self.assertEqual(502, blocked.code)

    def test_nobody_is_asked(self) -> None:
        """
        A project that no glob names is what is in the directory.
        """
        self.start_proxy(first={"projects": ("a",)}, second={"projects": ("b",)})
        self.index.add(make_wheel("demo"))
        self.assertEqual(404, self.get(PAGE).code)
        self.assertEqual(404, self.get("/files/demo/demo-1.0.zip").code)
        private = make_wheel("demo", "2.0")
        self.drop(private)
        self.assertEqual([private.filename], list(self.files("demo")))
        self.assertEqual([], self.index.requests + self.second.requests)

    def test_not_asked_any_more(self) -> None:
        """
        A page that came from an index which is not asked about the project any more
        does not count, not even when the others are down.
        """
        self.index.add(make_wheel("demo"))
        self.page("demo")
        self.start_proxy(first={"projects": ("other",)})
        self.assertEqual(404, self.get(PAGE).code)
        self.second.down = True
        self.start_proxy(first={"projects": ("other",)})
        transfer = self.start(PAGE)
        self.advance_slowly(20)
        self.assertEqual(502, transfer.code)


class OwnSettingsTests(UpstreamsTestCase):
    def test_time_to_live(self) -> None:
        """
        Each can have its own, for the pages that came from it.
        """
        self.start_proxy(second={"index_ttl": 10.0}, index_ttl=5000.0)
        self.index.add(make_wheel("demo"))
        self.second.add(make_wheel("other"))
        for name in ("demo", "other"):
            self.page(name)
        self.advance(1000)
        for name, status in (("demo", "hit"), ("other", "fwd=stale; fwd-status=304")):
            answer = self.get(f"/simple/{name}/", Accept=JSON)
            self.assertEqual(f"proxypypi; {status}", answer.header("Cache-Status"))

    def test_credentials(self) -> None:
        """
        They go to their own index alone.
        """
        me = Credentials(username="me", password="secret")
        self.start_proxy(second={"credentials": me})
        wheel = make_wheel("demo")
        self.second.add(wheel)
        self.page("demo")
        self.fetch(wheel)
        self.assertEqual(
            {None}, {seen.header("Authorization") for seen in self.index.requests}
        )
        self.assertEqual(
            {me.basic.decode()},
            {seen.header("Authorization") for seen in self.second.requests},
        )

    def test_silence(self) -> None:
        """
        Who waits for the second to answer is not told that the first is silent, and
        those of the first's projects do not suffer for it.
        """
        self.start_proxy(
            first={"projects": ("demo",)}, second={"projects": ("other", "third")}
        )
        self.index.add(make_wheel("demo"))
        for name in ("other", "third"):
            self.second.add(make_wheel(name))
        for name in ("demo", "other", "third"):
            self.page(name)
        self.advance(1000)
        self.second.fail("*", Fault(delay=1000), times=None)
        waiting = self.start("/simple/other/")
        self.advance_slowly(2.9)
        self.assertIsNone(waiting.code)
        self.advance_slowly(0.2)
        self.assertEqual(200, waiting.code)
        self.assertIn("hit; ttl=-", self.get("/simple/third/").header("Cache-Status"))
        answer = self.get(PAGE)
        self.assertIn("fwd=stale; fwd-status=304", answer.header("Cache-Status"))


class ClashTests(UpstreamsTestCase):
    def test_other_digest(self) -> None:
        """
        When an index comes to list another file under the name of one that is here, the
        one here stays, and is listed with its own digest. The log and health say so,
        until one of them is gone.
        """
        mine = make_wheel("demo")
        theirs = make_wheel("demo", requires=["other"])
        self.assertEqual(mine.filename, theirs.filename)
        self.second.add(mine)
        self.page("demo")
        self.fetch(mine)
        self.assertEqual("ok\n", self.health())
        self.index.add(theirs)
        self.advance(1000)
        listed = self.files("demo")[mine.filename]
        self.assertEqual({"sha256": mine.sha256}, listed["hashes"])
        self.assertEqual(mine.content, self.fetch(mine))
        said = (
            f"the {mine.filename} here, from {SECOND}, is not the one that {FIRST} "
            "lists now; the one here is served"
        )
        self.assertEqual(f"degraded: {said}\n", self.health())
        self.start_proxy()
        self.page("demo")
        self.assertEqual(f"degraded: {said}\n", self.health())
        self.remove(self.directory / "demo" / mine.filename)
        listed = self.files("demo")[mine.filename]
        self.assertEqual({"sha256": theirs.sha256}, listed["hashes"])
        self.assertEqual("ok\n", self.health())
        self.assertEqual(theirs.content, self.fetch(theirs))

    def test_under_way(self) -> None:
        """
        Nobody is given the other file that is still on its way.
        """
        self.start_proxy(index_ttl=0.0)
        mine = make_wheel("demo")
        theirs = make_wheel("demo", requires=["other"])
        path = self.second.add(mine)
        self.page("demo")
        self.second.fail(path, Fault(stall_at=100, stall=5.0))
        first = self.start(f"/files/demo/{mine.filename}")
        self.index.add(theirs)
        self.page("demo")
        listed = self.files("demo")[mine.filename]
        self.assertEqual({"sha256": theirs.sha256}, listed["hashes"])
        answer = self.get(f"/files/demo/{mine.filename}")
        self.assertEqual(503, answer.code)
        self.assertEqual("2", answer.header("Retry-After"))
        self.assertFalse(first.body)

    def test_under_way_without_digests(self) -> None:
        """
        Nor is it if the digests do not tell that it is another.
        """
        self.start_proxy(index_ttl=0.0)
        for hashes in ((), ("md5",)):
            mine = make_wheel("demo", str(len(hashes)))
            theirs = make_wheel("demo", str(len(hashes)), requires=["other"])
            self.second.hashes = hashes
            path = self.second.add(mine)
            self.index.projects.clear()
            self.advance(61)
            for _ in range(2):
                self.page("demo")
            self.second.fail(path, Fault(stall_at=100, stall=5.0))
            self.start(f"/files/demo/{mine.filename}")
            self.index.add(theirs)
            for _ in range(2):
                self.page("demo")
            self.assertEqual(503, self.get(f"/files/demo/{mine.filename}").code)

    def test_metadata(self) -> None:
        """
        Core metadata of one index's file is not that of another's, be it kept or on its
        way, with digests or without.
        """
        self.start_proxy(index_ttl=0.0)
        for version, hashed in (("1.0", True), ("2.0", False)):
            mine = make_wheel("demo", version)
            theirs = make_wheel("demo", version, requires=["other"])
            self.index.projects.clear()
            self.advance(61)
            path = self.second.add(mine)
            self.offer(self.second, mine, hashed)
            for _ in range(2):
                self.page("demo")
            url = f"/files/demo/{mine.filename}.metadata"
            self.second.fail(path + ".metadata", Fault(delay=5.0))
            first = self.start(url)
            self.index.add(theirs)
            self.offer(self.index, theirs, hashed)
            for _ in range(2):
                self.page("demo")
            second = self.start(url)
            self.advance_slowly(6)
            self.assertEqual(mine.metadata, first.body)
            self.assertEqual(theirs.metadata, second.body)
            self.assertEqual(theirs.metadata, self.get(url).body)

    def offer(self, index: FakeIndex, built: BuiltDistribution, hashed: bool) -> None:
        """
        Have core metadata on the page, with a digest or not.
        """
        if not hashed:
            entry = {
                "filename": built.filename,
                "url": f"../../files/demo/{built.filename}",
                "hashes": {"sha256": built.sha256},
                "core-metadata": True,
            }
            index.projects["demo"].extra["files"] = [entry]
            index.add_project("demo")

    def test_refused_and_listed_anew(self) -> None:
        """
        If the file that was asked for turns out to be gone, and another is listed under
        its name, the client has to ask for that one anew.
        """
        mine = make_wheel("demo")
        theirs = make_wheel("demo", requires=["other"])
        path = self.second.add(mine)
        self.page("demo")
        self.second.fail(path, Fault(status=404), times=None)
        self.index.add(theirs)
        self.advance(11)
        url = f"/files/demo/{mine.filename}"
        self.assertEqual(503, self.get(url).code)
        answer = self.get(url)
        self.assertEqual(theirs.content, answer.body)
        self.assertEqual(f'"{theirs.sha256}"', answer.header("ETag"))

    def test_not_for_ever(self) -> None:
        """
        A file that is not the one that is listed is not said to be so for ever.
        """
        mine = make_wheel("demo")
        self.second.add(mine)
        url = f"/files/demo/{mine.filename}"
        self.get(url)
        self.assertIn("immutable", str(self.get(url).header("Cache-Control")))
        self.index.add(make_wheel("demo", requires=["other"]))
        self.advance(1000)
        self.page("demo")
        self.assertNotIn("immutable", str(self.get(url).header("Cache-Control")))

    def test_twice_on_one_page(self) -> None:
        """
        The first of several files of one name on one page is the one that counts; that
        is an alarm, unless they are the same.
        """
        mine = make_wheel("demo")
        theirs = make_wheel("demo", requires=["other"])
        self.index.add(mine)
        page = self.index.projects["demo"]
        entry = {"filename": mine.filename, "url": "x"}
        for digest, health in (
            (mine.sha256, "ok\n"),
            (
                theirs.sha256,
                f"degraded: {FIRST} lists different files as {mine.filename}; "
                "the first of them is served\n",
            ),
        ):
            twice = {**entry, "hashes": {"sha256": digest}}
            page.extra["files"] = [{**entry, "hashes": {"sha256": mine.sha256}}, twice]
            self.index.add_project("demo")
            self.advance(1000)
            files = self.page("demo")["files"]
            self.assertEqual([mine.sha256], [f["hashes"]["sha256"] for f in files])
            self.assertEqual(health, self.health())
