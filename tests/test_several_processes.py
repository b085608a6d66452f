"""
Tests for several processes that serve one directory: they know the same, and ask once.
"""

from twisted.internet.defer import Deferred

from proxypypi.rules.merge import REMOVED
from tests.distributions import make_wheel
from tests.fake_index import JSON, Fault
from tests.processes_case import DEMO, PAGE, ProcessesTestCase
from tests.proxy_case import Process


class TruthTests(ProcessesTestCase):
    def test_page(self) -> None:
        """
        A page that one has fetched is good for all.
        """
        for process in self.processes:
            self.assertEqual(["1.0"], self.versions(process))
        self.assertEqual(1, self.asked)

    def test_refresh(self) -> None:
        """
        What one refreshes, by itself or because it was told to, counts at once.
        """
        for version, process, seconds in (
            ("2.0", self.process, 0),
            ("3.0", self.other, 0),
            ("4.0", self.other, 1000),
        ):
            before = [self.versions(each) for each in self.processes]
            self.assertEqual(before[0], before[1])
            self.index.add(make_wheel("demo", version))
            if seconds:
                self.advance(seconds)
                process.get(PAGE)
            else:
                process.get("/-/refresh/demo", "POST")
            asked = self.asked
            for each in self.processes:
                self.assertEqual([*before[0], version], self.versions(each))
            self.assertEqual(asked, self.asked)

    def test_still_holds(self) -> None:
        """
        That upstream's page is the old one still is known to all, too.
        """
        self.start_pages()
        self.advance(1000)
        for _ in range(3):
            self.start_pages()
        self.assertEqual(2, self.asked)

    def test_numbers(self) -> None:
        """
        Whatever changes what is answered changes the project's number: a page, a file,
        a claim, a refresh.
        """
        self.index.add(make_wheel("other", "1.0"))
        seen = [self.generations.of(DEMO)]

        def check(what: str) -> None:
            self.assertNotIn(self.generations.of(DEMO), seen, what)
            seen.append(self.generations.of(DEMO))

        self.get(PAGE)
        check("page")
        self.get(self.url)
        check("file")
        self.get("/-/refresh/demo", "POST")
        check("refresh")
        self.advance(1000)
        self.get(PAGE)
        check("page that holds still")
        self.index.remove(self.wheel.filename)
        self.get("/-/refresh/demo", "POST")
        check("files that went")
        self.drop(make_wheel("demo", "9.0"))
        self.get(PAGE)
        check("private file")
        Deferred.fromCoroutine(self.proxy.core.names.claim(DEMO))
        check("claim")
        self.assertEqual(self.generations, self.proxy.core.generations)
        self.get("/simple/other/")
        self.assertEqual(seen[-1], self.generations.of(DEMO))

    def test_one_process(self) -> None:
        """
        A server of one process has such numbers, too, and no turns to take.
        """
        self.start_proxy()
        before = self.proxy.core.generations.of(DEMO)
        self.get(PAGE)
        self.assertNotEqual(before, self.proxy.core.generations.of(DEMO))
        self.assertFalse((self.directory / ".proxypypi" / "cache" / "turns").exists())

    def test_private_file(self) -> None:
        """
        A private file that one has noticed is there for the other at once; so is one
        that was replaced.
        """
        self.start_pages()
        path = self.drop(make_wheel("demo", "9.0"))
        for process in self.processes:
            self.assertEqual(["1.0", "9.0"], self.versions(process))
        path.unlink()
        path = self.drop(make_wheel("demo", "9.0", payload=10))
        sizes = [
            process.get(f"/files/demo/{path.name}").header("Content-Length")
            for process in self.processes
        ]
        self.assertEqual([str(path.stat().st_size)] * 2, sizes)

    def test_our_own_change(self) -> None:
        """
        What one puts into the directory itself, the other has within no time.
        """
        self.start_pages()
        for process in self.processes:
            self.assertEqual(404, process.get("/local/demo/").code)
        self.get(self.url)
        self.assertEqual(["1.0"], self.versions(self.other, "local"))

    def test_claim(self) -> None:
        """
        A name that one has claimed is claimed, whatever the other knew of it.
        """
        self.drop(make_wheel("ours", "1.0"))
        for process in self.processes:
            answer = process.get("/simple/ours/", Accept=JSON)
            self.assertEqual(1, len(answer.json["files"]))
        self.assertEqual(1, len(self.index.asked("/simple/ours/")))

    def test_found_by_another(self) -> None:
        """
        A project that was missing a moment ago is there as soon as another finds it.
        """
        for process in self.processes:
            self.assertEqual(404, process.get("/simple/late/").code)
        self.index.add(make_wheel("late", "1.0"))
        self.assertEqual(404, self.get("/simple/late/").code)
        self.other.get("/-/refresh/late", "POST")
        self.assertEqual(200, self.get("/simple/late/").code)

    def test_distrusted(self) -> None:
        """
        A page that proved wrong in one process is used by none.
        """
        self.start_pages()
        self.index.fail(self.path, Fault(wrong_bytes=True))
        self.assertTrue(self.start(self.url).is_cut)
        self.assertEqual(200, self.other.get(self.url).code)
        self.assertEqual(2, self.asked)

    def test_disk_that_takes_nothing(self) -> None:
        """
        Pages that cannot be kept are in the memory of those who fetched them, whatever
        others do.
        """
        (self.directory / ".proxypypi").write_bytes(b"")
        for _ in range(3):
            self.start_pages()
        self.assertEqual(2, self.asked)


