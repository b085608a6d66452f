"""
Tests for :mod:`proxypypi.simple.html`.
"""

from html.parser import HTMLParser
from math import inf
from time import process_time
from typing import Any

import pypi_simple
from attrs import evolve
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import UnreadablePage
from proxypypi.model import Distribution, HeldBack, ProjectPage
from proxypypi.simple.html import parse_page, render_list, render_page
from tests.simple_pages import BASE, NAME, SHA256, pages

WHEEL = "demo-1.0-py3-none-any.whl"
LINK = f"https://files.example/{WHEEL}"


def parse(text: str | bytes) -> ProjectPage:
    return parse_page(text if isinstance(text, bytes) else text.encode(), BASE, NAME)


def reduced(page: ProjectPage) -> ProjectPage:
    """
    As much of a page as HTML can carry.
    """

    def one(hashes: Any) -> Any:
        if isinstance(hashes, bool) or hashes is None:
            return hashes or None
        order = ("sha256", "sha512", "sha1", "md5")
        return next(({a: hashes[a]} for a in order if a in hashes), {})

    return evolve(
        page,
        versions=(),
        last_serial=None,
        distributions=tuple(
            evolve(
                d,
                hashes=one(d.hashes),
                size=None,
                upload_time=None,
                core_metadata=True
                if one(d.core_metadata) == {}
                else one(d.core_metadata),
            )
            for d in page.distributions
        ),
    )


