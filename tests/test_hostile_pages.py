"""
What an upstream index can say or lead to, however much it would like to: nothing of it
becomes markup of ours, and nobody is contacted that the index has no business with.
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.assembly import build
from proxypypi.settings import Settings, UpstreamSettings
from proxypypi.web.ui.frame import frame
from tests.distributions import make_wheel
from tests.fake_index import HTML, JSON, Fault
from tests.proxy_case import (
    INDEX_URL,
    ProxyTestCase,
    Threads,
    connect,
    make_list_here,
)
from tests.proxy_case import Wire as ClientWire
from tests.upstream_fakes import Connection, Wire

WHEEL = make_wheel("demo")

SCRIPTS = (
    "<script>alert(1)</script>",
    "</a><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    '" onmouseover="alert(1)',
    "' onmouseover='alert(1)",
    "--><script>alert(1)</script><!--",
    "]]><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</pre></body></html><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "&quot; onclick=&quot;alert(1)",
    "javascript:alert(1)",
    "data:text/html;base64," + b64encode(b"<script>alert(1)</script>").decode(),
    "\u2028<script>\u2029",
    "\uff1cscript\uff1e",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "\x00<script>",
    "<scr\x00ipt>",
    "x\r\nSet-Cookie: a=b\r\n\r\n<script>",
    "{{7*7}} ${7*7} <%= 7*7 %>",
    "{title} {0} %s %(title)s",
)

FRAME = frame("", "<h1></h1><p></p>", home="../../")
TAGS = {"html", "head", "meta", "title", "body", "h1", "a", "br", "p"}
ATTRIBUTES = {
    *("href", "name", "content", "charset", "lang", "data-yanked"),
    *("data-requires-python", "data-core-metadata", "data-dist-info-metadata"),
    *("data-provenance", "data-gpg-sig"),
}


class Markup(HTMLParser):
    """
    The tags of a page, with their attributes.
    """

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, Mapping[str, str | None]]] = []
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))


class StoredScriptsTests(ProxyTestCase):
    def pages(self, script: str) -> Iterator[tuple[str, str]]:
        """
        Pages with it in every place there is, and their types.
        """
        url = f"http://index.example/files/{WHEEL.filename}"
        hashes = {"sha256": WHEEL.sha256, script: script}
        file = {
            "filename": WHEEL.filename,
            "url": url,
            "hashes": hashes,
            "requires-python": script,
            "yanked": script,
            "upload-time": script,
            "core-metadata": {script: script},
            "provenance": script,
        }
        named = f"demo-{script}-1.0.zip"
        others = [
            {"filename": named, "url": url, "hashes": hashes},
            {"filename": "demo-2.0.zip", "url": script, "hashes": {}},
            {"filename": "demo-3.0.zip", "url": url + "?" + script, "hashes": {}},
            {"filename": "demo-4.0.zip", "url": url, "hashes": {}, "size": script},
        ]
        for status in ("active", "archived", "deprecated", script):
            page = {
                "meta": {
                    "api-version": "1.4",
                    "_last-serial": script,
                    "project-status": status,
                    "project-status-reason": script,
                },
                "name": "demo",
                "versions": ["1.0", script],
                "project-status": {"status": status, "reason": script},
                "alternate-locations": [script],
                "files": [file, *others],
            }
            yield JSON, json.dumps(page)
        for said in (script, escape(script)):
            link = (
                f'<a href="/files/{WHEEL.filename}#sha256={WHEEL.sha256}"'
                f' data-yanked="{said}" data-requires-python="{said}"'
                f' data-core-metadata="{said}" data-provenance="{said}"'
                f' data-gpg-sig="{said}">{WHEEL.filename}</a>'
                f'<a href="{said}">{said}</a><a href="/files/demo-2.0.zip">{said}</a>'
                f"<a href='/files/demo-{said}-1.0.zip'>demo-{said}-1.0.zip</a>"
            )
            yield (
                HTML,
                '<!DOCTYPE html><html><head><meta name="pypi:repository-version"'
                ' content="1.4"><meta name="pypi:project-status"'
                f' content="archived"><meta name="pypi:project-status-reason"'
                f' content="{said}"><title>{said}</title></head><body>{link}</body>',
            )

    def assert_harmless(self, page: bytes, case: object) -> None:
        for tag, attributes in Markup(page).tags:
            self.assertIn(tag, TAGS, case)
            for name, value in attributes.items():
                self.assertIn(name, ATTRIBUTES, case)
                if name == "href":
                    self.assertRegex(str(value), r"^\.\./\.\./files/demo/[^/]+$", case)

    def assert_told(self, page: bytes, case: object) -> None:
        """
        An error has our frame, and in it nothing but text.
        """
        self.assertEqual(Markup(FRAME).tags, Markup(page).tags, case)

    def test_project_pages(self) -> None:
        """
        Whatever stands in names, versions, reasons, addresses and digests of a page,
        ours has no tag and no attribute that it should not have, leads to nobody else,
        and its header is ours.
        """
        self.index.add(WHEEL)
        for script in SCRIPTS:
            for kind, page in self.pages(script):
                self.index.fail(
                    "/simple/demo/",
                    Fault(body=page.encode(), headers={"Content-Type": kind}),
                )
                self.start_proxy(index_ttl=0)
                self.advance(1000)
                for wanted in (HTML, "text/html", JSON):
                    answer = self.get("/simple/demo/", Accept=wanted)
                    case = (script, page[:300])
                    self.assertIn(answer.code, (200, 502), case)
                    self.assertIsNone(answer.header("Set-Cookie"), case)
                    self.assertEqual("nosniff", answer.header("X-Content-Type-Options"))
                    if answer.header("Content-Type") == JSON:
                        for file in answer.json["files"]:
                            self.assertRegex(file["url"], r"^\.\./\.\./files/demo/")
                    elif "html" in str(answer.header("Content-Type")):
                        if answer.code == 200:
                            self.assert_harmless(answer.body, case)
                        else:
                            self.assert_told(answer.body, case)
                self.index.heal()

    def test_errors(self) -> None:
        """
        What is told of an error is text, whether it was the client that said it or
        upstream.
        """
        for script in SCRIPTS:
            for fault in (
                Fault(redirect=script),
                Fault(body=b"{}", headers={"Content-Type": f"text/{script[:20]!a}"}),
                Fault(content_encoding=ascii(script)),
            ):
                self.index.add(WHEEL)
                self.index.fail("/simple/demo/", fault, times=None)
                answer = self.start("/simple/demo/", Accept="text/html")
                self.advance_slowly(13)
                self.assertIn("text/html", str(answer.header("Content-Type")))
                self.assert_told(answer.body, (script, answer.body))
                self.index.heal()


PUBLIC = "203.0.114.1"
CANARIES = {
    "127.0.0.1": "127.0.0.1",
    "[::1]": "::1",
    "[::ffff:127.0.0.1]": "::ffff:127.0.0.1",
    "0.0.0.0": "0.0.0.0",
    "2130706433": "127.0.0.1",
    "0x7f.1": "127.0.0.1",
    "localhost": "127.0.0.1",
    "trap.example": "127.0.0.1",
    "six.example": "fd00::1",
    "cloud.example": "169.254.169.254",
    "169.254.169.254": "169.254.169.254",
    "10.0.0.7": "10.0.0.7",
    "192.168.1.1": "192.168.1.1",
    "nat.example": "100.64.0.1",
}
ADDRESSES = [
    *(f"http://{host}:8/" for host in CANARIES),
    *(f"https://{host}/" for host in CANARIES),
    *("file:///etc/", "ftp://trap.example/", "gopher://127.0.0.1:8/", "unix:/run/x/"),
]


class CanaryTests(SynchronousTestCase):
    """
    The index is on the public network. What it names is in ours.
    """

    def setUp(self) -> None:
        directory = Path(self.mktemp()).resolve()
        directory.mkdir()
        hosts = {host.strip("[]"): [address] for host, address in CANARIES.items()}
        self.wire = Wire(INDEX_URL, {"index.example": [PUBLIC], **hosts})
        settings = Settings(
            directory=directory, upstreams=(UpstreamSettings.from_url(INDEX_URL),)
        )
        self.proxy = build(
            settings, self.wire.reactor, [self.wire.index], Threads(), make_list_here
        )

    def ask(self, path: str, method: str = "GET", *headers: str) -> ClientWire:
        client = connect(self.proxy.faces, self.wire.reactor)
        client.send(f"{method} {path} HTTP/1.1", "Connection: close", *headers)
        return client

    def answer(self, body: str, *headers: str, status: str = "200 OK") -> Connection:
        """
        What the index says to the latest question.
        """
        connection = self.wire.accept()
        lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
        connection.send("\r\n".join([*lines, "", body]).encode())
        return connection

    def assert_alone(self, case: object) -> None:
        """
        Nobody but the index was ever connected to.
        """
        hosts = {host for host, _ in self.wire.attempts}
        self.assertEqual({PUBLIC}, hosts, case)

    def assert_refused(self, client: ClientWire, case: object) -> None:
        self.wire.reactor.advance(15)
        self.assertIn(client.code, (404, 502, 503), case)
        self.assert_alone(case)

    def page(self, url: str, **more: object) -> str:
        file = {
            "filename": WHEEL.filename,
            "url": url,
            "hashes": {"sha256": WHEEL.sha256},
            **more,
        }
        return json.dumps(
            {"meta": {"api-version": "1.3"}, "name": "demo", "files": [file]}
        )

    def test_redirects(self) -> None:
        """
        No redirect leads there, of a page, a project list or a file.
        """
        for address in ADDRESSES:
            for path in ("/simple/demo/", "/simple/"):
                self.setUp()
                client = self.ask(path)
                self.answer("", f"Location: {address}", status="302 Found")
                self.assert_refused(client, (path, address))
            for path, method in self.files():
                self.setUp()
                client = self.ask(path, method, "Range: bytes=5-9")
                page = self.page("http://index.example/files/x", size=1000)
                self.answer(page, f"Content-Type: {JSON}")
                asked = len(self.wire.attempts)
                if asked > 1:
                    self.answer("", f"Location: {address}", status="302 Found")
                self.wire.reactor.advance(15)
                self.assert_alone((path, address))

    def test_links(self) -> None:
        """
        Nor does a link of a page, for the file or for its metadata; the page itself and
        where it says that a provenance is contact nobody.
        """
        for address in ADDRESSES:
            self.setUp()
            client = self.ask("/simple/demo/", "GET", f"Accept: {JSON}")
            url = address + WHEEL.filename
            page = self.page(url, provenance=address, **{"core-metadata": True})
            self.answer(page, f"Content-Type: {JSON}")
            self.assertEqual(200, client.code, address)
            for path, method in self.files():
                for headers in ((), ("Range: bytes=5-9",), ("Range: bytes=-9",)):
                    client = self.ask(path, method, *headers)
                    self.assert_refused(client, (path, address))

    def test_base(self) -> None:
        """
        Nor does the base of its links.
        """
        for address in ADDRESSES:
            self.setUp()
            client = self.ask("/simple/demo/")
            link = f'<a href="{WHEEL.filename}#sha256={WHEEL.sha256}"'
            page = (
                f'<html><head><base href="{address}"></head><body>'
                f'{link} data-core-metadata="true">{WHEEL.filename}</a></body></html>'
            )
            self.answer(page, "Content-Type: text/html")
            self.assertEqual(200, client.code, address)
            for path, method in self.files():
                self.assert_refused(self.ask(path, method), (path, address))

    def files(self) -> list[tuple[str, str]]:
        path = f"/files/demo/{WHEEL.filename}"
        return [(path, "GET"), (path, "HEAD"), (f"{path}.metadata", "GET")]
