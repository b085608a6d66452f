"""
Tests for :mod:`proxypypi.simple.project_list`.
"""

import gzip
import json
import time
import zlib
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st
from pypi_simple import IndexPage
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import UnreadablePage
from proxypypi.simple.project_list import (
    compress,
    describe,
    read_names,
    render_beginnings,
    render_rest,
)
from proxypypi.simple.rendering import Rendered, render_list

JSON = "application/vnd.pypi.simple.v1+json"

names = st.lists(st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8})?", fullmatch=True))


def read(body: str | bytes, content_type: str = "text/html") -> list[str]:
    if isinstance(body, str):
        body = body.encode()
    return list(read_names(body, content_type))


class JsonTests(SynchronousTestCase):
    def test_names(self) -> None:
        """
        Names are normalized, in their order, repeated ones too.
        """
        listed = [{"name": n, "_last-serial": 3} for n in ("Zope.X", "a", "zope_x")]
        body = json.dumps({"meta": {"api-version": "1.0"}, "projects": listed})
        for kind in (JSON, "application/json", f"{JSON.upper()} ; charset=utf-8"):
            self.assertEqual(["zope-x", "a", "zope-x"], read(body, kind), kind)

    def test_versions(self) -> None:
        """
        Every version 1 is read, and a list that does not say; another is not.
        """
        for meta in (
            *('{"api-version": "1.0"}', '{"api-version": "1.99"}', "{}", "null", "3"),
            *('{"api-version": 1.1}', '{"api-version": null}'),
        ):
            body = f'{{"meta": {meta}, "projects": [{{"name": "a"}}]}}'
            self.assertEqual(["a"], read(body, JSON), meta)
        for version in ('"2.0"', '"10"', '""', "[]"):
            body = f'{{"meta": {{"api-version": {version}}}, "projects": []}}'
            with self.assertRaises(UnreadablePage, msg=version):
                read(body, JSON)

    def test_hostile_names(self) -> None:
        """
        What is no name is left out.
        """
        bad: list[object] = [
            "",
            "..",
            "a/b",
            "a\x00",
            "a b",
            "<b>",
            "-",
            "x" * 300,
            None,
            3,
            [],
            {},
        ]
        listed = [{"name": name} for name in [*bad, "good"]] + [{}]
        self.assertEqual(["good"], read(json.dumps({"projects": listed}), JSON))

    def test_unreadable(self) -> None:
        """
        What is no list at all is an error.
        """
        for body in (
            *(b"", b"{", b"[]", b"{}", b'{"projects": {}}', b'{"projects": [1]}'),
            *(b'{"projects": ["a"]}', b"\xff", b"[" * 100_000, b"<html>"),
        ):
            with self.assertRaises(UnreadablePage, msg=body[:20]):
                read(body, JSON)


