"""
Tests for :mod:`proxypypi.daemon.asking`.
"""

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import ClassVar

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.daemon.asking import ask


class Handler(BaseHTTPRequestHandler):
    answers: ClassVar[dict[str, tuple[int, bytes]]] = {}

    def do_GET(self) -> None:
        status, body = self.answers.get(self.path, (404, b""))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """
        Say nothing.
        """


class AskTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.patch(Handler, "answers", {})

    def test_answers(self) -> None:
        """
        The first line of a good answer is what counts, and nothing that moves a cursor.
        """
        for answer, expected in (
            ((200, b"ok\n"), "ok"),
            ((200, b"degraded: no\x1broom\nmore"), "degraded: no?room"),
            ((200, b""), None),
            ((503, b"stopping\n"), None),
        ):
            Handler.answers["/-/health"] = answer
            self.assertEqual(expected, ask([self.url]), answer)

    def test_ready(self) -> None:
        """
        Other routes can be asked, too.
        """
        Handler.answers["/-/ready"] = (200, b"ok\n")
        self.assertEqual("ok", ask([self.url], "/-/ready"))
        self.assertIsNone(ask([self.url]))

    def test_addresses(self) -> None:
        """
        The first address that answers is enough, and there may be none.
        """
        Handler.answers["/-/health"] = (200, b"ok\n")
        nobody = ["http://127.0.0.1:1", "unix:/nowhere", "frob"]
        self.assertEqual("ok", ask([*nobody, self.url]))
        self.assertIsNone(ask(nobody))
