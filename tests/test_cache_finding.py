"""
Tests for :mod:`proxypypi.cache.finding`, over HTTP.
"""

from tests.distributions import make_wheel
from tests.fake_index import Fault
from tests.proxy_case import ProxyTestCase


class FinderTests(ProxyTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("demo", payload=3000)
        self.path = self.index.add(self.wheel)
        self.url = f"/files/demo/{self.wheel.filename}"

    def test_nobody_asked_for_what_is_here(self) -> None:
        """
        A file that is here needs no upstream, however old its page, and even if that
        hangs or is lost.
        """
        self.get(self.url)
        requests = len(self.index.requests)
        self.index.fail("*", Fault(delay=1000), times=None)
        self.advance(100_000)
        for restart in (False, True):
            if restart:
                self.start_proxy()
            answer = self.get(self.url)
            self.assertEqual(self.wheel.content, answer.body)
            self.assertEqual("proxypypi; hit", answer.header("Cache-Status"))
        (self.directory / ".proxypypi" / "cache" / "pages" / "demo.page").unlink()
        self.start_proxy()
        self.assertEqual(self.wheel.content, self.get(self.url).body)
        self.assertEqual(requests, len(self.index.requests))

    def test_a_file_without_a_page(self) -> None:
        """
        A file may be asked for before its page; the page is fetched for it.
        """
        self.assertEqual(self.wheel.content, self.get(self.url).body)
        self.assertEqual(
            ["/simple/demo/", self.path], [seen.path for seen in self.index.requests]
        )

    def test_old_page(self) -> None:
        """
        A file is found by an old page when there is no other to be had.
        """
        self.get("/simple/demo/")
        self.advance(901)
        self.index.fail("/simple/demo/", Fault(status=403), times=None)
        self.assertEqual(self.wheel.content, self.get(self.url).body)

    def test_page_that_cannot_be_had(self) -> None:
        """
        Without any page nobody knows of the file: to be tried again, never 404.
        """
        self.index.fail("/simple/demo/", Fault(status=403), times=None)
        answer = self.get(self.url)
        self.assertEqual((502, "2"), (answer.code, answer.header("Retry-After")))
