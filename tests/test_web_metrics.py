"""
Tests for :mod:`proxypypi.web.metrics` and :mod:`proxypypi.web.exposition`.
"""

import os
from base64 import b64encode
from typing import Any

from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_open,
)
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from proxypypi.events import BOUNDS, METRICS
from proxypypi.settings import UpstreamSettings
from tests.distributions import make_wheel
from tests.fake_index import JSON
from tests.passwords import write_users
from tests.proxy_case import ProxyTestCase, Transfer

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;q=0.5,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
)


class MetricsTests(ProxyTestCase):
    def families(self, answer: Transfer) -> dict[str, Any]:
        """
        What the library's own parser makes of it, which is strict.
        """
        is_open = str(answer.header("Content-Type")).startswith("application/open")
        parse = parse_open if is_open else parse_plain
        families = list(parse(answer.body.decode()))
        self.assertEqual(len(families), len({f.name for f in families}))
        return {family.name: family for family in families}

    def value(self, sample: str, **labels: str) -> float:
        for family in self.families(self.get("/-/metrics")).values():
            for found in family.samples:
                if (found.name, found.labels) == (sample, labels):
                    value: float = found.value
                    return value
        raise AssertionError(f"no sample {sample} {labels}")

    def test_plain(self) -> None:
        """
        It is the text that Prometheus reads, anew each time; each metric says what it
        is, and has all of its labels from the start.
        """
        answer = self.get("/-/metrics")
        self.assertEqual(200, answer.code)
        self.assertEqual(
            "text/plain; version=0.0.4; charset=utf-8", answer.header("Content-Type")
        )
        self.assertEqual("no-store", answer.header("Cache-Control"))
        self.assertIsNone(answer.header("Cache-Status"))
        families = self.families(answer)
        for metric in METRICS:
            family = families[f"proxypypi_{metric.name}"]
            self.assertEqual(metric.kind.name.lower(), family.type)
            self.assertEqual(metric.doc, family.documentation)
            self.assertTrue(family.samples, metric.name)

    def test_open(self) -> None:
        """
        So it is in the newer form, for those who take it; they tell the same.
        """
        plain = self.families(self.get("/-/metrics"))
        answer = self.get("/-/metrics", Accept=PROMETHEUS)
        self.assertEqual(
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            answer.header("Content-Type"),
        )
        self.assertTrue(answer.body.endswith(b"# EOF\n"))
        self.assertEqual(set(plain), set(self.families(answer)))

    def test_odd_wishes(self) -> None:
        """
        Who takes something else gets the usual text; nothing of what they say is told.
        """
        for accept in ("image/png", "text/plain;version=x", "*/*", ";;=,,"):
            answer = self.get("/-/metrics", Accept=accept)
            self.assertEqual(200, answer.code, accept)
            self.assertIn("version=0.0.4", str(answer.header("Content-Type")))
        accept = "application/openmetrics-text;version=9; x=y"
        answer = self.get("/-/metrics", Accept=accept)
        self.assertIn("version=1.0.0", str(answer.header("Content-Type")))

    def test_head(self) -> None:
        """
        HEAD has the head alone.
        """
        answer = self.get("/-/metrics", "HEAD")
        self.assertEqual((200, b""), (answer.code, answer.body))
        self.assertGreater(int(answer.header("Content-Length") or 0), 1_000)
        self.assertEqual(405, self.get("/-/metrics", "POST").code)

    def test_counted(self) -> None:
        """
        What happened is told.
        """
        wheel = make_wheel("demo", "1.0", payload=20_000)
        self.index.add(wheel)
        self.get(f"/files/demo/{wheel.filename}")
        self.get("/simple/demo/", Accept=JSON)
        self.assertEqual(
            1.0,
            self.value("proxypypi_requests_total", route="simple", result="hit"),
        )
        self.assertEqual(1.0, self.value("proxypypi_files_kept_total"))
        upstream = "index.example"
        fetched = self.value("proxypypi_fetched_bytes_total", upstream=upstream)
        self.assertGreater(fetched, len(wheel.content))
        asked = self.value(
            "proxypypi_upstream_requests_total", upstream=upstream, result="2xx"
        )
        self.assertEqual(2.0, asked)

    def test_histogram(self) -> None:
        """
        Seconds are told by bounds, each of which has all those below it, and in all.
        """
        self.index.add_project("demo")
        self.get("/simple/demo/")
        name = "proxypypi_upstream_request_seconds"
        for bound in (*map(str, BOUNDS), "+Inf"):
            found = self.value(f"{name}_bucket", upstream="index.example", le=bound)
            self.assertEqual(1.0, found, bound)
        self.assertEqual(1.0, self.value(f"{name}_count", upstream="index.example"))
        self.assertEqual(0.0, self.value(f"{name}_sum", upstream="index.example"))

    def test_the_machine(self) -> None:
        """
        How much room there is, and what each process takes, is told as well.
        """
        status = os.statvfs(self.directory)
        size = status.f_blocks * status.f_frsize
        self.assertLessEqual(0.0, self.value("proxypypi_free_bytes"))
        self.assertLessEqual(self.value("proxypypi_free_bytes"), size)
        memory = self.value("process_resident_memory_bytes", process="0")
        self.assertGreater(memory, 10e6)
        self.assertGreater(self.value("process_open_fds", process="0"), 3)
        self.assertGreater(self.value("process_start_time_seconds", process="0"), 1e9)

    def test_no_directory(self) -> None:
        """
        What cannot be told is left out.
        """
        self.directory.rename(self.directory.with_suffix(".gone"))
        families = self.families(self.get("/-/metrics"))
        self.assertNotIn("proxypypi_free_bytes", families)

    def test_names_of_upstreams(self) -> None:
        """
        They may be any text.
        """
        odd = 'a "b"\\c\u00e9'
        upstream = UpstreamSettings.from_url("http://index.example/simple/", name=odd)
        self.start_proxy(upstreams=[upstream])
        found = self.value("proxypypi_fetched_bytes_total", upstream=odd)
        self.assertEqual(0.0, found)

    def test_bounded(self) -> None:
        """
        Whatever clients ask for, there are no more lines than before, and nothing of
        theirs is in them.
        """
        before = self.get("/-/metrics").body
        for number in range(20):
            self.get(f"/simple/secret{number}/", User_Agent="secret/1")
            self.get(f"/secret{number}")
        after = self.get("/-/metrics").body
        self.assertEqual(before.count(b"\n"), after.count(b"\n"))
        self.assertNotIn(b"secret", after)

    def test_read_auth(self) -> None:
        """
        Only who may read is told.
        """
        users = write_users(self.directory.with_suffix(".read"), eve="two")
        self.start_proxy(read_auth=users)
        self.assertEqual(401, self.get("/-/metrics").code)
        said = b64encode(b"eve:two").decode()
        answer = self.get("/-/metrics", Authorization=f"Basic {said}")
        self.assertEqual(200, answer.code)

    def test_stopping(self) -> None:
        """
        A restart does not make anybody miss a look: it is told to the end, and then
        still only to those who may read.
        """
        self.proxy.faces.stopping = True
        self.assertEqual(200, self.get("/-/metrics").code)
        users = write_users(self.directory.with_suffix(".read"), eve="two")
        self.start_proxy(read_auth=users)
        self.proxy.faces.stopping = True
        self.assertEqual(401, self.get("/-/metrics").code)

    def test_silent_disk(self) -> None:
        """
        A disk that keeps silent is waited for, but not for long.
        """
        self.threads.hold("render")
        waiting = self.start("/-/metrics")
        self.advance(4.9)
        self.assertIsNone(waiting.code)
        self.advance(0.2)
        self.assertEqual(503, waiting.code)
        self.assertEqual("2", waiting.header("Retry-After"))
        self.threads.release()
