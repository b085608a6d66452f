"""
Tests for :mod:`proxypypi.web.ui.frame`.
"""

from urllib.parse import urljoin

from twisted.trial.unittest import SynchronousTestCase

from proxypypi import __version__
from proxypypi.web.ui.frame import FOLLOW, POLICY, frame
from tests.pages import Page
from tests.passwords import write_users
from tests.proxy_case import ProxyTestCase


class FrameTests(SynchronousTestCase):
    def test_page(self) -> None:
        """
        A page has its title and content, our name and version, and the way home.
        """
        page = Page(frame("<1>", "<h1>one</h1>", home="../"))
        self.assertEqual([], page.unclosed)
        self.assertIn("<1>", page.text)
        self.assertIn("one", page.text)
        self.assertIn(f"proxypypi {__version__}", page.text)
        self.assertIn("../", page.links)

    def test_policy(self) -> None:
        """
        Browsers use its own style sheet, and neither run anything else nor ask anybody
        for anything.
        """
        page = Page(frame("", FOLLOW))
        (style,), (script,) = page.sources("style"), page.sources("script")
        self.assertIn(f"style-src {style};", POLICY)
        self.assertIn(f"script-src {script};", POLICY)
        self.assertTrue(POLICY.startswith("default-src 'none';"))
        self.assertNotIn("unsafe", POLICY)
        self.assertNotIn("style", page.attributes)
        for link in page.links:
            self.assertTrue(link.startswith(("data:", "./")), link)


class InTheWholeTests(ProxyTestCase):
    def test_all(self) -> None:
        """
        The home page, that of uploads and errors in a browser are all such pages, with
        the policy; for programs there is none of it.
        """
        browser = "text/html,application/xhtml+xml,*/*;q=0.8"
        for path, code in (
            ("/", 200),
            ("/legacy/", 200),
            ("/legacy", 200),
            ("/simple/missing/", 404),
            ("/nothing", 404),
            ("/a%2fb", 400),
        ):
            answer = self.get(path, Accept=browser)
            self.assertEqual(code, answer.code, path)
            self.assertEqual("text/html; charset=utf-8", answer.header("Content-Type"))
            self.assertEqual(POLICY, answer.header("Content-Security-Policy"), path)
            page = Page(answer.body)
            self.assertEqual([], page.unclosed, path)
            for source in (*page.sources("style"), *page.sources("script")):
                self.assertIn(source, POLICY, path)
            home = urljoin(f"http://proxy.example{path}", page.links[1])
            self.assertEqual("http://proxy.example/", home)
        for path in ("/legacy/", "/simple/missing/"):
            answer = self.get(path)
            self.assertIsNone(answer.header("Content-Security-Policy"), path)
            self.assertNotIn(b"<", answer.body)

    def test_simple_pages(self) -> None:
        """
        Pages that installers read stay as they are.
        """
        self.index.add_project("demo")
        answer = self.get("/simple/demo/", Accept="text/html")
        self.assertIsNone(answer.header("Content-Security-Policy"))
        self.assertNotIn(b"<style", answer.body)

    def test_who_may_not_read(self) -> None:
        """
        So is the one that asks for a password.
        """
        users = write_users(self.directory.with_suffix(".read"), eve="two")
        self.start_proxy(read_auth=users)
        answer = self.get("/", Accept="text/html")
        self.assertEqual(401, answer.code)
        self.assertIn("401 Unauthorized", Page(answer.body).text)
