"""
Tests for :mod:`proxypypi.cache.gathering`, over HTTP.
"""

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