class HtmlTests(SynchronousTestCase):
    def test_links(self) -> None:
        """
        However a link is written, its last segment is the name.
        """
        for link in (
            '<a href="a-b/">A.B</a>',
            "<a href='a-b/'>",
            "<a href=a-b/>",
            "<a href=a-b>",
            '<A HREF = "A_B">',
            '<a class="x" href="/simple/a.b/" rel=internal>',
            '<a\n  data-x="1"\n  href="a-b/"\n>',
            '<a href="https://index.example/simple/a-b/">',
            '<a href="//index.example/simple/a-b/">',
            '<a href="../simple/a-b/?x=/y/#z/w">',
            '<a href=" a-b/ ">',
            '<a href="a%2Db/">',
            '<a href="a&#45;b/">',
        ):
            self.assertEqual(["a-b"], read(f"<html>{link}</html>"), link)

    def test_no_names(self) -> None:
        """
        Other links and other text name no project.
        """
        for link in (
            *('<a href="..">', '<a href="../">', '<a href="/">', '<a href="">'),
            *('<a href="#top">', '<a href="?C=M;O=A">', "<a name=a>", "<a>", "<a href"),
            *('<a href="a%2Bb/">', '<a href="a+b/">', '<a href="a%00/">'),
            *('<a href="http://[x/">', '<a href="https://index.example">'),
            *('<a href="javascript:alert(1)">', '<abbr href="a/">', "a/", "href=a"),
            *(
                '<a href="&lt;script&gt;/">',
                '<a href="%ff/">',
                f'<a href="{"x" * 999}">',
            ),
        ):
            self.assertEqual([], read(f"<html>{link}"), link)

    def test_types(self) -> None:
        """
        All types of HTML are read, whatever their encoding; other types are not.
        """
        body = b'<!DOCTYPE html><a href="a/">\xff</a><a href="b/"></a>'
        for kind in ("text/html; charset=latin-1", "application/xhtml+xml"):
            self.assertEqual(["a", "b"], read(body, kind), kind)
        self.assertEqual(["a", "b"], read(body, "application/vnd.pypi.simple.v1+html"))
        for kind in ("", "text/plain", "application/octet-stream", "html; a=json"):
            with self.assertRaises(UnreadablePage, msg=kind):
                read(body, "" if kind.startswith("html") else kind)

    def test_no_html(self) -> None:
        """
        A body without any element of a page is no list of nothing.
        """
        for body in (b"", b"busy, come back later", b'{"projects": []}', b"<xml/>"):
            with self.assertRaises(UnreadablePage, msg=body):
                read(body)

    def test_takes_no_time(self) -> None:
        """
        Nothing that somebody could write takes more than linear time.
        """
        began = time.perf_counter()
        for part in ("<a ", "<a href=", '<a href="', "<a href='\"", "<a  href ", " "):
            for body in ("<a " + part * 300_000, "<html>" + part * 300_000):
                read(body)
        self.assertLess(time.perf_counter() - began, 20.0)


class RenderingTests(SynchronousTestCase):
    def whole(self, listed: list[str], here: list[str]) -> dict[str, bytes]:
        """
        A list in all forms, put together as a client gets it.
        """
        as_json, as_html = render_beginnings(listed)
        rest = render_rest(describe(as_json), describe(as_html), here)
        self.rest: Rendered = rest
        return {
            "json": as_json + rest.json.body,
            "json.gz": compress(as_json) + rest.json_gzip.body,
            "html": as_html + rest.html.body,
            "html.gz": compress(as_html) + rest.html_gzip.body,
        }

    @given(listed=names, here=names)
    def test_like_one(self, listed: list[str], here: list[str]) -> None:
        """
        Beginning and rest together are what would have been made at once; compressed
        they are one gzip member, which some clients insist on.
        """
        expected = render_list([*listed, *here])
        whole = self.whole(listed, here)
        self.assertEqual(expected.json.body, whole["json"])
        self.assertEqual(expected.html.body, whole["html"])
        for form in ("json", "html"):
            packed = whole[f"{form}.gz"]
            self.assertEqual(whole[form], gzip.decompress(packed))
            member = zlib.decompressobj(16 + zlib.MAX_WBITS)
            self.assertEqual(whole[form], member.decompress(packed))
            self.assertEqual((True, b""), (member.eof, member.unused_data))

    def test_parsed_by_others(self) -> None:
        """
        Independent parsers find all names, also where one part is empty.
        """
        for listed, here in ((["a"], ["b"]), (["a", "b"], []), ([], ["a", "b"])):
            whole = self.whole(listed, here)
            page = IndexPage.from_json_data(json.loads(whole["json"]))
            self.assertEqual(["a", "b"], page.projects)
            page = IndexPage.from_html(whole["html"].decode())
            self.assertEqual(["a", "b"], page.projects)

    def test_tags(self) -> None:
        """
        Other bytes have another tag, wherever they differ; the same have the same.
        """
        tags = []
        for listed, here in ((["a"], []), (["a"], ["b"]), (["c"], ["b"]), ([], [])):
            for _ in range(2):
                self.whole(listed, here)
                rest = self.rest
                each = (rest.json, rest.json_gzip, rest.html, rest.html_gzip)
                tags.append(tuple(representation.etag for representation in each))
        self.assertEqual(16, len({tag for four in tags for tag in four}))
        self.assertEqual(tags[::2], tags[1::2])

    def test_described(self) -> None:
        """
        Of a beginning its size, digest and checksum are known.
        """
        found = describe(b"abc")
        self.assertEqual(
            (3, sha256(b"abc").hexdigest(), zlib.crc32(b"abc")),
            (found.size, found.digest, found.crc),
        )
