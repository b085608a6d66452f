"""
Tests for :mod:`proxypypi.web.exposition`.
"""

import os
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_open,
)
from prometheus_client.parser import text_string_to_metric_families as parse_plain
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.events import (
    BOUNDS,
    CONNECTIONS,
    FETCHED,
    METRICS,
    REQUESTS,
    SUM,
    UPSTREAM_SECONDS,
)
from proxypypi.store.counts import Counts
from proxypypi.web.exposition import Exposition

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;q=0.5,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
)


class ExpositionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.pids = {0: os.getpid()}
        self.have("pypi", "gpu")

    def have(self, *upstreams: str) -> None:
        self.upstreams = upstreams
        self.counts = Counts.alone(upstreams)

    def render(self, accept: str = "*/*") -> tuple[str, str]:
        made = Exposition(
            *(self.counts.totals(), self.upstreams),
            *(self.pids, self.directory),
        )
        text, content_type = made.render(accept)
        return text.decode(), content_type

    def families(self, accept: str = "*/*") -> dict[str, Any]:
        """
        What the library's own parser makes of it, which is strict.
        """
        text, content_type = self.render(accept)
        parse = parse_open if "openmetrics" in content_type else parse_plain
        families = list(parse(text))
        self.assertEqual(len(families), len({f.name for f in families}))
        return {family.name: family for family in families}

    def value(self, name: str, **labels: str) -> float | None:
        """
        That of a sample; :obj:`None` if there is no such one.
        """
        values = {
            (sample.name, *sorted(sample.labels.items())): float(sample.value)
            for family in self.families().values()
            for sample in family.samples
        }
        return values.get((name, *sorted(labels.items())))

    def test_all(self) -> None:
        """
        Each metric says what it is, and has all of its labels from the start.
        """
        for accept in ("", PROMETHEUS):
            families = self.families(accept)
            for metric in METRICS:
                family = families[f"proxypypi_{metric.name}"]
                self.assertEqual(metric.kind.name.lower(), family.type)
                self.assertEqual(metric.doc, family.documentation)
                self.assertTrue(family.samples, metric.name)

    def test_forms(self) -> None:
        """
        Who takes the newer form gets it, all others the usual one; nothing of what
        they say is repeated.
        """
        plain = "text/plain; version=0.0.4; charset=utf-8"
        newer = "application/openmetrics-text; version=1.0.0; charset=utf-8"
        for accept, expected in (
            *(("", plain), ("image/png", plain), ("text/plain;version=x", plain)),
            *((PROMETHEUS, newer), ("application/openmetrics-text;version=9", newer)),
        ):
            text, content_type = self.render(accept)
            self.assertEqual(expected, content_type, accept)
            self.assertEqual(expected is newer, text.endswith("# EOF\n"), accept)

    def test_samples(self) -> None:
        """
        What was counted is told, with its labels.
        """
        self.counts.note(REQUESTS, "files", "miss", count=3)
        self.counts.set(CONNECTIONS, value=4)
        found = self.value("proxypypi_requests_total", route="files", result="miss")
        self.assertEqual(3.0, found)
        found = self.value("proxypypi_requests_total", route="files", result="hit")
        self.assertEqual(0.0, found)
        self.assertEqual(4.0, self.value("proxypypi_connections"))

    def test_histogram(self) -> None:
        """
        Seconds are told by bounds, each of which has all those below it, and in all.
        """
        for bound, count in (("0.05", 2), ("1.0", 3), ("+Inf", 1)):
            self.counts.note(UPSTREAM_SECONDS, "gpu", bound, count=count)
        self.counts.note(UPSTREAM_SECONDS, "gpu", SUM, count=72_500_000)
        name = "proxypypi_upstream_request_seconds"
        found = [
            self.value(f"{name}_bucket", upstream="gpu", le=bound)
            for bound in (*map(str, BOUNDS), "+Inf")
        ]
        self.assertEqual([2.0, 2.0, 5.0, 5.0, 6.0], found)
        self.assertEqual(6.0, self.value(f"{name}_count", upstream="gpu"))
        self.assertEqual(72.5, self.value(f"{name}_sum", upstream="gpu"))
        self.assertEqual(0.0, self.value(f"{name}_count", upstream="pypi"))

    def test_names_of_upstreams(self) -> None:
        """
        They may be any text; there may be none, and a name may be there twice.
        """
        odd = 'a "b"\\c\u00e9'
        self.have(odd, "", "same", "same")
        self.counts.note(FETCHED, odd, count=5)
        self.assertEqual(5.0, self.value("proxypypi_fetched_bytes_total", upstream=odd))
        lines = self.render()[0].splitlines()
        self.assertEqual(len(lines), len(set(lines)))
        self.have()
        self.assertEqual([], self.families()["proxypypi_fetched_bytes"].samples)

    def test_room(self) -> None:
        """
        The bytes that are free are told, unless they cannot be.
        """
        status = os.statvfs(self.directory)
        free = self.value("proxypypi_free_bytes")
        assert free is not None
        self.assertTrue(0 <= free <= status.f_blocks * status.f_frsize, free)
        self.directory.rmdir()
        self.assertIsNone(self.value("proxypypi_free_bytes"))

    def test_processes(self) -> None:
        """
        What each process takes is told under its number; of one that has just ended,
        nothing is.
        """
        self.pids = {0: os.getpid(), 3: 2**22 + 1}
        memory = self.value("process_resident_memory_bytes", process="0") or 0.0
        self.assertGreater(memory, 10e6)
        self.assertGreater(self.value("process_open_fds", process="0") or 0.0, 3.0)
        began = self.value("process_start_time_seconds", process="0") or 0.0
        self.assertGreater(began, 1e9)
        self.assertIsNone(self.value("process_open_fds", process="3"))
