"""
Tests for several processes that serve one directory: they know the same, and ask once.
"""

import os
import shutil
from typing import Any

from proxypypi.names import normalize
from proxypypi.store.generations import Generations
from tests.distributions import make_wheel
from tests.fake_index import JSON, Fault
from tests.proxy_case import Disk, Process, ProxyTestCase, Transfer

DEMO = normalize("demo")
PAGE = "/simple/demo/"


class ProcessesTestCase(ProxyTestCase):
    """
    Two of them: ``self.process`` and ``self.other``.
    """

    def setUp(self) -> None:
        super().setUp()
        self.generations = Generations.alone()
        self.start_both()
        self.wheel = make_wheel("demo", "1.0", payload=100_000)
        self.path = self.index.add(self.wheel)
        self.url = f"/files/demo/{self.wheel.filename}"

    def start_both(self, **settings: Any) -> None:
        self.start_proxy(generations=self.generations, **settings)
        self.other = self.start_another(generations=self.generations, **settings)

    @property
    def asked(self) -> int:
        """
        How often the index was asked for the page.
        """
        return len(self.index.asked(PAGE))

    def versions(self, process: Process, route: str = "simple") -> list[str]:
        answer = process.get(f"/{route}/demo/", Accept=JSON)
        return [file["filename"].split("-")[1] for file in answer.json["files"]]

    def start_pages(self) -> list[Transfer]:
        return [process.start(PAGE, Accept=JSON) for process in self.processes]


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
        self.assertEqual(self.generations, self.proxy.generations)
        self.get("/simple/other/")
        self.assertEqual(seen[-1], self.generations.of(DEMO))

    def test_one_process(self) -> None:
        """
        A server of one process has such numbers, too, and no turns to take.
        """
        self.start_proxy()
        before = self.proxy.generations.of(DEMO)
        self.get(PAGE)
        self.assertNotEqual(before, self.proxy.generations.of(DEMO))
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


