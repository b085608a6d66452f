"""
Tests for :mod:`proxypypi.cache.pages`, over HTTP: what is asked upstream, and when.
"""

import shutil

from attrs import evolve
from twisted.internet.address import IPv4Address
from twisted.internet.defer import maybeDeferred

from proxypypi.names import normalize
from proxypypi.store.pages import PageStore
from proxypypi.store.wishes import Wishes
from tests.distributions import make_sdist, make_wheel
from tests.fake_index import JSON, Fault
from tests.proxy_case import ProxyTestCase, Transfer, Wire

PAGE = "/simple/demo/"
SILENCE = Fault(delay=1000)


class PagesTestCase(ProxyTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.index.add(make_wheel("demo", "1.0"))

    @property
    def asked(self) -> int:
        return len(self.index.asked(PAGE))

    def start_page(self) -> Transfer:
        return self.start(PAGE, Accept=JSON)

    def versions(self, answer: Transfer) -> list[str]:
        """
        Those on a page.
        """
        self.assertEqual(200, answer.code)
        return [file["filename"].split("-")[1] for file in answer.json["files"]]

    def release(self, version: str) -> None:
        self.index.add(make_wheel("demo", version))

    def check(
        self, answer: Transfer, versions: list[str], status: str, asked: int
    ) -> None:
        """
        :param asked: how often upstream had been asked by now.
        """
        self.assertTrue(answer.is_complete)
        self.assertEqual(versions, self.versions(answer))
        self.assertEqual(f"proxypypi; {status}", answer.header("Cache-Status"))
        self.assertEqual(asked, self.asked)


class FreshnessTests(PagesTestCase):
    def test_asked_once(self) -> None:
        """
        A page is fetched, then given out without a question until its time is over;
        restarts do not matter.
        """
        self.check(self.start_page(), ["1.0"], "fwd=miss; stored", 1)
        self.release("2.0")
        for restart in (False, True):
            if restart:
                self.start_proxy()
            self.check(self.start_page(), ["1.0"], "hit", 1)
            self.advance(299)
            self.check(self.start_page(), ["1.0"], "hit", 1)

    def test_own_time(self) -> None:
        """
        How long a page is fresh can be set; 0 is never.
        """
        self.start_proxy(index_ttl=5)
        self.start_page()
        self.advance(4.9)
        self.check(self.start_page(), ["1.0"], "hit", 1)
        self.advance(0.2)
        self.check(self.start_page(), ["1.0"], "hit; ttl=0", 2)
        self.start_proxy(index_ttl=0)
        self.check(self.start_page(), ["1.0"], "hit; ttl=0", 3)

    def test_aging(self) -> None:
        """
        A page up to five minutes over its time is given out at once, while one refresh
        runs, whose result the next client gets.
        """
        self.start_page()
        self.release("2.0")
        self.advance(640)
        self.index.delay = 1.0
        for _ in range(3):
            self.check(self.start_page(), ["1.0"], "hit; ttl=-40", 2)
        self.advance(1.0)
        self.check(self.start_page(), ["2.0", "1.0"][::-1], "hit", 2)

    def test_aging_and_upstream_down(self) -> None:
        """
        That the refresh failed is nobody's concern who got the old page.
        """
        for fault in (Fault(status=404), Fault(status=500), Fault(body=b"{")):
            shutil.rmtree(self.directory / ".proxypypi", ignore_errors=True)
            self.start_proxy()
            self.start_page()
            self.index.add_project("demo")
            self.advance(640)
            self.index.fail(PAGE, fault, times=None)
            answer = self.start_page()
            self.assertEqual(
                "proxypypi; hit; ttl=-40", answer.header("Cache-Status"), fault
            )
            self.advance_slowly(6)
            self.index.heal()
            self.assertEqual([], self.flushLoggedErrors())

    def test_expired(self) -> None:
        """
        After that the refresh is awaited.
        """
        self.start_page()
        self.release("2.0")
        self.advance(901)
        self.index.delay = 1.0
        answer = self.start_page()
        self.assertIsNone(answer.code)
        self.advance(1.0)
        self.check(answer, ["1.0", "2.0"], "fwd=stale; stored", 2)

    def test_confirmed(self) -> None:
        """
        Upstream is asked whether the page has changed; if not, it is fresh again, also
        after a restart.
        """
        self.start_page()
        self.advance(901)
        self.check(self.start_page(), ["1.0"], "fwd=stale; fwd-status=304", 2)
        seen = self.index.asked(PAGE)[1]
        self.assertIsNotNone(seen.header("If-None-Match"))
        self.assertIsNotNone(seen.header("If-Modified-Since"))
        for restart in (False, True):
            if restart:
                self.start_proxy()
            self.advance(299)
            self.check(self.start_page(), ["1.0"], "hit", 2)

    def test_questions_to_upstream_after_restart(self) -> None:
        """
        What is kept on disk is enough for a conditional question.
        """
        self.start_page()
        self.advance(901)
        self.start_proxy()
        self.check(self.start_page(), ["1.0"], "fwd=stale; fwd-status=304", 2)

    def test_clock_that_was_wrong(self) -> None:
        """
        A page from the future is not given out without a question.
        """
        self.start_page()
        self.release("2.0")
        self.clock.rightNow -= 5000
        self.check(self.start_page(), ["1.0", "2.0"], "fwd=stale; stored", 2)

    def test_another_index(self) -> None:
        """
        Pages of an index that was the upstream once are not given out as those of
        another, nor is the other asked whether they changed.
        """
        self.start_page()
        self.index.base = "/other/"
        self.release("2.0")
        self.index.remove("demo-1.0-py3-none-any.whl")
        self.start_proxy("http://index.example/other/")
        answer = self.start_page()
        self.assertEqual(["2.0"], self.versions(answer))
        (seen,) = self.index.asked("/other/demo/")
        self.assertIsNone(seen.header("If-None-Match"))

    def test_lost_and_damaged_records(self) -> None:
        """
        The cache may be deleted at any time, or be damaged: upstream is asked again.
        """
        self.start_page()
        cache = self.directory / ".proxypypi" / "cache"
        for damage in (b"", b"nonsense", b'{"format":1}\n'):
            (cache / "pages" / "demo.page").write_bytes(damage)
            self.start_proxy()
            asked = self.asked
            self.check(self.start_page(), ["1.0"], "fwd=miss; stored", asked + 1)
        shutil.rmtree(cache)
        self.start_proxy()
        self.assertEqual(["1.0"], self.versions(self.start_page()))

    def test_kept_page_that_is_none(self) -> None:
        """
        A page that was kept, but cannot be read any more, is asked for again.
        """
        self.start_page()
        path = self.directory / ".proxypypi" / "cache" / "pages" / "demo.page"
        path.write_bytes(path.read_bytes().replace(b"v1+json", b"v9+json", 1))
        self.start_proxy()
        self.check(self.start_page(), ["1.0"], "fwd=miss; stored", 2)


class ManyClientsTests(PagesTestCase):
    def test_one_question_for_all(self) -> None:
        """
        Who comes while the page is fetched waits for the same answer.
        """
        self.index.delay = 1.0
        answers = [self.start_page() for _ in range(5)]
        self.advance(1.0)
        self.check(answers[0], ["1.0"], "fwd=miss; stored", 1)
        for answer in answers[1:]:
            self.check(answer, ["1.0"], "fwd=miss; collapsed", 1)

    def test_leaving(self) -> None:
        """
        A client that leaves does not stop it, not even the only one.
        """
        self.index.delay = 1.0
        leaving = self.connect()
        leaving.send("GET /simple/demo/ HTTP/1.1")
        staying = self.start_page()
        leaving.hang_up()
        self.advance(1.0)
        self.check(staying, ["1.0"], "fwd=miss; collapsed", 1)
        self.advance(901)
        self.release("2.0")
        leaving = self.connect()
        leaving.send("GET /simple/demo/ HTTP/1.1")
        leaving.hang_up()
        self.advance(1.0)
        self.check(self.start_page(), ["1.0", "2.0"], "hit", 2)

    def test_other_projects_do_not_wait(self) -> None:
        """
        Each project has its own fetch.
        """
        self.index.add(make_wheel("other"))
        self.index.fail(PAGE, Fault(delay=5))
        waiting = self.start_page()
        self.assertEqual(200, self.get("/simple/other/").code)
        self.assertIsNone(waiting.code)

    def test_refreshes_that_nobody_waits_for_leave_room(self) -> None:
        """
        However many old pages are refreshed behind the back of clients who have been
        answered, a page that one waits for comes at once.
        """
        names = [f"old{number}" for number in range(140)]
        for name in [*names, "new"]:
            self.index.add(make_wheel(name))
        for name in names:
            self.get(f"/simple/{name}/")
        self.advance(601)
        for name in names:
            self.index.fail(f"/simple/{name}/", Fault(delay=1000))
            self.assertEqual(200, self.get(f"/simple/{name}/").code)
        self.assertEqual(200, self.get("/simple/new/").code)

    def test_nobody_waits_in_silence(self) -> None:
        """
        After 12 seconds, 503 with Retry-After: 2, before installers give up; the fetch
        goes on, and the retry joins it.
        """
        self.index.fail(PAGE, Fault(delay=15))
        answer = self.start_page()
        self.advance_slowly(11.9)
        self.assertIsNone(answer.code)
        self.advance_slowly(0.2)
        self.assertEqual((503, "2"), (answer.code, answer.header("Retry-After")))
        retry = self.start_page()
        self.advance_slowly(3)
        self.check(retry, ["1.0"], "fwd=miss; collapsed", 1)

    def test_found_done(self) -> None:
        """
        A retry that comes later finds the page.
        """
        self.index.fail(PAGE, Fault(delay=15))
        self.start_page()
        self.advance_slowly(16)
        self.check(self.start_page(), ["1.0"], "hit", 1)


class MissingTests(PagesTestCase):
    def test_remembered(self) -> None:
        """
        404 and 410 are 404, and upstream is not asked again for a minute.
        """
        for status in (404, 410):
            path = f"/simple/missing-{status}/"
            self.index.fail(path, Fault(status=status), times=None)
            for _ in range(3):
                answer = self.get(path, Accept=JSON)
                self.assertEqual(404, answer.code)
                self.assertIn(f"missing-{status}", answer.phrase)
                self.assertIsNone(answer.header("Retry-After"))
            self.assertEqual(1, len(self.index.asked(path)))
            self.advance(59)
            self.get(path)
            self.assertEqual(1, len(self.index.asked(path)))
            self.advance(1.1)
            self.get(path)
            self.assertEqual(2, len(self.index.asked(path)))

    def test_comes_into_being(self) -> None:
        """
        After the minute it is there, if it is.
        """
        self.get("/simple/new/")
        self.index.add(make_wheel("new"))
        self.assertEqual(404, self.get("/simple/new/").code)
        self.advance(61)
        self.assertEqual(200, self.get("/simple/new/").code)

    def test_private_file_ends_that(self) -> None:
        """
        A private file dropped in counts at once, and upstream is still not asked.
        """
        self.assertEqual(404, self.get("/simple/ours/").code)
        self.drop(make_sdist("ours"))
        answer = self.get("/simple/ours/", Accept=JSON)
        self.assertEqual(200, answer.code)
        self.assertEqual(
            ["ours-1.0.tar.gz"], [f["filename"] for f in answer.json["files"]]
        )
        self.assertEqual("no-cache", answer.header("Cache-Control"))
        self.assertEqual("proxypypi; hit", answer.header("Cache-Status"))
        self.assertEqual(1, len(self.index.asked("/simple/ours/")))

    def test_is_answered(self) -> None:
        """
        Who asks for a private project learns what upstream said of it.
        """
        self.drop(make_sdist("ours"))
        self.assertEqual(
            "proxypypi; fwd=miss; fwd-status=404",
            self.get("/simple/ours/").header("Cache-Status"),
        )

    def test_gone_upstream(self) -> None:
        """
        A project that upstream no longer has is left with the files that are here.
        """
        wheel = make_wheel("demo", "2.0")
        self.index.add(wheel)
        self.get(f"/files/demo/{wheel.filename}")
        del self.index.projects["demo"]
        self.advance(901)
        for status in (
            "fwd=stale; detail=gone-upstream",
            "hit; ttl=-301; detail=gone-upstream",
        ):
            self.check(self.start_page(), ["1.0", "2.0"], status, 2)
        self.advance(600)
        for status in (
            "fwd=stale; detail=gone-upstream",
            "hit; ttl=-901; detail=gone-upstream",
        ):
            self.check(self.start_page(), ["2.0"], status, 3)
        self.assertEqual(404, self.get("/files/demo/demo-1.0-py3-none-any.whl").code)

    def test_back_within_the_minute(self) -> None:
        """
        Whatever upstream says of the page counts at once, whoever asked for it.
        """
        path = self.index.add(make_wheel("demo", "2.0"))
        self.start_page()
        self.advance(640)
        self.index.fail(PAGE, Fault(status=404))
        self.index.fail(path, Fault(delay=11, status=404))
        waiting = self.start("/files/demo/demo-2.0-py3-none-any.whl")
        status = "hit; ttl=-40; detail=gone-upstream"
        self.start_page()
        self.check(self.start_page(), ["1.0", "2.0"], status, 2)
        self.advance_slowly(11.2)
        self.assertEqual(502, waiting.code)
        self.check(self.start_page(), ["1.0", "2.0"], "hit", 3)

    def test_gone_upstream_and_nothing_here(self) -> None:
        """
        With nothing here it is 404, once that is certain.
        """
        self.start_page()
        del self.index.projects["demo"]
        self.advance(901)
        self.start_page()
        self.advance(601)
        for _ in range(2):
            self.assertEqual(404, self.get(PAGE).code)


class TroubleTests(PagesTestCase):
    def faults(self) -> list[tuple[Fault, int]]:
        """
        What can be wrong upstream, and the status for it.
        """
        return [
            (Fault(status=500), 502),
            (Fault(status=503), 502),
            (Fault(status=401), 502),
            (Fault(status=403), 502),
            (Fault(status=429), 502),
            (Fault(body=b"{"), 502),
            (Fault(body=b'{"meta": {"api-version": "2.0"}, "files": []}'), 502),
            (Fault(headers={"Content-Type": "image/png"}), 502),
            (Fault(redirect="ftp://index.example/"), 502),
            (Fault(truncate_at=20), 503),
            (Fault(stall_at=20), 503),
            (SILENCE, 503),
        ]

    def test_nothing_cached(self) -> None:
        """
        502 or 503, with an integer to come back after; never 404, and never 504.
        """
        for fault, status in self.faults():
            self.index.fail(PAGE, fault, times=None)
            answer = self.start(PAGE, Accept=JSON)
            self.advance_slowly(13)
            self.assertTrue(answer.is_complete, fault)
            self.assertEqual(status, answer.code, fault)
            self.assertRegex(str(answer.header("Retry-After")), "^[0-9]+$")
            self.assertEqual("no-store", answer.header("Cache-Control"))
            self.assertGreater(len(answer.phrase), 20)
            self.advance_slowly(50)
            self.index.heal()
            self.check(self.start_page(), ["1.0"], "fwd=miss; stored", self.asked)
            shutil.rmtree(self.directory / ".proxypypi")
            self.start_proxy()

    def test_log_in_page(self) -> None:
        """
        A page for people to log in says nothing of the project: it is not believed in
        the place of one that is held, and is no empty project where none is.
        """
        body = b"<!DOCTYPE html><form><input type=password></form>"
        fault = Fault(body=body, headers={"Content-Type": "text/html; charset=utf-8"})
        self.start_page()
        self.index.add(make_wheel("other"))
        self.index.fail("*", fault, times=None)
        self.advance(901)
        said = "fwd=stale; fwd-status=200"
        for _ in range(3):
            self.check(self.start_page(), ["1.0"], said, self.asked)
            self.advance(601)
        answer = self.get("/simple/other/")
        self.assertEqual((502, "2"), (answer.code, answer.header("Retry-After")))
        self.assertIn("log-in page", answer.phrase)
        self.index.heal()
        self.assertEqual(200, self.get("/simple/other/").code)

    def test_is_not_remembered(self) -> None:
        """
        A failure is forgotten with its answer.
        """
        self.index.fail(PAGE, Fault(status=403))
        self.assertEqual(502, self.get(PAGE).code)
        self.assertEqual(200, self.get(PAGE).code)

    def test_only_private_files(self) -> None:
        """
        They are served while upstream cannot be reached, with a word on it.
        """
        self.drop(make_sdist("ours", "3.0"))
        self.index.fail("/simple/ours/", Fault(status=403), times=None)
        answer = self.get("/simple/ours/", Accept=JSON)
        self.assertEqual(200, answer.code)
        self.assertEqual(
            ["ours-3.0.tar.gz"], [f["filename"] for f in answer.json["files"]]
        )
        self.assertEqual("no-cache", answer.header("Cache-Control"))
        self.assertEqual(
            "proxypypi; hit; detail=upstream-unavailable",
            answer.header("Cache-Status"),
        )

    def test_only_private_files_and_upstream_silent(self) -> None:
        """
        Nobody waits in silence for what upstream may have.
        """
        self.drop(make_sdist("ours", "3.0"))
        self.index.fail("/simple/ours/", SILENCE, times=None)
        answer = self.start("/simple/ours/", Accept=JSON)
        self.advance_slowly(12.1)
        self.assertEqual(200, answer.code)
        self.assertIn("upstream-unavailable", str(answer.header("Cache-Status")))

    def test_page_cached(self) -> None:
        """
        The old page, with what upstream answered in vain.
        """
        for fault, said in [
            (Fault(status=401), "fwd=stale; fwd-status=401"),
            (Fault(body=b"{"), "fwd=stale; fwd-status=200"),
            (Fault(redirect="ftp://index.example/"), "fwd=stale"),
            # It is asked again, but nobody waits for that.
            (Fault(status=503), "fwd=stale; fwd-status=503"),
            (Fault(truncate_at=20), "fwd=stale"),
        ]:
            self.start_page()
            self.advance(901)
            self.index.add_project("demo")
            self.index.etags = self.index.last_modified = False
            self.index.fail(PAGE, fault, times=None)
            answer = self.start_page()
            self.check(answer, ["1.0"], said, self.asked)
            self.assertEqual("public, max-age=60", answer.header("Cache-Control"))
            self.advance_slowly(10)
            self.index.heal()
            self.start_page()

    def test_tried_further(self) -> None:
        """
        Who has an old page in hand does not wait for further attempts, but has the new
        page when one of them brings it.
        """
        self.start_page()
        self.advance(901)
        self.release("2.0")
        self.index.fail(PAGE, Fault(status=500), times=2)
        said = "fwd=stale; fwd-status=500"
        self.check(self.start_page(), ["1.0"], said, 2)
        self.advance(0.1)
        self.check(self.start_page(), ["1.0"], said, 2)
        self.advance(0.2)
        self.advance(0.8)
        self.check(self.start_page(), ["1.0", "2.0"], "hit", 4)

    def test_wants_peace(self) -> None:
        """
        An upstream that says when to come again is left alone until then, for a minute
        at most, and nobody waits for it.
        """
        self.index.add(make_wheel("other"))
        self.get("/simple/other/")
        for status, said, seconds in ((429, "30", 30), (503, "900", 60)):
            self.start_page()
            self.advance(901)
            asked = len(self.index.requests) + 1
            busy = Fault(status=status, headers={"Retry-After": said})
            self.index.fail(PAGE, busy)
            stale = f"fwd=stale; fwd-status={status}"
            self.check(self.start_page(), ["1.0"], stale, self.asked)
            for _ in range(2):
                self.advance(seconds / 2 - 0.1)
                answer = self.get("/simple/other/")
                self.assertIn("hit; ttl=-", str(answer.header("Cache-Status")))
                unknown = self.get("/simple/unknown/")
                self.assertEqual(
                    (503, "2"), (unknown.code, unknown.header("Retry-After"))
                )
            self.assertEqual(asked, len(self.index.requests))
            self.advance(0.3)
            self.assertEqual(404, self.get("/simple/unknown/").code)
            self.advance(60.1)

    def test_upstream_hangs(self) -> None:
        """
        One request waits its three seconds, then nobody does until upstream has
        answered again.
        """
        self.start_page()
        self.advance(901)
        self.index.fail("*", SILENCE, times=None)
        first = self.start_page()
        self.advance_slowly(2.9)
        self.assertIsNone(first.code)
        self.advance_slowly(0.2)
        self.check(first, ["1.0"], "hit; ttl=-304", 2)
        for _ in range(3):
            self.check(self.start_page(), ["1.0"], "hit; ttl=-304", 2)

    def test_upstream_hangs_for_other_projects_too(self) -> None:
        """
        It is the same upstream for all.
        """
        for name in ("other", "third"):
            self.index.add(make_wheel(name))
            self.get(f"/simple/{name}/")
        self.start_page()
        self.advance(901)
        self.index.fail("*", SILENCE, times=None)
        self.start_page()
        self.advance_slowly(3.1)
        answer = self.get("/simple/other/")
        self.assertEqual("proxypypi; hit; ttl=-304", answer.header("Cache-Status"))
        self.index.heal()
        self.get("/simple/third/")
        self.release("2.0")
        self.advance(901)
        answer = self.start_page()
        self.assertIn("fwd=stale", str(answer.header("Cache-Status")))

    def test_upstream_hangs_long(self) -> None:
        """
        The old page goes on being given out at once through one failure after another.
        """
        self.start_page()
        self.advance(901)
        self.index.fail("*", SILENCE, times=None)
        self.start_page()
        self.advance_slowly(3.1)
        for _ in range(10):
            self.advance_slowly(13)
            self.assertEqual(["1.0"], self.versions(self.start_page()))

    def test_answers_again(self) -> None:
        """
        An answer ends that: the next old page is refreshed before it is given out.
        """
        self.start_page()
        self.advance(901)
        self.index.fail("*", Fault(delay=5), times=1)
        self.start_page()
        self.advance_slowly(5.1)
        self.advance(901)
        self.release("2.0")
        self.index.delay = 1.0
        answer = self.start_page()
        self.assertIsNone(answer.code)
        self.advance(1.0)
        self.check(answer, ["1.0", "2.0"], "fwd=stale; stored", 3)


class NotListedTests(PagesTestCase):
    def test_new_file(self) -> None:
        """
        A file that the page at hand does not list makes the page be refreshed once.
        """
        self.start_page()
        wheel = make_wheel("demo", "2.0")
        self.index.add(wheel)
        self.advance(11)
        answer = self.get(f"/files/demo/{wheel.filename}")
        self.assertEqual((200, wheel.content), (answer.code, answer.body))
        self.check(self.start_page(), ["1.0", "2.0"], "hit", 2)

    def test_at_most_every_ten_seconds(self) -> None:
        """
        Then it is 404, and upstream is not asked more than every ten seconds for it.
        """
        self.start_page()
        self.advance(11)
        for name in ("a", "b", "c"):
            answer = self.get(f"/files/demo/demo-{name}.zip")
            self.assertEqual(404, answer.code)
            self.assertEqual(2, self.asked)
        self.advance(9.9)
        self.get("/files/demo/demo-d.zip")
        self.assertEqual(2, self.asked)
        self.advance(0.2)
        self.get("/files/demo/demo-e.zip")
        self.assertEqual(3, self.asked)

    def test_just_asked(self) -> None:
        """
        A page that was fetched for this very question is good enough.
        """
        self.assertEqual(404, self.get("/files/demo/demo-9.zip").code)
        self.assertEqual(1, self.asked)

    def test_page_just_fetched(self) -> None:
        """
        A file that is published a moment after the page was fetched is found, also if
        that page had been fetched again before its time.
        """
        self.start_page()
        for seconds, version in ((3, "2.0"), (11, "3.0")):
            self.advance(seconds)
            wheel = make_wheel("demo", version)
            self.index.add(wheel)
            asked = self.asked
            self.assertEqual(200, self.get(f"/files/demo/{wheel.filename}").code)
            self.assertEqual(asked + 1, self.asked)

    def test_many_at_once(self) -> None:
        """
        Many such questions are one.
        """
        self.start_page()
        self.advance(11)
        self.index.delay = 1.0
        answers = [self.start(f"/files/demo/demo-{n}.zip") for n in range(5)]
        self.advance(1.0)
        self.assertEqual([404] * 5, [answer.code for answer in answers])
        self.assertEqual(2, self.asked)

    def test_missing_project(self) -> None:
        """
        A file of no project is 404, for a minute without a question.
        """
        for _ in range(3):
            self.assertEqual(404, self.get("/files/none/none-1.zip").code)
        self.assertEqual(1, len(self.index.asked("/simple/none/")))

    def test_upstream_down(self) -> None:
        """
        Whether there is such a file, nobody knows: that is no 404.
        """
        self.start_page()
        self.advance(11)
        self.index.fail("*", Fault(status=403), times=None)
        for _ in range(3):
            answer = self.get("/files/demo/demo-9.zip")
            self.assertEqual((502, "2"), (answer.code, answer.header("Retry-After")))
            self.assertEqual(2, self.asked)
            self.advance(3.0)
        self.index.heal()
        self.advance(1.1)
        self.assertEqual(404, self.get("/files/demo/demo-9.zip").code)
        self.assertEqual(3, self.asked)

    def test_page_not_refreshed(self) -> None:
        """
        Nor does anybody know after an old page was given out as there was no other: not
        until upstream has answered, be it another question.
        """
        self.start_page()
        for age, fault in ((901, Fault(status=403)), (640, Fault(status=503))):
            self.advance(age)
            self.index.fail("*", fault, times=None)
            self.start_page()
            self.advance_slowly(5)
            asked = self.asked
            answer = self.get("/files/demo/demo-9.zip")
            self.assertEqual((502, "2"), (answer.code, answer.header("Retry-After")))
            self.assertEqual(asked, self.asked)
            self.index.heal()
            self.start_page()
            self.assertEqual(404, self.get("/files/demo/demo-9.zip").code)


class QuarantineTests(PagesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.project = self.index.projects["demo"]
        self.status = {"status": "quarantined", "reason": "malware"}

    def quarantine(self) -> None:
        self.project.extra["project-status"] = self.status
        self.index.add_project("demo")

    def test_page(self) -> None:
        """
        The status, its reason, and no file, whatever is here.
        """
        self.quarantine()
        self.drop(make_wheel("demo", "3.0"))
        page = self.page("demo")
        self.assertEqual([], page["files"])
        self.assertEqual(self.status, page["project-status"])
        self.assertEqual([], self.page("demo", "local")["files"])

    def test_files(self) -> None:
        """
        403, cached or not, metadata and ranges alike, and by HEAD.
        """
        wheel = make_wheel("demo", "2.0")
        self.index.add(wheel)
        self.assertEqual(200, self.get(f"/files/demo/{wheel.filename}").code)
        self.quarantine()
        self.advance(901)
        self.start_page()
        for filename in (wheel.filename, "demo-1.0-py3-none-any.whl"):
            for path, headers in [
                (f"/files/demo/{filename}", {}),
                (f"/files/demo/{filename}.metadata", {}),
                (f"/files/demo/{filename}", {"Range": "bytes=0-5"}),
                (f"/files/demo/{filename}", {"If_None_Match": f'"{wheel.sha256}"'}),
                (f"/package/{filename}", {}),
            ]:
                for method in ("GET", "HEAD"):
                    answer = self.get(path, method, **headers)
                    self.assertEqual(403, answer.code, path)
            self.assertIn("quarantined", answer.phrase)
        requests = self.index.asked("/files/demo/demo-1.0-py3-none-any.whl", None)
        self.assertEqual([], requests)

    def test_learnt_by_a_file(self) -> None:
        """
        It counts as soon as upstream says it, whoever asked.
        """
        self.quarantine()
        self.assertEqual(403, self.get("/files/demo/demo-1.0-py3-none-any.whl").code)
        self.assertEqual(403, self.get("/files/demo/demo-9.zip").code)

    def test_ends(self) -> None:
        """
        When the index takes it back, all is as before.
        """
        self.quarantine()
        self.start_page()
        del self.project.extra["project-status"]
        self.index.add_project("demo")
        self.advance(901)
        self.check(self.start_page(), ["1.0"], "fwd=stale; stored", 2)
        self.assertEqual(200, self.get("/files/demo/demo-1.0-py3-none-any.whl").code)

    def test_other_statuses(self) -> None:
        """
        No other status takes files away.
        """
        for status in ("active", "archived", "deprecated", "invented"):
            self.project.extra["project-status"] = {"status": status}
            self.index.add_project("demo")
            self.advance(901)
            self.assertEqual(["1.0"], self.versions(self.start_page()), status)


class LargePageTests(ProxyTestCase):
    def test_in_a_thread(self) -> None:
        """
        A large page is read and made in threads, and comes out the same.
        """
        project = self.index.add_project("demo")
        for number in range(400):
            self.index.add(make_wheel("demo", f"1.{number}"))
        self.assertEqual(400, len(project.files))
        self.assertEqual(list(project.files), list(self.files("demo")))
        self.start_proxy()
        self.threads.hold("read_page")
        answer = self.start("/simple/demo/", Accept=JSON)
        self.assertIsNone(answer.code)
        self.threads.release()
        self.flush()
        self.assertEqual(400, len(answer.json["files"]))
        for name in ("read_page", "_render"):
            self.assertIn(name, self.threads.calls)


class RefreshTests(PagesTestCase):
    def test_by_request(self) -> None:
        """
        A client on this machine can have a page fetched now, and is told how it went.
        """
        self.start_page()
        self.release("2.0")
        wire = self.connect_from("127.0.0.1")
        wire.send("POST /-/refresh/Demo HTTP/1.1", "Content-Length: 0")
        self.flush()
        self.assertEqual(200, wire.code)
        self.assertIn(b'{"project":"demo","files":2}', wire.body)
        self.check(self.start_page(), ["1.0", "2.0"], "hit", 2)

    def test_refused(self) -> None:
        """
        Others cannot, nor by another method; and there has to be something to fetch.
        """
        for client, request, code in (
            ("10.0.0.1", "POST /-/refresh/demo", 403),
            ("127.0.0.1", "GET /-/refresh/demo", 405),
            ("127.0.0.1", "POST /-/refresh/none", 404),
            ("127.0.0.1", "POST /-/refresh/..demo", 404),
        ):
            wire = self.connect_from(client)
            wire.send(f"{request} HTTP/1.1", "Content-Length: 0")
            self.flush()
            self.assertEqual(code, wire.code, (client, request))
        self.assertEqual(0, self.asked)

    def test_nobody_is_asked(self) -> None:
        """
        Where no index is asked about a project, the client is told so.
        """
        for settings in ({"index_url": None}, {"private": ("demo",)}):
            self.start_page()
            self.start_proxy(**settings)
            wire = self.connect_from("127.0.0.1")
            wire.send("POST /-/refresh/demo HTTP/1.1", "Content-Length: 0")
            self.flush()
            self.assertEqual(404, wire.code)
            self.assertIn("o index is asked about 'demo'", wire.phrase)

    def test_fails(self) -> None:
        """
        It tells why it failed; the page at hand stays.
        """
        self.start_page()
        self.index.fail(PAGE, Fault(status=401))
        wire = self.connect_from("127.0.0.1")
        wire.send("POST /-/refresh/demo HTTP/1.1", "Content-Length: 0")
        self.flush()
        self.assertEqual(502, wire.code)
        self.check(self.start_page(), ["1.0"], "hit", 2)

    def test_by_command(self) -> None:
        """
        A running server takes notice of a wish at the next request, fresh as the page
        may be, also for a project that was missing.
        """
        self.start_page()
        self.assertEqual(404, self.get("/simple/other/").code)
        self.release("2.0")
        self.index.add(make_wheel("other"))
        for name in ("demo", "other"):
            Wishes.of(self.directory).make(normalize(name))
        status = "fwd=stale; stored"
        self.check(self.start_page(), ["1.0", "2.0"], status, 2)
        self.check(self.start_page(), ["1.0", "2.0"], "hit", 2)
        self.assertEqual(200, self.get("/simple/other/").code)

    def test_changed_by_command(self) -> None:
        """
        Of what a command has changed on disk a running server takes notice at the next
        request, also if it asks nobody.
        """
        wheel = make_wheel("demo", "1.0")
        self.get(f"/files/demo/{wheel.filename}")
        self.start_proxy(None)
        before = self.files("demo")[wheel.filename]
        cache = self.directory / ".proxypypi" / "cache"
        pages = PageStore(cache / "pages", maybeDeferred)
        raw, at = self.successResultOf(pages.load("demo")) or self.fail("no page")
        body = raw.body.replace(b'"yanked": false', b'"yanked": "broken"')
        pages.save("demo", evolve(raw, body=body), at + 1)
        self.advance(2)
        self.assertEqual(before, self.files("demo")[wheel.filename])
        Wishes.to_reread(self.directory).make(normalize("demo"))
        self.assertEqual("broken", self.files("demo")[wheel.filename]["yanked"])

    def connect_from(self, host: str) -> Wire:
        wire = self.connect()
        wire.transport.peerAddr = IPv4Address("TCP", host, 1)
        return wire
