"""
Tests for :mod:`proxypypi.cache.prefetch`.
"""

from collections.abc import Sequence

from twisted.internet.defer import Deferred

from proxypypi.cache.prefetch import Fetched
from proxypypi.moments import render_second
from proxypypi.names import normalize
from proxypypi.rules.merge import iso
from proxypypi.rules.requirements import parse_requirements
from proxypypi.rules.wanted import Wanted, WantedFiles
from tests.distributions import BuiltDistribution, make_sdist, make_wheel
from tests.proxy_case import Disk, ProxyTestCase


class PrefetchTestCase(ProxyTestCase):
    def begin(self, *wanted: Wanted) -> "Deferred[Sequence[Fetched]]":
        self.told: list[tuple[int, int]] = []
        fetching = Deferred.fromCoroutine(
            self.proxy.core.prefetch.fetch(
                wanted, lambda *counts: self.told.append(counts)
            )
        )
        self.flush()
        return fetching

    def begin_lines(self, *lines: str) -> "Deferred[Sequence[Fetched]]":
        return self.begin(*parse_requirements("\n".join(lines)).wanted)

    def fetch(self, *lines: str) -> Sequence[Fetched]:
        return self.successResultOf(self.begin_lines(*lines))

    def add(self, *built: BuiltDistribution) -> tuple[str, ...]:
        """
        :returns: the paths at which the index has them.
        """
        return tuple(self.index.add(one) for one in built)

    def asked(self, path: str) -> int:
        return len(self.index.asked(path))


class ReleaseTests(PrefetchTestCase):
    def test_every_file(self) -> None:
        """
        All files of the releases come, each once, and none of others.
        """
        self.add(make_wheel("demo", "1.0"), make_sdist("demo", "1.0"))
        new = self.add(make_wheel("demo", "2.0"), make_sdist("demo", "2.0"))
        self.add(make_wheel("other", "3.0"))
        fetched = self.fetch("demo>=1.0", "Other==3.0")
        files = ("demo-2.0-py3-none-any.whl", "demo-2.0.tar.gz")
        self.assertEqual(
            [
                Fetched(said="demo>=1.0", files=files),
                Fetched(said="Other==3.0", files=("other-3.0-py3-none-any.whl",)),
            ],
            fetched,
        )
        self.assertEqual(
            [*(f"demo/{f}" for f in files), "other/other-3.0-py3-none-any.whl"],
            self.kept(),
        )
        self.assertEqual((3, 3), self.told[-1])
        self.fetch("demo", "demo==2.0")
        self.assertEqual([1, 1], [self.asked(path) for path in new])

    def test_offline(self) -> None:
        """
        What was fetched is served with its metadata when nobody can be asked.
        """
        wheel = make_wheel("demo", requires=["lib"])
        self.add(wheel)
        self.fetch("demo")
        self.start_proxy(None)
        path = f"/files/demo/{wheel.filename}"
        self.assertEqual([wheel.filename], list(self.files("demo")))
        self.assertEqual(wheel.content, self.get(path).body)
        self.assertEqual(wheel.metadata, self.get(f"{path}.metadata").body)

    def test_nothing_fits(self) -> None:
        """
        What there is none of is reported, and all else comes.
        """
        self.add(make_wheel("demo", "1.0"), make_wheel("other"))
        none, missing, other = self.fetch("demo>1.0", "missing", "other")
        self.assertIn("no such release of demo", none.problem)
        self.assertIn("no project 'missing'", missing.problem)
        self.assertEqual("", other.problem)
        self.assertEqual(["other/other-1.0-py3-none-any.whl"], self.kept())

    def test_refused(self) -> None:
        """
        Denied projects are not asked for, quarantined ones not fetched.
        """
        self.start_proxy(deny=("evil*",))
        self.add(make_wheel("evil"), make_wheel("sick"))
        self.index.projects["sick"].extra["project-status"] = {"status": "quarantined"}
        locked = WantedFiles(
            said="evil",
            project=normalize("evil"),
            files={"evil-1.0-py3-none-any.whl": {}},
        )
        evil, sick = self.fetch("evil", "sick")
        (again,) = self.successResultOf(self.begin(locked))
        self.assertIn("denied", evil.problem)
        self.assertIn("denied", again.problem)
        self.assertIn("quarantined", sick.problem)
        self.assertEqual([], [s.uri for s in self.index.requests if "evil" in s.uri])
        self.assertEqual([], self.kept())

    def test_private(self) -> None:
        """
        Nobody is asked about private projects: what is here counts.
        """
        self.start_proxy(private=("acme-*",))
        mine = make_wheel("acme-x", "1.0")
        self.add(make_wheel("acme-x", "9.0"))
        self.drop(mine)
        here, newer, none = self.fetch("acme-x", "acme-x>1", "acme-y")
        self.assertEqual(Fetched(said="acme-x", files=(mine.filename,)), here)
        self.assertIn("no such release", newer.problem)
        self.assertIn("no project", none.problem)
        self.assertEqual([], self.index.requests)

    def test_claimed(self) -> None:
        """
        A project that no upstream has, and that has private files, is claimed.
        """
        mine = make_wheel("mine", "1.0")
        self.drop(mine)
        self.assertEqual((mine.filename,), self.fetch("mine")[0].files)
        self.assertTrue(self.proxy.core.claims.is_claimed(normalize("mine")))

    def test_upstream_down(self) -> None:
        """
        While upstream is down, what was looked for before is known, nothing else.
        """
        self.add(make_wheel("demo"), make_wheel("other"))
        self.fetch("demo")
        self.index.down = True
        fetching = self.begin_lines("demo", "other")
        self.advance_slowly(60.0)
        demo, other = self.successResultOf(fetching)
        self.assertEqual("", demo.problem)
        self.assertIn("503", other.problem)