class FilesTests(ProcessesTestCase):
    """
    ``self.other`` is the one that fetches.
    """

    def setUp(self) -> None:
        super().setUp()
        for process in self.processes:
            process.get(PAGE)
        self.content = self.wheel.content

    def begin(self, fault: Fault) -> tuple[Transfer, Transfer]:
        """
        A client of each wants the file.
        """
        self.index.fail(self.path, fault)
        theirs = self.other.start(self.url)
        ours = self.start(self.url)
        self.advance(0.1)
        return theirs, ours

    def ranges(self) -> list[str | None]:
        return [seen.header("Range") for seen in self.index.asked(self.path)]

    def assert_whole(self, *transfers: Transfer) -> None:
        for transfer in transfers:
            self.assertTrue(transfer.is_complete)
            self.assertEqual(200, transfer.code)
            self.assertEqual(self.content, transfer.body)

    def assert_here(self) -> None:
        name = f"demo/{self.wheel.filename}"
        self.assertEqual(([name], []), (self.kept(), self.partials()))
        self.assertEqual(self.content, (self.directory / name).read_bytes())

    def test_one_fetch(self) -> None:
        """
        However many clients of however many processes want a file, it comes once, and
        all get its bytes as they come.
        """
        self.index.fail(self.path, Fault(stall_at=30_000, stall=1))
        transfers = [p.start(self.url) for _ in range(10) for p in self.processes]
        self.advance(0.1)
        for transfer in transfers:
            self.assertEqual(30_000, len(transfer.body))
        self.advance(1)
        self.advance(0.1)
        self.assert_whole(*transfers)
        self.assertEqual([None], self.ranges())
        self.assert_here()
        for process in self.processes:
            again = process.get(self.url)
            self.assert_whole(again)
            self.assertEqual("proxypypi; hit", again.header("Cache-Status"))

    def test_one_fetch_of_all(self) -> None:
        """
        Nor if nobody has the page yet, and those who wait for it find that meanwhile
        the file has come, too.
        """
        self.start_both()
        shutil.rmtree(self.directory / ".proxypypi" / "cache" / "pages")
        self.index.requests.clear()
        self.index.fail(PAGE, Fault(delay=0.1))
        transfers = [p.start(self.url) for _ in range(10) for p in self.processes]
        self.advance_slowly(1)
        self.assert_whole(*transfers)
        self.assertEqual([PAGE, self.path], [seen.path for seen in self.index.requests])

    def test_last_bytes_wait(self) -> None:
        """
        Nobody has the last bytes before all are checked, published and known.
        """
        self.threads.hold("_publish")
        theirs, ours = self.begin(Fault())
        for transfer in (theirs, ours):
            self.assertEqual(len(self.content) - 1024, len(transfer.body))
        self.threads.release()
        self.advance(0.1)
        self.assert_whole(theirs, ours)

    def test_late(self) -> None:
        """
        Who comes when the file is published, and not known yet, waits for that, and
        makes no request.
        """
        self.advance(0.5)
        self.threads.hold("look_inside")
        theirs = self.other.start(self.url)
        self.assertEqual(1, len(self.kept()))
        ours = self.start(self.url)
        self.advance(0.1)
        self.assertIsNone(ours.code)
        self.threads.release()
        self.advance(0.1)
        self.assert_whole(theirs, ours)
        self.assertEqual([None], self.ranges())
        self.assert_here()

    def test_the_fetching_one_dies(self) -> None:
        """
        Then another goes on from where it was, and its clients do not notice; whatever
        had been read of a piece that was written in part counts.
        """
        _, ours = self.begin(Fault(stall_at=30_000))
        late = self.start(self.url)
        self.kill(self.other)
        for _ in range(5):
            self.advance(0.1)
        self.assert_whole(ours, late)
        self.assertEqual([None, "bytes=30000-"], self.ranges())
        self.assert_here()

    def test_followed_by_two(self) -> None:
        """
        Of several that follow, one takes over, and is followed by the rest.
        """
        third = self.start_another(generations=self.generations)
        _, ours = self.begin(Fault(stall_at=30_000))
        theirs = third.start(self.url)
        self.index.fail(self.path, Fault(stall_at=10_000, stall=1))
        self.kill(self.other)
        self.advance_slowly(0.5)
        self.assertEqual([40_000] * 2, [len(t.body) for t in (ours, theirs)])
        self.advance_slowly(1)
        self.assert_whole(ours, theirs)
        self.assertEqual([None, "bytes=30000-"], self.ranges())

    def test_dead_before_the_first_byte(self) -> None:
        """
        What another left empty is begun.
        """
        _, ours = self.begin(Fault(delay=1000))
        self.kill(self.other)
        self.advance(0.1)
        self.assert_whole(ours)
        self.assertEqual([None, None], self.ranges())

    def test_other_bytes_of_the_rest(self) -> None:
        """
        If what one brought and what another adds is not the file, no client has all.
        """
        _, ours = self.begin(Fault(stall_at=30_000))
        other = make_wheel("demo", "1.0", payload=100_001).content
        self.index.fail(self.path, Fault(body=other[: len(self.content)]))
        self.kill(self.other)
        self.advance(0.1)
        self.assertTrue(ours.is_cut)
        self.assertEqual(([], []), (self.kept(), self.partials()))
        self.assert_whole(self.get(self.url))

    def test_upstream_breaks(self) -> None:
        """
        If upstream is too much for one process, another tries.
        """
        for _ in range(4):
            self.index.fail(self.path, Fault(truncate_at=0))
        self.index.fail(self.path, Fault(truncate_at=30_000))
        theirs = self.other.start(self.url)
        ours = self.start(self.url)
        self.advance_slowly(15)
        self.assert_whole(ours)
        del theirs

    def test_wrong_bytes(self) -> None:
        """
        They complete no client of any process, and nothing is kept of them.
        """
        theirs, ours = self.begin(Fault(wrong_bytes=True, stall_at=30_000, stall=1))
        self.advance_slowly(1.5)
        for transfer in (theirs, ours):
            self.assertTrue(transfer.is_cut)
            self.assertLessEqual(len(transfer.body), len(self.content) - 1024)
        self.assertEqual(([], []), (self.kept(), self.partials()))
        self.assert_whole(*[process.get(self.url) for process in self.processes])
        self.assertEqual([None, None], self.ranges())

    def test_wrong_before_the_first_byte(self) -> None:
        """
        Who has got nothing yet begins anew.
        """
        self.index.fail(self.path, Fault(delay=1, body=b"short"))
        theirs, ours = self.other.start(self.url), self.start(self.url)
        self.advance_slowly(1.5)
        self.assertNotEqual(200, theirs.code)
        self.assert_whole(ours)
        self.assert_here()

    def test_begun_anew(self) -> None:
        """
        When one throws away what an earlier attempt left, nobody who reads that in
        another gets a byte of both.
        """
        tag = self.wheel.sha256[:16]
        partials = self.directory / ".proxypypi" / "cache" / "partial" / "demo"
        partials.mkdir(parents=True)
        left = partials / f"{self.wheel.filename}.{tag}"
        left.write_bytes(b"x" * 50_000)
        self.index.fail(self.path, Fault(status=416, delay=1))
        self.threads.hold("_hash_piece")
        theirs, ours = self.other.start(self.url), self.start(self.url)
        self.advance(0.1)
        self.assertEqual(b"x" * 1000, ours.body[:1000])
        self.threads.release()
        self.advance_slowly(2)
        self.assertTrue(ours.is_cut)
        self.assertLessEqual(set(ours.body), {ord("x")})
        again = self.start(self.url)
        self.assert_whole(again)
        del theirs

    def test_full_disk(self) -> None:
        """
        If the fetching one cannot keep it, its own clients go on; of the others', those
        who have got nothing have it on their own, and those who have are cut.
        """
        disk = Disk()
        self.addCleanup(disk.restore)
        disk.room = 30_000
        theirs, ours = self.begin(Fault(rate=100_000))
        self.advance_slowly(2)
        self.assert_whole(theirs)
        self.assertTrue(ours.is_cut)
        self.assert_whole(self.get(self.url))
        self.assertEqual(([], []), (self.kept(), self.partials()))

    def test_put_there_meanwhile(self) -> None:
        """
        If people put a file there meanwhile, that stays, and is given out from then on.
        """
        theirs, ours = self.begin(Fault(stall_at=30_000, stall=1))
        mine = make_wheel("demo", "1.0", payload=10)
        self.drop(mine, "demo", settled=False)
        self.advance_slowly(2)
        self.assert_whole(theirs)
        self.assertTrue(ours.is_cut)
        for process in self.processes:
            self.assertEqual(mine.content, process.get(self.url).body)

    def test_by_another_program(self) -> None:
        """
        A program beside the server, that shares nothing with it but the directory, is
        followed as well, and what it brought is known.
        """
        self.start_proxy()
        self.other = self.start_another()
        theirs, ours = self.begin(Fault(stall_at=30_000, stall=1))
        self.advance_slowly(1.5)
        self.assert_whole(theirs, ours)
        self.assert_whole(self.get(self.url))
        self.assertEqual([None], self.ranges())

    def test_no_digest(self) -> None:
        """
        What nothing tells to be right is followed; if it breaks off, it cannot be gone
        on with.
        """
        self.index.hashes = ()
        self.get("/-/refresh/demo", "POST")
        theirs, ours = self.begin(Fault(stall_at=30_000, stall=1))
        self.advance_slowly(1.5)
        self.assert_whole(theirs, ours)
        (self.directory / "demo" / self.wheel.filename).unlink()
        self.settle()
        theirs, ours = self.begin(Fault(stall_at=30_000))
        self.kill(self.other)
        self.advance(0.1)
        self.assertTrue(ours.is_cut)
        self.assertEqual(([], []), (self.kept(), self.partials()))

    def test_clients_that_leave(self) -> None:
        """
        One who follows may go at any time; nothing stays open.
        """
        before = len(os.listdir("/proc/self/fd"))
        _, ours = self.begin(Fault(stall_at=30_000, stall=1))
        ours.hang_up()
        self.advance_slowly(1.5)
        self.assert_here()
        self.assertEqual(before, len(os.listdir("/proc/self/fd")))