class FactsTests(ProcessesTestCase):
    """
    What one learns of a project's files is not lost by what others learn of it.
    """

    def setUp(self) -> None:
        super().setUp()
        self.second = make_wheel("demo", "2.0")
        self.index.add(self.second)
        self.index.add(make_wheel("demo", "3.0"))
        self.second_url = f"/files/demo/{self.second.filename}"

    def assert_cached(self) -> None:
        """
        That both files are the index's is known when it lists them no longer.
        """
        for built in (self.wheel, self.second):
            self.index.remove(built.filename)
        self.advance(1000)
        self.start_both()
        files = self.files("demo")
        for built in (self.wheel, self.second):
            self.assertEqual(REMOVED, files[built.filename]["yanked"])

    def test_at_once(self) -> None:
        """
        Two that have fetched a file each, at the same time.
        """
        self.threads.hold("_change_facts")
        transfers = [self.start(self.url), self.other.start(self.second_url)]
        self.threads.release()
        self.flush()
        self.assertEqual([True, True], [t.is_complete for t in transfers])
        self.assert_cached()

    def test_at_once_in_one(self) -> None:
        """
        Nor if it is one process that has fetched both, and in whatever order it hears
        that they are kept.
        """
        self.threads.hold("_change_facts")
        self.start(self.url)
        self.start(self.second_url)
        while self.threads._held:
            held, self.threads._held = self.threads._held, []
            kept = [(waiting, call()) for waiting, call in held]
            for waiting, facts in reversed(kept):
                waiting.callback(facts)
        self.threads.release()
        for url in (self.url, self.second_url):
            self.assertEqual(200, self.get(url).code)
        self.assertNotIn("examine", self.threads.calls)  # as what is not known would be
        self.assert_cached()

    def test_by_another_program(self) -> None:
        """
        A program beside the server, of whose changes nobody is told.
        """
        self.get(self.url)
        self.make_beside().get(self.second_url)
        self.index.add(make_wheel("demo", "4.0"))
        self.get("/-/refresh/demo", "POST")
        self.get("/files/demo/demo-4.0-py3-none-any.whl")
        self.assert_cached()

    def test_read_by_all(self) -> None:
        """
        A file that one has fetched, and the index has no longer, is not private to
        those who have not heard of it, and find it.
        """
        self.get(PAGE)
        self.threads.hold("_change_facts")
        self.make_beside().start(self.second_url)
        self.index.remove(self.second.filename)
        self.get("/-/refresh/demo", "POST")
        self.threads.release()
        self.settle()
        file = self.files("demo")[self.second.filename]
        self.assertIn("examine", self.threads.calls)
        self.assertEqual(REMOVED, file["yanked"])

    def test_just_put_there(self) -> None:
        """
        Who has looked at the directory before a file was there does not think it gone.
        """
        self.get(self.url)
        self.drop(make_wheel("demo", "9.0"))
        beside = self.start_another()
        self.threads.hold("read_facts")
        looking = beside.start("/local/demo/")
        self.get(self.second_url)
        self.threads.release()
        self.flush()
        self.assertEqual(200, looking.code)
        self.assertIn("examine", self.threads.calls)
        self.assert_cached()

    def test_full_disk(self) -> None:
        """
        What could not be kept is kept with what is learned next.
        """
        facts = self.directory / ".proxypypi" / "cache" / "facts"
        facts.parent.mkdir(parents=True, exist_ok=True)
        facts.write_bytes(b"")
        self.get(self.url)
        self.assertIn("cannot be kept", self.get("/-/health").body.decode())
        facts.unlink()
        self.get(self.second_url)
        self.assert_cached()

    def make_beside(self) -> Process:
        beside = self.start_another()
        beside.get(PAGE)
        return beside


