"""
Tests for :mod:`proxypypi.web.metrics`.
"""

from base64 import b64encode

from tests.distributions import make_wheel
from tests.fake_index import JSON
from tests.passwords import write_users
from tests.proxy_case import ProxyTestCase


class MetricsTests(ProxyTestCase):
    def lines(self) -> list[str]:
        answer = self.get("/-/metrics")
        self.assertEqual(200, answer.code)
        return answer.body.decode().splitlines()

    def test_answer(self) -> None:
        """
        It is text, to be asked for anew each time, and no part of what is cached.
        """
        answer = self.get("/-/metrics")
        self.assertEqual(200, answer.code)
        content_type = "text/plain; version=0.0.4; charset=utf-8"
        self.assertEqual(content_type, answer.header("Content-Type"))
        self.assertEqual("no-store", answer.header("Cache-Control"))
        self.assertIsNone(answer.header("Cache-Status"))
        self.assertEqual(str(len(answer.body)), answer.header("Content-Length"))
        answer = self.get("/-/metrics", Accept="application/openmetrics-text")
        self.assertIn("openmetrics", answer.header("Content-Type") or "")

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
        lines = self.lines()
        for line in (
            'proxypypi_requests_total{result="hit",route="simple"} 1.0',
            "proxypypi_files_kept_total 1.0",
            'proxypypi_upstream_requests_total{result="2xx",upstream="index.example"} '
            "2.0",
        ):
            self.assertIn(line, lines)

    def test_bounded(self) -> None:
        """
        Whatever clients ask for, there are no more lines than before, and nothing of
        theirs is in them.
        """
        before = len(self.lines())
        for number in range(20):
            self.get(f"/simple/secret{number}/", User_Agent="secret/1")
            self.get(f"/secret{number}")
        after = self.lines()
        self.assertEqual(before, len(after))
        self.assertNotIn("secret", "".join(after))

    def test_read_auth(self) -> None:
        """
        Only who may read is told, also while the server stops.
        """
        users = write_users(self.directory.with_suffix(".read"), eve="two")
        self.start_proxy(read_auth=users)
        said = b64encode(b"eve:two").decode()
        for stopping in (False, True):
            self.proxy.faces.stopping = stopping
            self.assertEqual(401, self.get("/-/metrics").code)
            answer = self.get("/-/metrics", Authorization=f"Basic {said}")
            self.assertEqual(200, answer.code)

    def test_stopping(self) -> None:
        """
        A restart does not make anybody miss a look: it is told to the end.
        """
        self.proxy.faces.stopping = True
        self.assertEqual(200, self.get("/-/metrics").code)

    def test_silent_disk(self) -> None:
        """
        A disk that keeps silent is waited for, but not for long.
        """
        self.threads.hold("render")
        waiting = self.start("/-/metrics")
        self.advance(4.9)
        self.assertIsNone(waiting.code)
        self.advance(0.2)
        self.assertEqual((503, "2"), (waiting.code, waiting.header("Retry-After")))
        self.threads.release()
