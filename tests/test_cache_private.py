"""
Tests for :mod:`proxypypi.cache.private`, over HTTP: of which projects upstream hears,
and which are refused.
"""

from collections.abc import Mapping

from twisted.logger import LogLevel, capturedLogs, formatEvent

from proxypypi.names import normalize
from proxypypi.store.claims import ClaimStore
from tests.distributions import BuiltDistribution, make_sdist, make_wheel
from tests.fake_index import JSON, Fault
from tests.proxy_case import ProxyTestCase
from tests.test_cache_upstreams import UpstreamsTestCase

PAGE = "/simple/acme/"
DIGEST = "00/11/" + "2" * 60


def every_address(built: BuiltDistribution) -> list[str]:
    """
    All routes that name a project or one of its files.
    """
    name, filename = built.project, built.filename
    files = [
        f"/files/{name}/{filename}",
        f"/package/{name}/{filename}",
        f"/package/{filename}",
        f"/packages/source/{name[0]}/{name}/{filename}",
        f"/packages/{DIGEST}/{filename}",
    ]
    metadata = [f"{path}.metadata" for path in files]
    documents = [f"/pypi/{name}/json", f"/pypi/{name}/{built.version}/json/"]
    return [f"/simple/{name}/", f"/local/{name}/", *documents, *files, *metadata]


class NamesTestCase(ProxyTestCase):
    @property
    def claims(self) -> ClaimStore:
        return ClaimStore.of(self.directory)

    def is_claimed(self, name: str = "acme") -> bool:
        return self.claims.is_claimed(normalize(name))

    def health(self) -> str:
        return self.get("/-/health").body.decode()

    def ask_everything(self, built: BuiltDistribution) -> Mapping[str, int]:
        """
        :returns: address to the status it is answered with, whatever the method.
        """
        statuses = {}
        for path in every_address(built):
            statuses[path] = self.get(path).code or 0
            head = self.get(path, "HEAD").code
            self.assertEqual(statuses[path], head, path)
            self.get(path, Range="bytes=0-4")
        return statuses

    def warnings(self, path: str = PAGE) -> list[str]:
        """
        What the log warns of while *path* is asked for.
        """
        with capturedLogs() as logs:
            self.get(path)
        return [formatEvent(e) or "" for e in logs if e["log_level"] >= LogLevel.warn]


class DeniedTests(NamesTestCase):
    def test_every_route(self) -> None:
        """
        A denied project is refused by every route, whatever is here, and upstream does
        not hear of it.
        """
        mine, theirs = make_wheel("acme-evil", "1.0"), make_wheel("acme-evil", "2.0")
        self.index.add(theirs)
        self.drop(mine)
        self.start_proxy(deny=("x", "*-evil"))
        for built in (mine, theirs):
            statuses = self.ask_everything(built)
            self.assertEqual(dict.fromkeys(every_address(built), 403), statuses)
        self.assertEqual([], self.index.requests)

    def test_reason(self) -> None:
        """
        The client is told which glob it was, and that for now it is no use to retry.
        """
        self.start_proxy(deny=("x", "*-evil"))
        answer = self.get("/simple/acme-evil/")
        reason = "acme-evil is refused here: its name is denied (--deny *-evil)"
        self.assertIn(reason, answer.body.decode())
        self.assertEqual(reason.capitalize(), answer.phrase.capitalize())
        self.assertEqual("no-store", answer.header("Cache-Control"))
        self.assertIsNone(answer.header("Retry-After"))

    def test_others(self) -> None:
        """
        Other projects are served as ever.
        """
        wheel = make_wheel("acme")
        self.index.add(wheel)
        self.start_proxy(deny=("acme-*", "acm"))
        self.assertEqual([wheel.filename], list(self.files("acme")))

    def test_lists(self) -> None:
        """
        Denied projects that lie here are left out of the lists.
        """
        for name in ("acme", "evil"):
            self.drop(make_wheel(name))
        self.start_proxy(deny=("evil",))
        for route in ("simple", "local"):
            listed = self.get(f"/{route}/", Accept=JSON).json["projects"]
            self.assertEqual([{"name": "acme"}], listed, route)