class TurnsTests(ProcessesTestCase):
    def test_page(self) -> None:
        """
        If all want a page, one fetches it, and the others know that they joined in.
        """
        for status in ("fwd=miss; stored", "fwd=stale; fwd-status=304"):
            asked = self.asked
            self.index.fail(PAGE, Fault(delay=1))
            answers = self.start_pages() + self.start_pages()
            self.advance_slowly(1.5)
            self.assertEqual(asked + 1, self.asked)
            for answer in answers:
                self.assertEqual(200, answer.code)
            self.assertEqual(f"proxypypi; {status}", answers[0].header("Cache-Status"))
            self.assertEqual(
                "proxypypi; fwd=miss; collapsed", answers[1].header("Cache-Status")
            )
            self.advance(1000)

    def test_first_fails(self) -> None:
        """
        If the first gets nothing, the next asks itself.
        """
        self.index.fail(PAGE, Fault(delay=1, status=404))
        answers = self.start_pages()
        self.advance_slowly(1.5)
        self.assertEqual([404, 200], [answer.code for answer in answers])
        self.assertEqual(2, self.asked)

    def test_first_dies(self) -> None:
        """
        If the first comes to no end, so does its turn.
        """
        self.index.fail(PAGE, Fault(stall_at=10))
        self.other.start(PAGE)
        answer = self.start(PAGE)
        self.advance_slowly(1)
        self.assertIsNone(answer.code)
        self.kill(self.other)
        self.advance(0.1)
        self.assertEqual(200, answer.code)

    def test_silence(self) -> None:
        """
        While one waits for an index that is silent, clients of another are not kept
        waiting again and again; once it has answered the one, it has answered all.
        """
        self.start_pages()
        self.advance(1000)
        self.index.fail(PAGE, Fault(delay=20))
        first = self.start_pages()
        self.advance_slowly(3.5)
        self.assertEqual([200, 200], [answer.code for answer in first])
        for answer in self.start_pages():
            self.assertEqual(200, answer.code)
        self.advance_slowly(17)
        self.assertEqual(2, self.asked)
        self.advance(1000)
        self.index.add(make_wheel("demo", "2.0"))
        for process in reversed(self.processes):
            self.assertEqual(["1.0", "2.0"], self.versions(process))

    def test_just_fetched(self) -> None:
        """
        Nor is a page asked for that another has fetched while we looked whether we have
        it.
        """
        self.threads.hold("_load")
        ours = self.start(PAGE)
        held, self.threads._held = self.threads._held, []
        self.threads.release()
        self.other.get(PAGE)
        self.threads._held = held
        for waiting, _ in held:
            waiting.callback(None)
        self.threads._held = []
        self.flush()
        self.assertEqual((200, 1), (ours.code, self.asked))

    def test_list(self) -> None:
        """
        The project list is fetched by one of them, too.
        """
        self.index.fail("/simple/", Fault(delay=1))
        answers = [process.start("/simple/") for process in self.processes]
        self.advance_slowly(1.5)
        self.assertEqual([200, 200], [answer.code for answer in answers])
        self.assertEqual(
            ["fwd=miss; stored", "fwd=miss; collapsed"],
            [(a.header("Cache-Status") or "").partition("; ")[2] for a in answers],
        )
        self.assertEqual(1, len(self.index.asked("/simple/")))
