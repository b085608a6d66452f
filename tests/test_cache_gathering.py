"""
Tests for :mod:`proxypypi.cache.gathering`, over HTTP.
"""

from typing import Any

from proxypypi.names import normalize
from proxypypi.rules.merge import iso
from tests.cooldown_case import DAY, LONG, WEEK
from tests.distributions import make_sdist, make_wheel
from tests.fake_index import JSON, Fault
from tests.proxy_case import ProxyTestCase


class GatheringTests(ProxyTestCase):
    def test_sources_of_a_page(self) -> None:
        """
        What is listed, with which status, by who has the project and who is asked.
        """
        self.index.add(make_wheel("theirs", "1.0"))
        self.index.add(make_wheel("both", "1.0"))
        self.index.add_project("empty")
        for name in ("both", "ours"):
            self.drop(make_wheel(name, "2.0"))
        self.index.add(make_wheel("fetched", "1.0"))
        self.index.add(make_wheel("fetched", "2.0"))
        self.get("/files/fetched/fetched-1.0-py3-none-any.whl")
        for route, name, expected in [
            ("simple", "theirs", ["1.0"]),
            ("simple", "both", ["1.0", "2.0"]),
            ("simple", "ours", ["2.0"]),
            ("simple", "empty", []),
            ("simple", "fetched", ["1.0", "2.0"]),
            ("simple", "none", None),
            ("local", "theirs", None),
            ("local", "both", ["2.0"]),
            ("local", "ours", ["2.0"]),
            ("local", "empty", None),
            ("local", "fetched", ["1.0"]),
            ("local", "none", None),
        ]:
            answer = self.get(f"/{route}/{name}/", Accept=JSON)
            if expected is None:
                self.assertEqual(404, answer.code, (route, name))
            else:
                found = [f["filename"].split("-")[1] for f in answer.json["files"]]
                self.assertEqual(expected, sorted(found), (route, name))
                self.assertEqual(expected, sorted(answer.json["versions"]))

    def test_local_knows_what_upstream_said(self) -> None:
        """
        /local/ has of cached files all that upstream last said of them.
        """
        wheel = make_wheel("demo", requires_python=">=3.8")
        self.index.add(wheel, yanked="broken")
        self.get(f"/files/demo/{wheel.filename}")
        requests = len(self.index.requests)
        self.advance(100_000)
        self.start_proxy()
        file = self.files("demo", "local")[wheel.filename]
        self.assertEqual("broken", file["yanked"])
        self.assertEqual(">=3.8", file["requires-python"])
        self.assertEqual("2024-01-02T03:04:05.678901Z", file["upload-time"])
        self.assertEqual(requests, len(self.index.requests))

    def test_upstream_unavailable(self) -> None:
        """
        Private files are listed without upstream; with nothing here it is an error.
        """
        self.drop(make_sdist("ours"))
        self.index.fail("*", Fault(status=401), times=None)
        answer = self.get("/simple/ours/")
        self.assertEqual(
            (200, "no-cache", "proxypypi; hit; detail=upstream-unavailable"),
            (
                answer.code,
                answer.header("Cache-Control"),
                answer.header("Cache-Status"),
            ),
        )
        answer = self.get("/simple/other/")
        self.assertEqual(
            (502, "no-store", "proxypypi; fwd=miss; fwd-status=401"),
            (
                answer.code,
                answer.header("Cache-Control"),
                answer.header("Cache-Status"),
            ),
        )


