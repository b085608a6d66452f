"""
Tests for :mod:`proxypypi.cache.documents`, over HTTP.
"""

from typing import Any

from proxypypi.store.generations import Generations
from proxypypi.upstream.pages import LARGEST_DOCUMENT
from tests.document_case import DOCUMENT, DocumentTestCase
from tests.fake_index import Fault
from tests.proxy_case import Transfer


class FreshnessTests(DocumentTestCase):
    def wait(self) -> Transfer:
        """
        :returns: an answer that may take as long as upstream is tried.
        """
        asked = self.start(DOCUMENT)
        for _ in range(20):
            if not asked.is_complete:
                self.advance_slowly(1)
        self.assertTrue(asked.is_complete)
        return asked

    def outcome(self, path: str = DOCUMENT) -> str | None:
        return self.get(path).header("Cache-Status")

    def test_kept(self) -> None:
        """
        It is asked for once while it is fresh, after a restart, too; then with its
        ETag.
        """
        self.assertEqual("proxypypi; fwd=miss; stored", self.outcome())
        self.assertEqual("proxypypi; hit", self.outcome())
        self.start_proxy()
        self.assertEqual("proxypypi; hit", self.outcome())
        self.assertEqual(1, self.asked())
        self.advance(1000)
        self.assertEqual("proxypypi; fwd=stale; fwd-status=304", self.outcome())
        self.assertEqual("proxypypi; hit", self.outcome())
        seen = self.index.asked(DOCUMENT)
        self.assertEqual(2, len(seen))
        self.assertTrue(seen[1].header("If-None-Match"))
        self.assertEqual("application/json", seen[1].header("Accept"))

    def test_aging(self) -> None:
        """
        A little later nobody waits for the refresh.
        """
        self.document()
        self.advance(700)
        self.index.delay = 5.0
        self.assertEqual(200, self.get(DOCUMENT).code)
        self.advance_slowly(6)
        self.assertEqual(2, self.asked())

    def test_stale(self) -> None:
        """
        The old one is served while upstream fails, with all that it says.
        """
        self.document()
        self.advance(1000)
        self.index.down = True
        for _ in range(2):
            document = self.wait().json
            self.assertEqual("demo 2.0 upstream", document["info"]["summary"])

    def test_hanging(self) -> None:
        """
        If upstream keeps silent, it is waited for three seconds, not twice three.
        """
        self.document()
        self.advance(1000)
        self.index.delay = 100.0
        asked = self.start(DOCUMENT)
        self.advance_slowly(3.1)
        self.assertEqual(200, asked.code)
        self.assertEqual(200, self.get(DOCUMENT).code)

    def test_hanging_for_the_next(self) -> None:
        """
        Who comes next does not wait at all, though the page is fresh.
        """
        self.document()
        self.advance(1000)
        self.get("/simple/demo/")
        self.index.fail(DOCUMENT, Fault(delay=1000.0), times=None)
        asked = self.start(DOCUMENT)
        self.advance_slowly(2.9)
        self.assertIsNone(asked.code)
        self.advance_slowly(0.2)
        for answer in (asked, self.start(DOCUMENT)):
            self.assertEqual("demo 2.0 upstream", answer.json["info"]["summary"])

    def test_further_tries(self) -> None:
        """
        With an old one in hand nobody waits for further tries.
        """
        self.document()
        self.advance(1000)
        self.index.fail("*", Fault(status=503), times=None)
        for _ in range(2):
            answer = self.start(DOCUMENT)
            self.assertTrue(answer.is_complete)
            self.assertEqual("demo 2.0 upstream", answer.json["info"]["summary"])
            self.assertEqual(
                "proxypypi; fwd=stale; fwd-status=503", answer.header("Cache-Status")
            )

    def test_no_page(self) -> None:
        """
        Where there is no page, there is no document, with the same status.
        """
        self.index.down = True
        answer = self.wait()
        self.assertIn(answer.code, (502, 503))
        self.assertEqual("2", answer.header("Retry-After"))
        self.assertEqual("no-store", answer.header("Cache-Control"))

    def test_none_upstream(self) -> None:
        """
        Where upstream has none, it is made of the page and the files' metadata, and
        upstream is let be for a minute.
        """
        self.index.documents = False
        answer = self.get(DOCUMENT)
        expected = "proxypypi; fwd=miss; fwd-status=404; detail=made-here"
        self.assertEqual(expected, answer.header("Cache-Status"))
        self.assertEqual("public, max-age=60", answer.header("Cache-Control"))
        self.check_made(answer.json)
        self.check_made(self.document(version="2.0"))
        asked = self.asked()
        self.document()
        self.assertEqual(asked, self.asked())
        self.advance(61)
        self.index.documents = True
        self.assertEqual("demo 2.0 upstream", self.document()["info"]["summary"])

    def check_made(self, document: dict[str, Any]) -> None:
        self.assertEqual("2.0", document["info"]["version"])
        self.assertEqual("demo", document["info"]["name"])
        page = "http://proxy.example/simple/demo/"
        self.assertEqual(page, document["info"]["package_url"])
        [file] = document["urls"]
        self.assertEqual({"sha256": self.second.sha256}, file["digests"])
        self.assertEqual("bdist_wheel", file["packagetype"])
        self.assertEqual("py3", file["python_version"])
        self.assertEqual([], document["vulnerabilities"])
        self.assertEqual({"organization": None, "roles": []}, document["ownership"])

    def test_nonsense(self) -> None:
        """
        What is none, is too large, or has no JSON API at all, is no reason to fail.
        """
        huge = Fault(content_length=LARGEST_DOCUMENT + 1)
        for fault in (
            Fault(body=b"<html>"),
            Fault(body=b"[]"),
            Fault(body=b'{"info": 7}'),
            Fault(body=b'{"info": {}, "releases": {"2.0": [{"filename": 7}]}}'),
            Fault(body=b'{"info":' + b"[" * 100_000),
            Fault(status=500),
            Fault(status=403),
            huge,
        ):
            self.index.fail(DOCUMENT, fault, times=None)
            document = self.wait().json
            self.assertEqual(["1.0", "2.0"], list(document["releases"]), fault)
            self.assertEqual(b"ok\n", self.get("/-/health").body)
            self.index.heal()
            self.advance(61)
            self.start_proxy()

    def test_slow(self) -> None:
        """
        Nobody waits for more than three seconds: the page is there.
        """
        self.get("/simple/demo/")
        self.index.fail(DOCUMENT, Fault(delay=60.0), times=None)
        asked = self.start(DOCUMENT)
        self.advance_slowly(2.5)
        self.assertIsNone(asked.code)
        self.advance_slowly(1)
        self.assertEqual(200, asked.code)
        self.assertEqual(["1.0", "2.0"], list(asked.json["releases"]))

    def test_once(self) -> None:
        """
        Many who ask at once ask upstream once.
        """
        self.get("/simple/demo/")
        self.index.delay = 1.0
        asked = [self.start(DOCUMENT) for _ in range(5)]
        self.advance_slowly(1.5)
        self.assertEqual([200] * 5, [a.code for a in asked])
        self.assertEqual(1, self.asked())

    def test_of_an_upstream_without(self) -> None:
        """
        An index whose address is no ``simple/`` has no JSON API to be asked for.
        """
        self.index.base = "/whl/"
        self.start_proxy("http://index.example/whl/")
        self.assertEqual(["1.0", "2.0"], list(self.versions()))
        paths = {seen.path for seen in self.index.requests}
        self.assertFalse([path for path in paths if "pypi" in path], paths)

    def test_no_proxy(self) -> None:
        """
        Without anybody to ask, what was said once still counts.
        """
        self.get(f"/files/demo/{self.second.filename}")
        self.document()
        self.start_proxy(None)
        requests = len(self.index.requests)
        document = self.document()
        self.assertEqual(["2.0"], list(document["releases"]))
        self.assertEqual("demo 2.0 upstream", document["info"]["summary"])
        self.assertEqual(requests, len(self.index.requests))

    def test_another_process(self) -> None:
        """
        What one process was told, the others know.
        """
        generations = Generations.alone()
        self.start_proxy(generations=generations)
        other = self.start_another(generations=generations)
        self.document()
        self.assertEqual(200, other.get(DOCUMENT).code)
        self.assertEqual(1, self.asked())