class ParsePageTests(SynchronousTestCase):
    def parse_anchor(self, attributes: str, href: str = LINK) -> Distribution:
        (found,) = parse(f'<a href="{href}" {attributes}>x</a>').distributions
        return found

    def test_whole_page(self) -> None:
        """
        All that the specification knows is read.
        """
        page = parse(
            f"""<!DOCTYPE html>
            <html><head>
            <meta name="pypi:repository-version" content="1.4">
            <meta name="pypi:project-status" content="archived">
            <meta name="pypi:project-status-reason" content="a &amp; b">
            </head><body>
            <a href="../../files/{WHEEL}#sha256={SHA256}"
               data-requires-python="&gt;=3.8" data-yanked="not &quot;good&quot;"
               data-core-metadata="sha256=AB" data-gpg-sig="true"
               data-provenance="/integrity" data-upload-time="2026-01-02T03:04:05Z"
               >{WHEEL}</a>
            </body></html>"""
        )
        self.assertEqual(
            ProjectPage(
                name=NAME,
                distributions=(
                    Distribution(
                        filename=WHEEL,
                        url=f"https://index.example/files/{WHEEL}",
                        hashes={"sha256": SHA256},
                        requires_python=">=3.8",
                        upload_time="2026-01-02T03:04:05Z",
                        yanked='not "good"',
                        core_metadata={"sha256": "ab"},
                        provenance="https://index.example/integrity",
                        gpg_sig=True,
                    ),
                ),
                status="archived",
                status_reason="a & b",
            ),
            page,
        )

    def test_links(self) -> None:
        """
        The name of a file is the decoded end of its address, which stays encoded.
        """
        cases = [
            ("demo-1.0.zip", "demo-1.0.zip", BASE + "demo-1.0.zip"),
            (
                "/x/demo-1.0%2Blocal.zip",
                "demo-1.0+local.zip",
                "https://index.example/x/demo-1.0%2Blocal.zip",
            ),
            (
                "//files.example/demo-1.0+a.zip",
                "demo-1.0+a.zip",
                "https://files.example/demo-1.0+a.zip",
            ),
            (
                "demo-1.0.zip?a=1&amp;b=/2",
                "demo-1.0.zip",
                BASE + "demo-1.0.zip?a=1&b=/2",
            ),
            ("demo-1.0.zip#egg=demo-1.0", "demo-1.0.zip", BASE + "demo-1.0.zip"),
            (" demo-1.0.zip ", "demo-1.0.zip", BASE + "demo-1.0.zip"),
            ("demo 1.0.zip", "demo 1.0.zip", BASE + "demo%201.0.zip"),
        ]
        for href, filename, url in cases:
            found = self.parse_anchor("", href)
            self.assertEqual((filename, url), (found.filename, found.url), href)

    def test_no_distribution(self) -> None:
        """
        Links to other things, unsafe names and schemes not on the web are ignored.
        """
        for href in (
            "",
            "..",
            "../",
            "https://www.example/",
            "README.txt",
            "demo-1.0.zip/",
            "x/..%2fdemo-1.0.zip",
            "..%5Cdemo-1.0.zip",
            "demo%0A-1.0.zip",
            ".demo-1.0.zip",
            "demo-1.0-py3-none-any.whl.metadata",
            "ftp://files.example/demo-1.0.zip",
            "file:///demo-1.0.zip",
            "javascript:demo-1.0.zip",
            "http:///demo-1.0.zip",
            "https://[/demo-1.0.zip",
            "?file=demo-1.0.zip",
            "#demo-1.0.zip",
        ):
            self.assertEqual((), parse(f'<a href="{href}">x</a>').distributions, href)
        for anchor in ("<a>demo-1.0.zip</a>", "<a name=demo-1.0.zip>", "<a href>x</a>"):
            self.assertEqual((), parse(anchor).distributions, anchor)

    def test_markup(self) -> None:
        """
        Markup is read as browsers do, however it is written.
        """
        for markup in (
            f"<A HREF='{LINK}'>x</A>",
            f"<a href={LINK}>x",
            f"<a\nhref = '{LINK}' / >x</a>",
            f"<a href={LINK} />",
            f"<a href='{LINK}' href='https://other.example/other-1.0.zip'>x</a>",
            f"<a href='&#104;ttps://files.example/{WHEEL}'>x</a>",
            f"<p><!-- <a href='/other-1.0.zip'> --><a href={LINK}>",
            f"<script>'<a href=/other-1.0.zip>'</script><a href={LINK}>",
            f"<a href={LINK}>x</a><a href={LINK}?again>x</a>",
            f"<a href={LINK}>x</a><a href=/other-1.0.zip",
        ):
            found = [(d.filename, d.url) for d in parse(markup).distributions]
            self.assertEqual([(WHEEL, LINK)], found, markup)

    def test_base(self) -> None:
        """
        Relative links start at the page's base, if it has one.
        """
        cases = [
            ("<base href='/b/'>", "https://index.example/b/a-1.zip"),
            ("<BASE HREF=https://files.example/c/>", "https://files.example/c/a-1.zip"),
            ("<base href='x/'><base href='y/'>", BASE + "x/a-1.zip"),
            ("<base target=_blank>", BASE + "a-1.zip"),
            ("<base href='ftp://files.example/'>", BASE + "a-1.zip"),
        ]
        for base, url in cases:
            (found,) = parse(f"{base}<a href=a-1.zip>").distributions
            self.assertEqual(url, found.url, base)

    def test_fragments(self) -> None:
        """
        A fragment is a digest, or nothing.
        """
        cases: list[tuple[str, dict[str, str]]] = [
            (f"sha256={SHA256}", {"sha256": SHA256}),
            ("SHA256=AB", {"sha256": "ab"}),
            ("md5=ab", {"md5": "ab"}),
            ("blake2b=ab", {"blake2b": "ab"}),
            ("egg=demo&amp;sha1=ab", {"sha1": "ab"}),
            ("", {}),
            ("egg=demo", {}),
            ("egg=abcdef", {}),
            (SHA256, {}),
            ("sha256=", {}),
            ("sha256=xyz", {}),
            ("sha256", {}),
        ]
        for fragment, hashes in cases:
            found = self.parse_anchor("", f"{LINK}#{fragment}")
            self.assertEqual((hashes, LINK), (found.hashes, found.url), fragment)

    def test_yanked(self) -> None:
        """
        The attribute alone says so; its value is the reason.
        """
        cases: list[tuple[str, str | bool]] = [
            ("", False),
            ("data-yanked", ""),
            ("data-yanked=''", ""),
            ("DATA-YANKED='bad'", "bad"),
            ("data-yanked='&lt;b&gt;'", "<b>"),
            ("data-yanked='&amp;lt;'", "&lt;"),
        ]
        for attribute, yanked in cases:
            self.assertEqual(yanked, self.parse_anchor(attribute).yanked, attribute)

    def test_core_metadata(self) -> None:
        """
        It has two names; what says nothing about it promises nothing.
        """
        cases: list[tuple[str, object]] = [
            ("data-core-metadata=true", True),
            ("data-dist-info-metadata='sha256=ab'", {"sha256": "ab"}),
            ("data-core-metadata=TRUE data-dist-info-metadata='sha256=ab'", True),
            ("data-core-metadata='' data-dist-info-metadata=true", True),
            ("data-core-metadata='crc32=ab'", True),
            ("data-core-metadata=false", False),
            ("data-core-metadata", None),
            ("data-core-metadata=''", None),
            ("data-core-metadata=maybe", None),
            ("", None),
        ]
        for attributes, expected in cases:
            found = self.parse_anchor(attributes).core_metadata
            self.assertEqual(expected, found, attributes)

    def test_gpg_sig(self) -> None:
        """
        Whether there is a signature may be unknown.
        """
        cases = [("=true", True), ("=false", False), ("", None), ("=''", None)]
        for value, expected in [*cases, ("=yes", None)]:
            found = self.parse_anchor(f"data-gpg-sig{value}").gpg_sig
            self.assertIs(expected, found, value)

    def test_repository_version(self) -> None:
        """
        A page of another major version may mean anything.
        """
        meta = "<meta name='pypi:repository-version' content='{}'><a href=a-1.zip>"
        for good in ("1.0", "1.99", "1", ""):
            self.assertEqual(1, len(parse(meta.format(good)).distributions), good)
        for bad in ("2.0", "0.1", "x"):
            with self.assertRaises(UnreadablePage, msg=bad):
                parse(meta.format(bad))

    def test_text_is_no_page(self) -> None:
        """
        A page without links is empty if it is HTML, else it is no page.
        """
        for html in (
            "<!doctype html>",
            "<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 4.01//EN'>",
            "<html>",
            "<HEAD>",
            "<body>",
            "<title>",
            "<h1>",
            "<a>",
        ):
            self.assertEqual(ProjectPage(name=NAME), parse(html), html)
        for text in (
            "",
            "Not found",
            "temporarily unavailable <admin@index.example>",
            "<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
            '{"files": []}',
            "<!-- <html> -->",
            "<![x]>",
            b"\x1f\x8b\x08\x00",
            b"\xff\xfe\x00",
        ):
            with self.assertRaises(UnreadablePage, msg=text):
                parse(text)

    def test_log_in_page(self) -> None:
        """
        A page that asks for a password is no empty project; one that does so beside its
        links is a page.
        """
        form = "<html><a href='/help'>Help</a><form><input {}></form>"
        for field in (
            "type=password",
            "name='p' TYPE='Password' required",
            "type=password type=text",
        ):
            with self.assertRaises(UnreadablePage, msg=field) as raised:
                parse(form.format(field))
            said = str(raised.exception)
            self.assertEqual("it looks like a log-in page", said)
            page = parse(form.format(field) + "<a href=a-1.zip>")
            self.assertEqual(1, len(page.distributions), field)
        for field in ("", "type", "type=search", "name=password"):
            self.assertEqual(ProjectPage(name=NAME), parse(form.format(field)), field)

    def test_bad_encoding(self) -> None:
        """
        Bytes that are no UTF-8 spoil no more than the text they stand in.
        """
        page = parse(b"<a data-yanked='\xff!' href='a-1.zip'>\xff</a><a href=b-1.zip>")
        found = [(d.filename, d.yanked) for d in page.distributions]
        self.assertEqual([("a-1.zip", "\ufffd!"), ("b-1.zip", False)], found)

    def test_unfinished_tags(self) -> None:
        """
        However many tags are begun and not finished, the page is soon read.
        """
        for begun in ("<a ", "<a b='", "<a/", "<!--", "<![CDATA[", "</a"):
            started_at = process_time()
            page = parse(f"<a href={LINK}>x</a>" + begun * 50_000)
            self.assertEqual(1, len(page.distributions), begun)
            self.assertLess(process_time() - started_at, 5.0, begun)