class SnapshotTests(ProxyTestCase):
    """
    Of demo, 1.0 is old, 2.0 is six days old, and of 3.0 nobody knows.
    """

    def setUp(self) -> None:
        super().setUp()
        self.at = round(self.clock.seconds() - 6 * DAY, 6)
        self.index.add(make_wheel("demo"))
        self.index.add(make_wheel("demo", "2.0"), upload_time=iso(self.at))
        self.index.add(make_wheel("demo", "3.0"), upload_time=None)
        self.start_proxy(index_ttl=LONG)

    def as_of(self, when: str, name: str = "demo") -> Any:
        answer = self.get(f"/snapshot/{when}/simple/{name}/", Accept=JSON)
        self.assertEqual(200, answer.code)
        return answer.json

    def versions(self, when: str, name: str = "demo") -> list[str]:
        page = self.as_of(when, name)
        found = {file["filename"].split("-")[1] for file in page["files"]}
        self.assertEqual(sorted(found), sorted(page["versions"]))
        return sorted(found)

    def test_to_the_moment(self) -> None:
        """
        What was uploaded at that very moment is there, what was a moment later is not,
        nor is what nobody knows of.
        """
        self.assertEqual([], self.versions("2020-01-01"))
        self.assertEqual(["1.0"], self.versions(iso(self.at - 0.001)))
        self.assertEqual(["1.0", "2.0"], self.versions(iso(self.at)))
        self.assertEqual(["1.0", "2.0"], self.versions("2999-01-01"))

    def test_private(self) -> None:
        """
        Private files count from when they were first seen, also when they are here no
        longer as they were.
        """
        path = self.drop(make_wheel("demo", "9.0"))
        before = self.clock.seconds()
        self.assertIn("9.0", self.versions("0s"))
        self.advance(DAY)
        self.assertNotIn("9.0", self.versions(iso(before - 5.0)))
        self.assertIn("9.0", self.versions("12h"))
        path.touch()
        self.settle()
        self.restart_without_cache()
        self.assertIn("9.0", self.versions(iso(before + 5.0)))

    def restart_without_cache(self) -> None:
        for facts in (self.directory / ".proxypypi" / "cache" / "facts").iterdir():
            facts.unlink()
        self.start_proxy(index_ttl=LONG)

    def test_private_alone(self) -> None:
        """
        So it is with a project of ours, which is claimed by that as ever.
        """
        self.drop(make_wheel("ours"))
        self.assertEqual([], self.versions("2020-01-01", "ours"))
        self.assertEqual(["1.0"], self.versions("0s", "ours"))
        self.assertTrue(self.proxy.core.claims.is_claimed(normalize("ours")))

    def test_cached_and_removed(self) -> None:
        """
        A cached file that its index lists no longer stays where it was in time, yanked
        as it is now.
        """
        wheel = make_wheel("demo", "2.0")
        self.get(f"/files/demo/{wheel.filename}")
        self.index.remove(wheel.filename)
        for _ in range(2):
            self.advance(LONG + 901)
            self.get("/simple/demo/")
        self.assertEqual(["1.0"], self.versions(iso(self.at - 0.001)))
        page = self.as_of(iso(self.at))
        yanked = {file["filename"]: file["yanked"] for file in page["files"]}
        self.assertEqual("removed from the upstream index", yanked[wheel.filename])

    def test_young(self) -> None:
        """
        What is too young is so at every moment; of what came later it is not told.
        """
        self.start_proxy(index_ttl=LONG, min_age=WEEK)
        self.assertEqual(["1.0"], self.versions("0s"))
        self.assertEqual(1, self.as_of(iso(self.at))["_held-back"]["files"])
        self.assertNotIn("_held-back", self.as_of(iso(self.at - 0.001)))
        self.advance(DAY + 1)
        self.assertEqual(["1.0", "2.0"], self.versions(iso(self.at)))

    def test_made_once(self) -> None:
        """
        However many moments are asked for, and as ages go on, a page is made once for
        each set of files.
        """
        for number in range(30):
            self.index.add(make_wheel("demo", f"0.{number}"))

        def made(*moments: str) -> int:
            for when in moments:
                self.as_of(when)
            return self.threads.calls.count("_render")

        self.assertEqual(1, made("2024-06-01", "2024-06-02", "7d", "6.1d"))
        self.advance(10)
        self.assertEqual(1, made("7d", "2024-06-01T00:00:00Z"))
        self.assertEqual(2, made("1d", "2d", "2999-01-01"))
        self.assertEqual(3, made("2020-01-01", "2019-01-01"))
        self.assertEqual(3, made("1d", "7d", "2020-01-01"))
        self.advance(DAY)
        self.assertEqual(3, made("7d", "6.1d"))
