"""
Tests for :mod:`proxypypi.web.home`.
"""

import re

from proxypypi import __version__
from proxypypi.settings import UpstreamSettings
from tests.pages import Page
from tests.passwords import write_users
from tests.proxy_case import INDEX_URL, ProxyTestCase


class HomeTests(ProxyTestCase):
    def text(self, **how: str) -> str:
        return Page(self.get("/", **how).body).text

    def test_what_this_is(self) -> None:
        """
        A page for people, never from a cache, with the way in for every installer.
        """
        answer = self.get("/")
        self.assertEqual(200, answer.code)
        for name, value in {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Length": str(len(answer.body)),
            "Cache-Control": "no-cache",
            "Cache-Status": "proxypypi; hit",
            "Vary": "Host, X-Forwarded-Proto, X-Forwarded-Prefix",
            "X-Content-Type-Options": "nosniff",
        }.items():
            self.assertEqual(value, answer.header(name), name)
        text = self.text()
        for part in (
            "pip install -i http://proxy.example/simple/",
            "index-url = http://proxy.example/simple/",
            "uv pip install --default-index http://proxy.example/simple/",
            "poetry source add --priority=primary proxypypi http://proxy.example/",
            "http://proxy.example/local/",
            "http://proxy.example/snapshot/2026-11-01/simple/",
            f"It stands in for {INDEX_URL}.",
            f"proxypypi {__version__}",
        ):
            self.assertIn(part, text)
        self.assertEqual([], self.index.requests)

    def test_the_address_people_use(self) -> None:
        """
        The commands fit the address the page was asked at, and name a host as trusted
        only where pip would not take it otherwise.
        """
        for scheme, host, trusted in [
            ("http", "proxy.example:8000", "proxy.example"),
            ("http", "[2001:db8::1]:8000", "[2001:db8::1]"),
            ("https", "proxy.example", None),
            ("http", "localhost:8000", None),
            ("http", "127.0.0.1:8000", None),
            ("http", "127.9.9.9", None),
            ("http", "[::1]:8000", None),
        ]:
            text = self.text(scheme=scheme, host=host)
            base = f"{scheme}://{host}"
            self.assertIn(f"index-url = {base}/simple/", text)
            found = re.findall(r"--trusted-host (\S+)|trusted-host = (\S+)", text)
            expected = [] if trusted is None else [(trusted, ""), ("", trusted)]
            self.assertEqual(expected, found, base)

    def test_behind_a_web_server(self) -> None:
        """
        Where a web server is in front, they fit the address that it was asked at.
        """
        for scheme, prefix, base in [
            ("https", "/pypi-cache", "https://proxy.example/pypi-cache/"),
            ("https", "/a/b/", "https://proxy.example/a/b/"),
            ("https", "/", "https://proxy.example/"),
            ("https, http", "", "http://proxy.example/"),
            ("javascript", "/<b>", "http://proxy.example/<b>/"),
        ]:
            text = self.text(X_Forwarded_Proto=scheme, X_Forwarded_Prefix=prefix)
            self.assertIn(f"index-url = {base}simple/", text)
            self.assertIn(f"use {base}local/ for", text)

    def test_hostile_host(self) -> None:
        """
        What a client says of itself is shown to it as text.
        """
        wire = self.connect()
        wire.send_bytes(b'GET / HTTP/1.1\r\nHost: "><script>x</script>\r\n\r\n')
        page = Page(wire.body)
        self.assertEqual(200, wire.code)
        self.assertEqual(1, page.tags.count("script"), "ours")
        self.assertIn("<script>x</script>", page.text)

    def test_no_host(self) -> None:
        """
        HTTP/1.0 needs no Host; the page works all the same.
        """
        wire = self.connect()
        wire.send_bytes(b"GET / HTTP/1.0\r\n\r\n")
        self.assertEqual(200, wire.code)
        self.assertIn(b"/simple/", wire.body)

    def test_several(self) -> None:
        """
        All that it stands in for are named.
        """
        others = ["http://a.example/", "http://b.example/"]
        self.start_proxy(upstreams=list(map(UpstreamSettings.from_url, others)))
        self.assertIn("stands in for http://a.example/ and http://b.ex", self.text())

    def test_nobody_to_stand_in_for(self) -> None:
        """
        Without upstream, the page says so.
        """
        self.start_proxy(None)
        self.assertIn("asks no one else", self.text())

    def test_credentials_are_not_shown(self) -> None:
        """
        An address with a password in it is shown without.
        """
        self.start_proxy("http://me:secret@index.example/simple/")
        text = self.text()
        self.assertIn(INDEX_URL, text)
        self.assertNotIn("secret", text)

    def test_publishing(self) -> None:
        """
        Where packages are published is said if anybody may.
        """
        command = "twine upload --repository-url http://proxy.example/legacy/ dist/*"
        self.assertNotIn("twine", self.text())
        users = write_users(self.directory.with_suffix(".up"), bob="one")
        self.start_proxy(upload_auth=users)
        self.assertIn(command, self.text())

    def test_what_it_does(self) -> None:
        """
        The page tells, without a script, how things are.
        """
        self.index.add_project("demo")
        self.get("/simple/demo/")
        self.proxy.core.health.worsen("disk", "it is <full>")
        text = self.text()
        for said in ("Degraded", "it is <full>", "miss 1", f"{INDEX_URL}answers2xx 1"):
            self.assertIn(said, text)
        self.assertNotIn("live", text.replace("live", "", 1))

    def test_nothing_else(self) -> None:
        """
        What is nobody's is 404, in no time and without upstream.
        """
        for path in ("/favicon.ico", "/other/", "/pypi"):
            answer = self.get(path)
            self.assertEqual(404, answer.code, path)
            self.assertEqual("no-store", answer.header("Cache-Control"), path)
        self.assertEqual(405, self.get("/", "PUT").code)
        self.assertEqual(b"", self.get("/", "HEAD").body)
        self.assertEqual([], self.index.requests)