class TooYoungTests(PrefetchTestCase):
    """
    The newest release of demo is a day old.
    """

    def setUp(self) -> None:
        super().setUp()
        self.add(make_wheel("demo", "1.0"))
        self.young = make_wheel("demo", "2.0")
        now = self.clock.seconds()
        self.index.add(self.young, upload_time=iso(now - 86_400.0))
        self.until = render_second(now + 6 * 86_400.0)
        self.start_proxy(min_age=7 * 86_400.0)

    def reason(self) -> str:
        filename = self.young.filename
        return (
            f"too young, held back until {self.until}; to free it: "
            f"proxypypi release {filename}"
        )

    def test_requirements(self) -> None:
        """
        The newest that fits is the newest that is listed; where only what is held back
        fits, that is said, and what fits in no case is said as ever.
        """
        newest = "there is no such release of demo: the newest is 1.0"
        self.assertEqual(
            [
                Fetched(said="demo", files=("demo-1.0-py3-none-any.whl",)),
                Fetched(said="demo==2.0", problem=self.reason()),
                Fetched(said="demo>1", problem=self.reason()),
                Fetched(said="demo==9", problem=newest),
            ],
            self.fetch("demo", "demo==2.0", "demo>1", "demo==9"),
        )
        self.assertEqual(["demo/demo-1.0-py3-none-any.whl"], self.kept())

    def test_lock_file(self) -> None:
        """
        A file that a lock file means is not fetched either, though it is known by its
        digest.
        """
        wanted = WantedFiles(
            said="demo==2.0",
            project=normalize("demo"),
            files={self.young.filename: {"sha256": self.young.sha256}},
        )
        for _ in range(2):
            (fetched,) = self.successResultOf(self.begin(wanted))
            self.assertEqual(self.reason(), fetched.problem)
            self.start_proxy(min_age=0.0)
            self.fetch("demo")
            self.start_proxy(min_age=7 * 86_400.0)


