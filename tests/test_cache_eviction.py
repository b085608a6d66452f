"""
Tests for :mod:`proxypypi.cache.eviction`: which files may go, and how they do.
"""

import os
import shutil
from collections.abc import Mapping
from functools import partial

from proxypypi.cache.eviction import Evicted
from proxypypi.names import normalize
from proxypypi.rules.eviction import Kind, surplus
from proxypypi.store.claims import ClaimStore
from proxypypi.store.pins import PinStore
from proxypypi.store.tally import Tally
from tests.eviction_case import ALL_OF_IT, LONG, StockTestCase
from tests.leaks import nothing_left_open


class StockTests(StockTestCase):
    def test_private(self) -> None:
        """
        Files that people put here do not count, and never go.
        """
        self.check_kinds(*[Kind.CACHED] * 3)
        self.assertEqual(3, len(self.evict().files))
        self.assertEqual([self.wheels["9"].filename], self.kept())

    def test_removed_upstream(self) -> None:
        """
        Nor do files that an index lists no longer.
        """
        self.index.remove(self.wheels["2"].filename)
        self.advance(901)
        self.files("demo")
        self.check_kinds(Kind.CACHED, Kind.LAST, Kind.CACHED)
        self.evict()
        self.assertEqual("2", self.here())

    def test_project_gone(self) -> None:
        """
        Nor those of a project that is gone, from the first time that an index says so.
        """
        del self.index.projects["demo"]
        for _ in range(3):
            self.advance(901)
            self.get("/simple/demo/")
            self.check_kinds(*[Kind.LAST] * 3)
        self.assertEqual((), self.evict().files)
        self.assertEqual("123", self.here())

    def test_not_known(self) -> None:
        """
        Nor what was changed, or never looked at: nobody knows whose it is.
        """
        (self.directory / "demo" / self.wheels["1"].filename).write_bytes(b"mine")
        os.utime(self.directory / "demo" / self.wheels["2"].filename)
        self.assertEqual({"3": Kind.CACHED}, self.kinds())
        shutil.rmtree(self.directory / ".proxypypi" / "cache" / "facts")
        self.assertEqual({}, self.kinds())
        self.assertEqual((), self.evict().files)
        self.assertEqual("123", self.here())

    def test_pinned(self) -> None:
        """
        Nor what is pinned, be it a file or its project.
        """
        pins = PinStore.of(self.directory)
        pins.pin([self.wheels["2"].filename], 1.0)
        self.check_kinds(Kind.CACHED, Kind.PINNED, Kind.CACHED)
        pins.pin(["d*"], 1.0)
        self.check_kinds(*[Kind.PINNED] * 3)
        pins.unpin(["d*"])
        self.assertEqual(2, len(self.evict().files))
        self.assertEqual("2", self.here())

    def test_last_uses(self) -> None:
        """
        It is known when each was used last, by whichever way it went out; else, and
        when all that was noted is lost, it counts from when it came.
        """
        came = self.clock.seconds() - 901 - 3 * LONG
        self.fetch("2", pause=11)
        self.advance(LONG)
        used = self.used()
        self.assertLess(abs(used["1"] - came), 5)
        self.assertLess(abs(used["2"] - (self.clock.seconds() - LONG)), 12)
        self.assertLess(abs(used["3"] - (came + 2 * LONG)), 5)
        shutil.rmtree(self.directory / ".proxypypi" / "cache")
        self.start_proxy()
        self.files("demo")
        for path in (self.directory / "demo").iterdir():
            used_at = self.used().get(path.name.split("-")[1], path.stat().st_mtime)
            self.assertLess(abs(used_at - path.stat().st_mtime), 5)

    def used(self) -> Mapping[str, float]:
        """
        When each of the files that count was used last, by version.
        """
        stock, _ = self.eviction().look(self.clock.seconds())
        return {s.filename.split("-")[1]: s.used_at for s in stock}

    def test_report(self) -> None:
        """
        It is told what went, what is left, and whether more may go later.
        """
        self.fetch("3", pause=11)
        done = self.evict()
        self.assertEqual(["1", "2"], [f.filename.split("-")[1] for f in done.files])
        self.assertEqual((self.size, True, ""), (done.left, done.more, done.problem))
        count = Tally.of(self.directory).read()
        assert count is not None
        self.assertEqual(
            (self.size, self.clock.seconds()), (count.size, count.counted_at)
        )
        self.advance(LONG)
        done = self.evict()
        self.assertEqual((1, 0, False), (len(done.files), done.left, done.more))

    def test_one_at_a_time(self) -> None:
        """
        While one process evicts, no other does; nor does one that dies block others.
        """
        now, other = self.clock.seconds(), self.eviction()
        asked: list[Evicted | None] = []

        def choose(*_: object) -> list[object]:
            asked.append(other.evict(ALL_OF_IT, now))
            return []

        self.eviction().evict(choose, now)  # type: ignore[arg-type]
        self.assertEqual([None], asked)
        self.assertEqual("123", self.here())
        self.assertEqual(3, len(self.evict().files))

    def test_changed_meanwhile(self) -> None:
        """
        A file that is no longer what it was when it was chosen stays.
        """
        first, second = (
            self.directory / "demo" / self.wheels[n].filename for n in "12"
        )

        def choose(stock: object, now: float) -> object:
            first.unlink()
            first.write_bytes(self.wheels["1"].content)
            second.unlink()
            return surplus(stock, now, most=0)  # type: ignore[arg-type]

        done = self.eviction().evict(choose, self.clock.seconds())  # type: ignore
        assert done is not None
        self.assertEqual(["3"], [f.filename.split("-")[1] for f in done.files])
        self.assertEqual("1", self.here())

    def test_claimed_meanwhile(self) -> None:
        """
        So does one that has become the last there is.
        """

        def choose(stock: object, now: float) -> object:
            ClaimStore.of(self.directory).claim(normalize("demo"), 1.0, "a test")
            return surplus(stock, now, most=0)  # type: ignore[arg-type]

        done = self.eviction().evict(choose, self.clock.seconds())  # type: ignore
        assert done is not None
        self.assertEqual(((), "123"), (done.files, self.here()))

    def test_link(self) -> None:
        """
        Links stay: what they lead to is somebody's own, and would be there still.
        """
        path = self.directory / "demo" / self.wheels["1"].filename
        own = self.directory / ".own.whl"
        path.rename(own)
        path.symlink_to(own)
        self.settle()
        self.files("demo")
        self.check_kinds(*[Kind.CACHED] * 3)
        done = self.evict()
        self.assertEqual(["2", "3"], [f.filename.split("-")[1] for f in done.files])
        self.assertTrue(path.is_symlink())
        self.assertEqual(self.size, done.left)

    def test_came_meanwhile(self) -> None:
        """
        What others fetch in between counts, be it seen or not.
        """

        def choose(*_: object) -> list[object]:
            Tally.of(self.directory).add(1000)
            return []

        done = self.eviction().evict(choose, self.clock.seconds())  # type: ignore
        assert done is not None
        self.assertEqual(3 * self.size + 1000, done.left)

    def test_nothing_stays_open(self) -> None:
        """
        Nor locked.
        """
        with nothing_left_open():
            self.evict()

    def test_stopped(self) -> None:
        """
        When the server ends, it stops where it is, and no wrong count is left.
        """
        eviction = self.eviction()
        eviction.evict(partial(surplus, most=None), self.clock.seconds())
        before = Tally.of(self.directory).read()
        eviction.stopped = True
        done = eviction.evict(ALL_OF_IT, self.clock.seconds())
        assert done is not None
        self.assertEqual(((), "123"), (done.files, self.here()))
        self.assertEqual(before, Tally.of(self.directory).read())