class PrivateTests(NamesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.mine = make_wheel("acme", "1.0")
        self.theirs = make_wheel("acme", "2.0")
        self.index.add(self.theirs)

    def make_private(self, how: str) -> None:
        """
        From now on, upstream must not hear of it.
        """
        if how == "claim":
            self.claims.claim(normalize("acme"), 0.0, "")
        else:
            self.start_proxy(private=("b*", "acm?"))
        self.index.requests.clear()

    def test_only_what_is_here(self) -> None:
        """
        A private project is what lies here, by every route; upstream has it, too, but
        does not hear of it.
        """
        self.drop(self.mine)
        for how in ("glob", "claim"):
            self.make_private(how)
            self.assertEqual([self.mine.filename], list(self.files("acme")), how)
            self.assertEqual([self.mine.filename], list(self.files("acme", "local")))
            self.assertEqual(
                self.mine.content, self.get(f"/files/acme/{self.mine.filename}").body
            )
            self.ask_everything(self.mine)
            for path, status in self.ask_everything(self.theirs).items():
                is_page = path in (PAGE, "/local/acme/", "/pypi/acme/json")
                self.assertEqual(200 if is_page else 404, status, path)
            self.assertEqual([], self.index.requests, how)
            self.start_proxy()

    def test_nothing_here(self) -> None:
        """
        With nothing here there is no such project, be a file of it cached upstream.
        """
        for how in ("glob", "claim"):
            self.make_private(how)
            statuses = self.ask_everything(self.theirs)
            self.assertEqual({404}, set(statuses.values()), how)
            self.advance(1000)
            self.ask_everything(self.theirs)
            self.assertEqual([], self.index.requests, how)
            self.start_proxy()

    def test_page_in_hand(self) -> None:
        """
        What upstream once said counts no more, be it in memory or on disk, fresh or
        stale: its file is refused, and the page has only what is here.
        """
        for age, restart in ((0, False), (700, False), (5000, False), (5000, True)):
            self.page("acme")
            self.get(f"/files/acme/{self.theirs.filename}.metadata")
            self.advance(age)
            self.make_private("claim")
            if restart:
                self.start_proxy()
            told = (age, restart)
            statuses = self.ask_everything(self.theirs)
            self.assertEqual({404}, set(statuses.values()), told)
            self.assertEqual([], self.index.requests, told)
            self.claims.unclaim(normalize("acme"))
            self.assertEqual([self.theirs.filename], list(self.files("acme")), told)

    def test_cached_files(self) -> None:
        """
        Files that came from upstream before are here, and are served as they are by a
        stand-alone index.
        """
        self.get(f"/files/acme/{self.theirs.filename}")
        self.make_private("claim")
        (file,) = self.page("acme")["files"]
        self.assertEqual(self.theirs.sha256, file["hashes"]["sha256"])
        self.assertFalse(file.get("yanked"))
        answer = self.get(f"/files/acme/{self.theirs.filename}")
        self.assertEqual((200, self.theirs.content), (answer.code, answer.body))
        self.assertEqual([], self.index.requests)

    def test_quarantine(self) -> None:
        """
        A project in quarantine upstream that is private is not that project.
        """
        self.drop(self.mine)
        self.index.projects["acme"].extra["project-status"] = {"status": "quarantined"}
        self.assertEqual({}, self.files("acme"))
        self.make_private("claim")
        self.assertEqual([self.mine.filename], list(self.files("acme")))
        file = self.get(f"/files/acme/{self.mine.filename}")
        self.assertEqual(200, file.code)

    def test_not_remembered_as_missing(self) -> None:
        """
        That nobody was asked is not remembered as if nobody had it.
        """
        self.make_private("claim")
        self.assertEqual(404, self.get(PAGE).code)
        self.claims.unclaim(normalize("acme"))
        self.assertEqual([self.theirs.filename], list(self.files("acme")))

    def test_cannot_be_told(self) -> None:
        """
        While claims cannot be read, every name counts as claimed; health says so.
        """
        self.drop(self.mine)
        claims = self.directory / ".proxypypi" / "decisions" / "claims"
        claims.parent.mkdir(parents=True, exist_ok=True)
        claims.symlink_to(claims)
        self.assertEqual([self.mine.filename], list(self.files("acme")))
        self.assertEqual([], self.index.requests)
        self.assertIn("degraded: claims cannot be read: ", self.health())
        claims.unlink()
        self.assertEqual(2, len(self.files("acme")))
        self.assertEqual("ok\n", self.health())


class ClaimTests(NamesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.mine = make_sdist("acme", "1.0")

    def test_first_request(self) -> None:
        """
        A project with private files that upstream says it does not have is claimed by
        the first request, for good: upstream hears of it once.
        """
        for code in (404, 410):
            path = self.drop(self.mine)
            self.index.missing_status = code
            self.index.requests.clear()
            self.assertEqual([self.mine.filename], list(self.files("acme")), code)
            self.assertTrue(self.is_claimed())
            self.index.add(make_sdist("acme", "9.0"))
            self.advance(1000)
            self.start_proxy()
            self.assertEqual([self.mine.filename], list(self.files("acme")), code)
            self.assertEqual(1, len(self.index.requests))
            self.remove(path)
            self.assertEqual(404, self.get(PAGE).code)
            self.assertEqual(1, len(self.index.requests))
            self.index.remove("acme-9.0.tar.gz")
            self.index.projects.clear()
            self.claims.unclaim(normalize("acme"))
            self.start_proxy()

    def test_by_a_file(self) -> None:
        """
        It is claimed as well when the first request is for a file that is not here.
        """
        self.drop(self.mine)
        for _ in range(2):
            self.assertEqual(404, self.get("/files/acme/acme-2.0.tar.gz").code)
            self.advance(1000)
        self.assertTrue(self.is_claimed())
        self.assertEqual(1, len(self.index.requests))

    def test_nothing_private(self) -> None:
        """
        Without private files nothing is claimed, as anybody could ask for any name.
        """
        self.get(PAGE)
        self.get("/files/acme/acme-2.0.tar.gz")
        self.get("/local/acme/")
        self.assertFalse(self.is_claimed())

    def test_cached_files_alone(self) -> None:
        """
        Nor is a project whose files all came from upstream, when it goes from there.
        """
        self.index.add(self.mine)
        self.get(f"/files/acme/{self.mine.filename}")
        self.index.projects.clear()
        pages = self.directory / ".proxypypi" / "cache" / "pages"
        (pages / "acme.page").unlink()
        self.start_proxy()
        self.assertEqual([self.mine.filename], list(self.files("acme")))
        self.assertFalse(self.is_claimed())

    def test_missing_before(self) -> None:
        """
        A private file ends that the project is missing, and what upstream said within
        the minute counts.
        """
        self.assertEqual(404, self.get(PAGE).code)
        self.drop(self.mine)
        self.assertEqual([self.mine.filename], list(self.files("acme")))
        self.assertTrue(self.is_claimed())
        self.assertEqual(1, len(self.index.requests))

    def test_what_makes_no_claim(self) -> None:
        """
        No error, no silence, no empty page and no redirect is a word that upstream does
        not have it.
        """
        self.drop(self.mine)
        for fault in (
            Fault(status=401),
            Fault(status=403),
            Fault(status=429),
            Fault(status=500),
            Fault(status=503),
            Fault(body=b"<html>not found</html>", headers={"Content-Type": "a/b"}),
            Fault(body=b"{}"),
            Fault(truncate_at=3, body=b'{"files": []}'),
            Fault(redirect="http://elsewhere.invalid/simple/acme/"),
            Fault(delay=1000.0),
        ):
            self.index.fail(PAGE, fault, times=None)
            asking = self.start(PAGE)
            self.advance_slowly(13)
            self.assertEqual(200, asking.code, fault)
            self.assertFalse(self.is_claimed(), fault)
            self.index.heal()
            self.start_proxy()
        self.index.add_project("acme")
        self.get(PAGE)
        self.assertFalse(self.is_claimed())

    def test_gone_upstream(self) -> None:
        """
        Nor does it count that upstream has it no more, as long as its page is kept.
        """
        self.index.add(make_sdist("acme", "2.0"))
        self.page("acme")
        self.drop(self.mine)
        self.index.projects.clear()
        for _ in range(2):  # it is believed the second time
            self.advance(1000)
            self.page("acme")
        self.assertEqual([self.mine.filename], list(self.files("acme")))
        self.assertFalse(self.is_claimed())

    def test_nobody_asked(self) -> None:
        """
        Nothing is claimed without an upstream, by /local/, or if it is private anyway.
        """
        self.drop(self.mine)
        self.get("/local/acme/")
        self.assertFalse(self.is_claimed())
        self.start_proxy(None)
        self.get(PAGE)
        self.assertFalse(self.is_claimed())
        self.start_proxy(private=("acme",))
        self.get(PAGE)
        self.assertFalse(self.is_claimed())

    def test_cannot_be_kept(self) -> None:
        """
        If the claim cannot be written, the client gets its page, and health says so.
        """
        self.drop(self.mine)
        (self.directory / ".proxypypi" / "decisions").mkdir(parents=True)
        claims = self.directory / ".proxypypi" / "decisions" / "claims"
        claims.touch()
        said = self.warnings()
        self.assertTrue([s for s in said if "the claim of acme cannot be kept" in s])
        self.assertEqual([self.mine.filename], list(self.files("acme")))
        self.assertIn("the claim of acme cannot be kept", self.health())
        claims.unlink()
        self.page("acme")
        self.assertTrue(self.is_claimed())
        self.assertEqual("ok\n", self.health())

    def test_unclaimed(self) -> None:
        """
        A claim that is dropped counts no more at once; upstream is asked again.
        """
        theirs = make_sdist("acme", "9.0")
        self.drop(self.mine)
        self.page("acme")
        self.index.add(theirs)
        self.assertEqual(1, len(self.page("acme")["files"]))
        self.claims.unclaim(normalize("acme"))
        listed = sorted(self.files("acme"))
        self.assertEqual([self.mine.filename, theirs.filename], listed)
        self.assertFalse(self.is_claimed())


class SharedTests(NamesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.mine, self.theirs = make_wheel("acme", "1.0"), make_wheel("acme", "2.0")
        self.index.add(self.theirs)
        self.drop(self.mine)

    def test_warning(self) -> None:
        """
        That upstream has a project with private files, too, is warned of once a run;
        both are listed, and nothing is claimed.
        """
        for _ in range(2):
            (said,) = self.warnings()
            self.assertIn("acme has private files, and is at http://index.exa", said)
            self.assertEqual([], self.warnings())
            self.assertEqual(2, len(self.files("acme")))
            self.assertFalse(self.is_claimed())
            self.start_proxy()

    def test_no_warning(self) -> None:
        """
        There is none of what is here alone, was fetched, is private anyway, or has gone
        from upstream.
        """
        self.page("acme")
        self.start_proxy()
        self.assertEqual([], self.warnings("/local/acme/"))
        self.start_proxy(private=("acme",))
        self.assertEqual([], self.warnings())
        self.start_proxy()
        self.remove(self.directory / self.mine.filename)
        self.get(f"/files/acme/{self.theirs.filename}")
        self.assertEqual([], self.warnings())
        self.drop(self.mine)
        self.index.projects.clear()
        for _ in range(2):  # it is believed the second time
            self.advance(1000)
            self.page("acme")
        self.assertEqual([], self.warnings())

    def test_clash(self) -> None:
        """
        Of one file name, the private one is served.
        """
        other = make_wheel("acme", "2.0", requires=["demo"])
        self.drop(other)
        listed = self.files("acme")[other.filename]
        self.assertEqual(other.sha256, listed["hashes"]["sha256"])
        got = self.get(f"/files/acme/{other.filename}")
        self.assertEqual(other.content, got.body)


class SeveralUpstreamsTests(UpstreamsTestCase):
    def claimed(self, name: str) -> bool:
        return ClaimStore.of(self.directory).is_claimed(normalize(name))

    def test_all_must_say_so(self) -> None:
        """
        A project is claimed only if all say they do not have it.
        """
        self.drop(make_sdist("demo"))
        for first, second, expected in (
            (404, 500, False),
            (500, 404, False),
            (404, 403, False),
            (404, 410, True),
        ):
            for index, status in ((self.index, first), (self.second, second)):
                index.fail("/simple/demo/", Fault(status=status), times=None)
            asking = self.start("/simple/demo/")
            self.advance_slowly(8)
            self.assertEqual(200, asking.code, (first, second))
            self.assertEqual(expected, self.claimed("demo"), (first, second))
            self.index.heal()
            self.second.heal()
            self.start_proxy()

    def test_second_has_it(self) -> None:
        """
        It is not, if the second has it.
        """
        self.drop(make_sdist("demo", "1.0"))
        self.second.add(make_sdist("demo", "2.0"))
        self.assertEqual(2, len(self.files("demo")))
        self.assertFalse(self.claimed("demo"))

    def test_globs(self) -> None:
        """
        It is asked of those that are asked about it, and claimed by what they say; if
        there are none, it is not.
        """
        for name in ("demo", "other"):
            self.drop(make_sdist(name))
        self.start_proxy(first={"projects": ("x",)}, second={"projects": ("d*",)})
        self.assertEqual(200, self.get("/simple/demo/").code)
        self.assertEqual(200, self.get("/simple/other/").code)
        self.assertEqual((0, 1), self.asked)
        self.assertTrue(self.claimed("demo"))
        self.assertFalse(self.claimed("other"))

    def test_missing_status(self) -> None:
        """
        What an index says to a project it does not have may be any status it is
        configured for.
        """
        self.drop(make_sdist("demo"))
        self.index.missing_status = 403
        self.start_proxy(first={"missing_status": frozenset({403})})
        self.get("/simple/demo/")
        self.assertTrue(self.claimed("demo"))

    def test_claimed_between_two(self) -> None:
        """
        If it is claimed by others while the first is asked, the second is not; nor is
        it remembered that it said anything.
        """
        self.drop(make_sdist("demo"))
        self.index.fail("/simple/demo/", Fault(status=404, delay=1.0))
        asking = self.start("/simple/demo/")
        ClaimStore.of(self.directory).claim(normalize("demo"), 0.0, "")
        self.advance_slowly(2)
        self.assertEqual(200, asking.code)
        self.assertEqual((1, 0), self.asked)
        ClaimStore.of(self.directory).unclaim(normalize("demo"))
        self.get("/simple/demo/")
        self.assertEqual((2, 1), self.asked)