class Anchors(HTMLParser):
    """
    Attributes and text of all anchors, and of all ``meta`` elements.
    """

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.anchors: list[dict[str, str | None]] = []
        self.meta: list[dict[str, str | None]] = []
        self.feed(body.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "a":
            self.anchors.append(dict(attrs))
        elif tag == "meta":
            self.meta.append(dict(attrs))


class RenderPageTests(SynchronousTestCase):
    DISTRIBUTION = Distribution(filename=WHEEL, url="../../files/demo/a%2Bb.whl")

    def render(self, **keys: Any) -> dict[str, str | None]:
        distribution = evolve(self.DISTRIBUTION, **keys)
        page = ProjectPage(name=NAME, distributions=(distribution,))
        (anchor,) = Anchors(render_page(page)).anchors
        return anchor

    def test_document(self) -> None:
        """
        Old installers want the doctype first, and nothing but files linked.
        """
        page = ProjectPage(
            name=NAME,
            distributions=(self.DISTRIBUTION,),
            status="archived",
            status_reason='"old"',
        )
        self.assertEqual(
            f"""<!DOCTYPE html>
<html>
  <head>
    <meta charset="utf-8">
    <meta name="pypi:repository-version" content="1.4">
    <meta name="pypi:project-status" content="archived">
    <meta name="pypi:project-status-reason" content="&quot;old&quot;">
    <title>Links for demo</title>
  </head>
  <body>
    <h1>Links for demo</h1>
    <p>archived: &quot;old&quot;</p>
<a href="../../files/demo/a%2Bb.whl">{WHEEL}</a><br/>
  </body>
</html>
""",
            render_page(page).decode(),
        )

    def test_held_back(self) -> None:
        """
        What is held back is said to people, in one sentence with no link in it.
        """
        until = 1_700_000_000.5
        for held_back, said in [
            (
                HeldBack(files=1, until=until),
                "1 file is held back here for being too young, until "
                "2023-11-14T22:13:21Z.",
            ),
            (
                HeldBack(files=2, until=until),
                "2 files are held back here for being too young, the next until "
                "2023-11-14T22:13:21Z.",
            ),
            (
                HeldBack(files=2, until=inf),
                "2 files are held back here, as the index does not say how old.",
            ),
        ]:
            page = ProjectPage(name=NAME, held_back=held_back)
            shown = render_page(page).decode()
            self.assertIn(f"    <p>{said}</p>\n", shown)
            self.assertNotIn("<a", shown)

    def test_attributes(self) -> None:
        """
        What is known is said, and only that.
        """
        least: dict[str, str] = {"href": "../../files/demo/a%2Bb.whl"}
        both = ("data-core-metadata", "data-dist-info-metadata")
        cases: list[tuple[dict[str, Any], dict[str, str]]] = [
            ({}, {}),
            ({"size": 1, "upload_time": "2026-01-02T03:04:05Z"}, {}),
            ({"requires_python": ">=3,<4"}, {"data-requires-python": ">=3,<4"}),
            ({"yanked": ""}, {"data-yanked": ""}),
            ({"yanked": "it's <bad>"}, {"data-yanked": "it's <bad>"}),
            ({"core_metadata": True}, dict.fromkeys(both, "true")),
            ({"core_metadata": {"sha256": "ab"}}, dict.fromkeys(both, "sha256=ab")),
            ({"core_metadata": {"sha3_256": "ab"}}, dict.fromkeys(both, "true")),
            ({"core_metadata": False}, {}),
            ({"gpg_sig": True}, {"data-gpg-sig": "true"}),
            ({"gpg_sig": False}, {"data-gpg-sig": "false"}),
            (
                {"provenance": "https://p.example/"},
                {"data-provenance": "https://p.example/"},
            ),
        ]
        for known, said in cases:
            self.assertEqual(least | said, self.render(**known), known)

    def test_strongest_hash(self) -> None:
        """
        The fragment has room for one digest, which every installer should know.
        """
        cases: list[tuple[dict[str, str], str]] = [
            ({"md5": "1", "sha512": "2", "sha256": "3"}, "#sha256=3"),
            ({"md5": "1", "sha384": "4", "sha512": "2"}, "#sha512=2"),
            ({"md5": "1", "sha384": "4"}, "#sha384=4"),
            ({"md5": "1", "sha1": "5", "sha224": "6"}, "#sha224=6"),
            ({"md5": "1", "sha1": "5"}, "#sha1=5"),
            ({"md5": "1"}, "#md5=1"),
            ({"sha3_256": "7"}, ""),
            ({}, ""),
        ]
        for hashes, fragment in cases:
            href = self.render(hashes=hashes)["href"]
            self.assertEqual(self.DISTRIBUTION.url + fragment, href, hashes)

    @settings(deadline=None)
    @given(pages())
    def test_round_trip(self, page: ProjectPage) -> None:
        """
        What HTML can carry comes back, whatever is written in it.
        """
        self.assertEqual(reduced(page), parse_page(render_page(page), BASE, NAME))

    @settings(deadline=None)
    @given(pages())
    def test_no_escape(self, page: ProjectPage) -> None:
        """
        No text gets out of its place: there is an anchor for each file, and of other
        elements only our own.
        """
        tags = Anchors(render_page(page)).tags
        files = ["a", "br"] * len(page.distributions)
        told = ["p"] if page.status is not None else []
        self.assertEqual(["body", "h1", *told, *files], tags[tags.index("body") :])
        self.assertEqual(
            {"html", "head", "meta", "title"}, set(tags[: tags.index("body")])
        )

    @settings(deadline=None)
    @given(pages())
    def test_judge(self, page: ProjectPage) -> None:
        """
        An independent reader understands the same.
        """
        judged = pypi_simple.ProjectPage.from_html("demo", render_page(page), BASE)
        self.assertEqual("1.4", judged.repository_version)
        self.assertEqual(
            [
                (
                    d.filename,
                    d.url,
                    d.hashes,
                    d.requires_python,
                    d.yanked is not False,
                    None if d.yanked is False else d.yanked,
                    bool(d.core_metadata),
                    d.provenance,
                    d.gpg_sig,
                )
                for d in reduced(page).distributions
            ],
            [
                (
                    p.filename,
                    p.url,
                    p.digests,
                    p.requires_python,
                    p.is_yanked,
                    p.yanked_reason,
                    bool(p.has_metadata),
                    p.provenance_url,
                    p.has_sig,
                )
                for p in judged.packages
            ],
        )
        self.assertEqual(page.status, judged.status)


class RenderListTests(SynchronousTestCase):
    def test_judge(self) -> None:
        """
        An independent reader finds the projects, in order, and they are linked.
        """
        body = render_list(iter(["b", "a-1"]))
        judged = pypi_simple.IndexPage.from_html(body)
        self.assertEqual(["b", "a-1"], judged.projects)
        self.assertEqual(["b/", "a-1/"], [a["href"] for a in Anchors(body).anchors])
        self.assertTrue(body.startswith(b"<!DOCTYPE html>"))
