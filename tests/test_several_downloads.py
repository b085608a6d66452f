"""
Tests for several processes that want the same file: it comes once, whoever dies.
"""

import shutil

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.cache import reader
from proxypypi.errors import JustArrived
from proxypypi.store.generations import Generations
from tests.distributions import make_wheel
from tests.fake_index import Fault
from tests.leaks import nothing_left_open
from tests.processes_case import PAGE, ProcessesTestCase
from tests.proxy_case import Disk, Transfer
from tests.scripted import Asked, ScriptedBody
from tests.test_cache_downloads import CONTENT, FILENAME, NAME, Client, Tee, TeeMachine


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
        self.settle(0.5)
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
        Then another goes on from where it was, and its clients do not notice.
        """
        _, ours = self.begin(Fault(rate=10_000, stall_at=30_000))
        self.advance_slowly(4)
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
        If the fetching one cannot keep it, all clients of all processes go on from
        where they are.
        """
        transfers = self.fill_up()
        self.assert_whole(*transfers, self.get(self.url))
        # The last byte may have come with others that found no room.
        self.assertLessEqual(set(self.ranges()), {None, "bytes=29999-", "bytes=30000-"})
        self.assertEqual(4, len([r for r in self.ranges() if r is not None]))
        self.assertEqual(([], []), (self.kept(), self.partials()))
        for process in self.processes:
            self.assertIn("cannot be kept", process.get("/-/health").body.decode())

    def fill_up(self) -> list[Transfer]:
        """
        Two clients of each process want the file; the disk takes less than a third.
        """
        disk = Disk()
        self.addCleanup(disk.restore)
        disk.room = 30_000
        self.index.fail(self.path, Fault(rate=100_000))
        clients = (self.other, self.other, self.process, self.process)
        transfers = [process.start(self.url) for process in clients]
        self.advance_slowly(3)
        return transfers

    def test_full_disk_and_wrong_bytes(self) -> None:
        """
        What they go on with is checked together with what they have.
        """
        self.index.fail(self.path, Fault(rate=100_000))
        body = make_wheel("demo", "1.0", payload=100_001).content[: len(self.content)]
        for _ in range(4):
            self.index.fail(self.path, Fault(body=body))
        for transfer in self.fill_up():
            self.assertTrue(transfer.is_cut)
            self.assertGreater(len(transfer.body), 30_000)

    def test_full_disk_and_unknown_size(self) -> None:
        """
        They go on if the index does not say how long it is.
        """
        self.index.sizes = False
        self.get("/-/refresh/demo", "POST")
        self.assert_whole(*self.fill_up())

    def test_full_disk_and_no_digest(self) -> None:
        """
        If there is no digest to check it by, those of others are cut, as nothing would
        tell that what they go on with belongs to what they have.
        """
        self.index.hashes = ()
        self.get("/-/refresh/demo", "POST")
        theirs, also_theirs, *ours = self.fill_up()
        self.assert_whole(theirs, also_theirs)
        for transfer in ours:
            self.assertTrue(transfer.is_cut)

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

    def test_written_for_long(self) -> None:
        """
        While people take their time to write a file of that name, the index's is given
        out, and theirs is let be.
        """
        path = self.directory / "demo" / self.wheel.filename
        path.parent.mkdir()
        path.write_bytes(b"partly")
        self.patch(reader, "examine", lambda *_: None)  # it was changed meanwhile
        ours = self.start(self.url)
        self.assertIsNone(ours.code)
        self.advance_slowly(3)
        self.assert_whole(ours)
        self.assertEqual(b"partly", path.read_bytes())

    def test_by_another_program(self) -> None:
        """
        A program beside the server, that shares nothing with it but the directory, is
        followed as well, and what it brought is known at once.
        """
        self.start_proxy()
        self.other = self.start_another()
        theirs, ours = self.begin(Fault(stall_at=30_000, stall=2))
        self.advance(1.5)
        self.assertEqual(404, self.get("/local/demo/").code)
        self.advance_slowly(0.6)
        self.assert_whole(theirs, ours)
        self.assertEqual(200, self.get("/local/demo/").code)
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
        with nothing_left_open():
            _, ours = self.begin(Fault(stall_at=30_000, stall=1))
            ours.hang_up()
            self.advance_slowly(1.5)
            self.assert_here()


class SeveralMachine(TeeMachine):
    """
    The same with several processes, each of which may die at any moment.
    """

    @initialize(hashed=st.booleans(), sized=st.booleans())
    def begin(self, hashed: bool, sized: bool) -> None:
        self.hashed, self.sized = hashed, sized
        self.generations = Generations.alone()
        self.tees = [self.make_tee() for _ in range(3)]
        self.tee = self.tees[0]
        self.asked_for: dict[ScriptedBody, Asked] = {}
        self.joined: list[tuple[Tee, Client]] = []

    def make_tee(self) -> Tee:
        return Tee(
            self.directory,
            hashed=self.hashed,
            sized=self.sized,
            generations=self.generations,
        )

    @property
    def asked(self) -> list[Asked]:
        asked = [asked for tee in self.tees for asked in tee.index.asked]
        return [a for a in asked if not a.answer.called]

    def begin_body(self, asked: Asked, knows_ranges: bool, says_total: bool) -> None:
        super().begin_body(asked, knows_ranges, says_total)
        self.asked_for[self.bodies[-1].body] = asked

    @rule()
    def join(self) -> None:
        self.join_one(0)

    @rule(number=st.integers(0, 2))
    def join_one(self, number: int) -> None:
        tee = self.tees[number]
        try:
            client = Client(tee.join(even_so=False))
        except JustArrived:
            assert tee.published
        else:
            self.clients.append(client)
            self.joined.append((tee, client))

    @rule(number=st.integers(0, 2))
    def die(self, number: int) -> None:
        tee, self.tees[number] = self.tees[number], self.make_tee()
        self.tees[number].clock.advance(tee.clock.seconds() - 1e9)
        self.tee = self.tees[0]
        for joined, client in self.joined:
            if joined is tee and not client.gone:
                client.leave()
        for body, asked in self.asked_for.items():
            if asked in tee.index.asked:
                body.abandon()
        for download in tee.downloads._running.values():
            download._partial.close()

    @rule(seconds=st.sampled_from([0.02, 0.1, 0.2, 1.0, 4.0, 12.0]))
    def wait(self, seconds: float) -> None:
        for tee in self.tees:
            tee.clock.advance(seconds)

    @invariant()
    def one_fetches(self) -> None:
        fetching = [
            download
            for tee in self.tees
            for download in tee.downloads._running.values()
            if download._partial.is_ours
        ]
        assert len(fetching) <= 1

    def finish(self) -> None:
        for _ in range(30):
            for asked in self.asked:
                self.begin_body(asked, knows_ranges=True, says_total=True)
            for sending in self.sending:
                sending.send(len(CONTENT))
            for sending in self.sending:
                self.end_body(sending)
            self.wait(4.0)
        for tee in self.tees:
            assert tee.downloads.find(NAME, FILENAME) is None
        super().finish()


class InterleavingTests(SynchronousTestCase):
    def test_any_order(self) -> None:
        """
        Whoever completes, in whichever process, has the right bytes; one process at a
        time fetches; nothing partial is ever in the directory, and nothing stays open.
        """
        run_state_machine_as_test(
            SeveralMachine,
            settings=settings(
                max_examples=150, stateful_step_count=30, deadline=None, database=None
            ),
        )
