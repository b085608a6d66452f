"""
Tests for :mod:`proxypypi.web.ui.report`.
"""

import re
from typing import Any

from msgspec.structs import replace
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.cache.lookout import COUNTS
from proxypypi.events import RESULTS
from proxypypi.model import Fetching, NewFile, Overview, SharedName, UpstreamNow
from proxypypi.web.ui.report import health, report
from tests.pages import Page

NOTHING = Overview(
    processes=1,
    troubles=[],
    others_degraded=0,
    counted_since=None,
    requests={},
    hits_ratio=None,
    sent_bytes=0,
    fetched_bytes=0,
    saved_bytes=0,
    counts={},
    upstreams=[],
    fetching=[],
    fetching_count=0,
    private=[],
    shared=[],
)
HOSTILE = "</section>\"'><script>alert(1)</script>&amp;\r\n\ndata: x"
NAMES = [
    *("health", "troubles", "shared", "totals", "upstreams", "fetching"),
    *("private", "counts"),
]
SEEN = "2026-11-28T18:00:00Z"


def page(**more: Any) -> Page:
    overview = replace(NOTHING, **more)
    made = Page((health(overview) + report(overview)).encode())
    assert made.unclosed == [], made.unclosed
    return made


class ReportTests(SynchronousTestCase):
    def test_nothing(self) -> None:
        """
        Where nothing goes on, that is said.
        """
        text = page().text
        for said in ("All is well", "Nothing is counted yet", "No file is being fetch"):
            self.assertIn(said, text)
        self.assertIn("None is asked", text)

    def test_parts(self) -> None:
        """
        Each part has a name, whether there is anything in it or not: what follows knows
        it by that.
        """
        full = replace(NOTHING, troubles=["x"], counts={"files-kept": 1})
        for overview in (NOTHING, full):
            made = health(overview) + report(overview)
            names = re.findall('^<(?:section|span) id="([a-z]+)"', made, re.MULTILINE)
            self.assertEqual(NAMES, names)

    def test_health(self) -> None:
        """
        Whatever is wrong here is said, and that something is elsewhere.
        """
        text = page(troubles=["the disk is full", "it rains"]).text
        for said in ("Degraded", "the disk is full", "it rains"):
            self.assertIn(said, text)
        text = page(others_degraded=1).text
        self.assertIn("Degraded", text)
        self.assertIn("Degraded: 1 other worker,", text)
        self.assertIn("Degraded: 2 other workers,", page(others_degraded=2).text)

    def test_totals(self) -> None:
        """
        Numbers are those that people read.
        """
        made = page(
            requests=dict.fromkeys(RESULTS, 1000),
            hits_ratio=0.9345,
            sent_bytes=2_500_000_000,
            saved_bytes=999,
            fetched_bytes=1_000,
            counted_since=SEEN,
        )
        for said in ("93.5%", "9,000", "2.5 GB", "999 bytes", "1.0 kB", "hit 1,000"):
            self.assertIn(said, made.text)
        self.assertIn("Since 2026-11-28 18:00 UTC.", made.text)
        self.assertEqual(len(RESULTS), made.tags.count("rect"))

    def test_upstreams(self) -> None:
        """
        Each index is said to be what it is, by how it answered.
        """
        cases: tuple[tuple[dict[str, int], int, str], ...] = (
            ({}, 0, "not asked lately"),
            ({"2xx": 3, "304": 1, "404": 1}, 0, "answers"),
            ({"2xx": 3, "timeout": 1}, 0, "fails at times"),
            ({"5xx": 3, "unreachable": 1}, 0, "fails"),
            ({"2xx": 3}, 1, "not asked for some seconds"),
        )
        for lately, shut, said in cases:
            upstream = UpstreamNow(name="a", url="http://a/", lately=lately, shut=shut)
            made = report(replace(NOTHING, upstreams=[upstream]))
            self.assertRegex(made, f'<span class="[a-z]+">{said}</span>')
            for result, count in lately.items():
                self.assertIn(f"{result} {count}", page(upstreams=[upstream]).text)

    def test_fetching(self) -> None:
        """
        Of each file on its way it is said how far it is, if that is known, and who
        waits for it.
        """
        for size, waiting, said, elements in (
            (2_000_000, 3, "1.0 MB of 2.0 MB", 1),
            (None, 1, "1.0 MB", 0),
            (0, 0, "1.0 MB", 0),
            (1_000, None, "1.0 MB of 1.0 kB", 1),
        ):
            file = Fetching(
                project="demo",
                filename="demo-1.whl",
                got=1_000_000,
                size=size,
                waiting=waiting,
            )
            made = page(fetching=[file], fetching_count=1)
            self.assertIn(said, made.text)
            self.assertEqual(elements, made.tags.count("progress"))
            who = {3: "3 clients", 1: "1 client", 0: "the directory"}
            self.assertIn(
                "another process" if waiting is None else who[waiting], made.text
            )
            self.assertNotIn("more.", made.text)
            self.assertIn("And 4 more.", page(fetching=[file], fetching_count=5).text)

    def test_fetching_with_workers(self) -> None:
        """
        Where there are several workers, it is said whose clients they are.
        """
        file = Fetching(project="demo", filename="demo-1.whl", got=1, waiting=2)
        text = page(fetching=[file], fetching_count=1, processes=3).text
        self.assertIn("2 clients of this worker", text)

    def test_private(self) -> None:
        """
        Private files are told with their projects, or that it is not known yet.
        """
        file = NewFile(project="acme", filename="acme-1.whl", seen_at=SEEN)
        made = page(private=[file])
        for said in ("acme-1.whl", "acme", "2026-11-28 18:00 UTC"):
            self.assertIn(said, made.text)
        self.assertIn("simple/acme/", made.links)
        self.assertIn("The disk has not said yet.", page(private=None).text)

    def test_shared(self) -> None:
        """
        Of what an index has, too, it is said what to do; nothing if nobody knows.
        """
        made = page(shared=[SharedName(project="acme", index="http://index.example/")])
        self.assertIn("acme has private files, and is at http://index.ex", made.text)
        self.assertIn("proxypypi claim acme", made.text)
        self.assertNotIn("claim", page(shared=None).text)

    def test_counts(self) -> None:
        """
        All that is counted otherwise has words for it.
        """
        names = {metric.name.replace("_", "-"): metric.doc for metric in COUNTS}
        made = page(counts=dict.fromkeys(names, 1_234))
        for doc in names.values():
            self.assertIn(doc, made.text)
        self.assertIn("1,234", made.text)

    def test_hostile(self) -> None:
        """
        Whatever comes from outside is text, and breaks nothing.
        """
        made = page(
            troubles=[HOSTILE],
            upstreams=[UpstreamNow(name=HOSTILE, url=HOSTILE, lately={}, shut=0)],
            fetching=[Fetching(project=HOSTILE, filename=HOSTILE, got=1)],
            fetching_count=1,
            private=[NewFile(project=HOSTILE, filename=HOSTILE, seen_at=HOSTILE)],
            shared=[SharedName(project=HOSTILE, index=HOSTILE)],
        )
        self.assertNotIn("script", made.tags)
        self.assertEqual(7, made.tags.count("section"))
        self.assertFalse({a for a in made.attributes if a.startswith("on")})
        self.assertGreaterEqual(made.text.count("<script>alert(1)"), 8)
        for link in made.links:
            self.assertRegex(link, r"^simple/[A-Za-z0-9%._~-]+/$")