class UnderWayTests(PrefetchTestCase):
    def test_joins(self) -> None:
        """
        A file that a client waits for is not fetched again, and the other way round.
        """
        wheel = make_wheel("demo", payload=200_000)
        path, *_ = self.add(wheel)
        self.index.rate = 100_000.0
        before = self.start(f"/files/demo/{wheel.filename}")
        fetching = self.begin_lines("demo")
        self.advance_slowly(1.0)
        self.assertNoResult(fetching)
        after = self.start(f"/files/demo/{wheel.filename}")
        self.advance_slowly(3.0)
        self.assertEqual((wheel.filename,), self.successResultOf(fetching)[0].files)
        self.assertEqual([wheel.content] * 2, [before.body, after.body])
        self.assertEqual(1, self.asked(path))

    def test_a_few_at_a_time(self) -> None:
        """
        However much is wanted, four files are under way at once, in all.
        """
        built = [
            make(f"demo{i}", payload=20_000)
            for i in range(5)
            for make in (make_wheel, make_sdist)
        ]
        paths = self.add(*built)
        self.index.rate = 10_000.0
        names = [f"demo{i}" for i in range(5)]
        first, second = self.begin_lines(*names), self.begin_lines(*names[::-1])
        for _ in range(200):
            self.advance(0.1)
            self.assertLessEqual(len(self.partials()), 4)
        for fetching in (first, second):
            problems = [f.problem for f in self.successResultOf(fetching)]
            self.assertEqual([""] * 5, problems)
        self.assertEqual([1] * 10, [self.asked(path) for path in paths])

    def test_slow_upstream(self) -> None:
        """
        Who has time is not told to come again: it is waited for longer than for a
        client.
        """
        self.add(make_wheel("demo"))
        self.index.delay = 14.0
        fetching = self.begin_lines("demo")
        self.advance_slowly(50.0)
        (fetched,) = self.successResultOf(fetching)
        self.assertEqual("", fetched.problem)

    def test_other_process(self) -> None:
        """
        A file that another process is fetching is waited for, not fetched.
        """
        wheel = make_wheel("demo", payload=100_000)
        path, *_ = self.add(wheel)
        self.index.rate = 50_000.0
        another = self.start_another()
        another.start(f"/files/demo/{wheel.filename}")
        fetching = self.begin_lines("demo")
        self.advance_slowly(10.0)
        self.settle()
        self.advance_slowly(3.0)
        (fetched,) = self.successResultOf(fetching)
        self.assertEqual("", fetched.problem)
        self.assertEqual(1, self.asked(path))

    def test_no_room(self) -> None:
        """
        When there is no room for a file, that is told, and no further one is tried.
        """
        paths = self.add(*(make_wheel(f"demo{i}") for i in range(9)))
        disk = Disk()
        disk.is_full = True
        self.addCleanup(disk.restore)
        fetched = self.fetch(*(f"demo{i}" for i in range(9)))
        self.assertIn("cannot be kept: No space left", fetched[0].problem)
        self.assertIn("was not tried", fetched[8].problem)
        self.assertEqual(0, self.asked(paths[8]))
        self.assertEqual(([], []), (self.kept(), self.partials()))

    def test_one_that_is_too_large(self) -> None:
        """
        A file that is too large by itself keeps no other from being fetched.
        """
        self.start_proxy(max_size=100_000)
        self.add(make_wheel("large", payload=200_000), make_wheel("small"))
        large, small = self.fetch("large", "small")
        self.assertIn("more than the 100,000 of --max-size", large.problem)
        self.assertEqual("", small.problem)
        self.assertEqual(["small/small-1.0-py3-none-any.whl"], self.kept())

    def test_bound(self) -> None:
        """
        When what was fetched is all that --max-size allows, no more is begun.
        """
        self.start_proxy(max_size=100_000)
        for number in range(9):
            self.add(make_wheel(f"p{number}", payload=30_000))
        fetched = self.fetch(*(f"p{number}" for number in range(9)))
        problems = [one.problem for one in fetched]
        self.assertEqual([""] * 4, problems[:4])
        self.assertIn("was not tried, as what is cached is more than", problems[8])
        self.assertLess(len(self.kept()), 9)

    def test_little_room_within_the_bound(self) -> None:
        """
        What finds no room on the disk is not taken for what --max-size leaves out.
        """
        self.start_proxy(max_size=1 << 40, min_free=1 << 62)
        self.add(make_wheel("one"), make_wheel("two"))
        for name in ("one", "two"):
            (fetched,) = self.fetch(name)
            self.assertNotIn("--max-size", fetched.problem)
            self.assertIn("cannot be kept", fetched.problem)

    def test_little_room(self) -> None:
        """
        What has to stay free stays free, and nothing is asked for that would not fit.
        """
        self.start_proxy(min_free=1 << 62)
        path, *_ = self.add(make_wheel("demo"))
        (fetched,) = self.fetch("demo")
        self.assertIn("cannot be kept", fetched.problem)
        self.assertEqual((0, []), (self.asked(path), self.kept()))
