"""
Tests for :mod:`proxypypi.web.simple`: pages as HTTP has them.
"""

import gzip
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urljoin

from pypi_simple import ProjectPage

from proxypypi.rules.merge import iso
from tests.distributions import make_sdist, make_wheel
from tests.fake_index import HTML, JSON, FakeProject
from tests.proxy_case import INDEX_URL, ProxyTestCase, Transfer

TEXT = "text/html; charset=utf-8"


def parsed(answer: Transfer, base: str) -> list[Mapping[str, Any]]:
    """
    A page's files, as an independent parser reads them.
    """
    assert answer.header("Content-Type") is not None
    if answer.header("Content-Type") == JSON:
        page = ProjectPage.from_json_data(answer.json, base_url=base)
    else:
        page = ProjectPage.from_html("demo", answer.body.decode(), base_url=base)
    return [
        {
            "filename": package.filename,
            "url": package.url,
            "digests": package.digests,
            "requires-python": package.requires_python,
            "yanked": (package.is_yanked, package.yanked_reason or ""),
            "metadata": (package.has_metadata, package.metadata_digests),
            "signed": package.has_sig,
            "provenance": package.provenance_url,
        }
        for package in page.packages
    ]


class FormTests(ProxyTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.index.add(make_wheel("demo"))

    def test_negotiation(self) -> None:
        """
        The form is the one asked for, and its body is of its type.
        """
        table: list[tuple[dict[str, str], str, str]] = [
            ({}, "", TEXT),
            ({"Accept": "*/*"}, "", HTML),
            ({"Accept": "text/html"}, "", TEXT),
            ({"Accept": JSON}, "", JSON),
            ({"Accept": HTML}, "", HTML),
            ({"Accept": "application/vnd.pypi.simple.latest+json"}, "", JSON),
            ({"Accept": "application/vnd.pypi.simple.latest+html"}, "", HTML),
            ({"Accept": f"{JSON}, {HTML};q=0.1, text/html;q=0.01"}, "", JSON),
            ({"Accept": f"{JSON};q=0.1, text/html"}, "", TEXT),
            ({"Accept": "text/html"}, f"?format={JSON}", JSON),
            ({"Accept": "image/png"}, "?format=text/html", TEXT),
            ({}, "?format=application/vnd.pypi.simple.v1%2Bhtml", HTML),
        ]
        for path in ("/simple/demo/", "/simple/"):
            for headers, query, expected in table:
                answer = self.get(path + query, **headers)
                case = f"{path} {headers} {query}"
                self.assertEqual(200, answer.code, case)
                # Without preference, any HTML is as good as another.
                if headers.get("Accept") == "*/*":
                    self.assertIn(answer.header("Content-Type"), (TEXT, HTML), case)
                else:
                    self.assertEqual(expected, answer.header("Content-Type"), case)
                if answer.header("Content-Type") == JSON:
                    self.assertIn("meta", answer.json, case)
                else:
                    self.assertIn(b"<!DOCTYPE html>", answer.body, case)

    def test_no_form_fits(self) -> None:
        """
        406 says which forms there are, before upstream is asked for anything.
        """
        for path, headers in [
            ("/simple/demo/", {"Accept": "image/png"}),
            ("/simple/demo/", {"Accept": f"{JSON};q=0"}),
            ("/simple/demo/?format=png", {"Accept": JSON}),
            ("/simple/", {"Accept": "image/png"}),
            ("/local/", {"Accept": "image/png"}),
            ("/local/demo/", {"Accept": "image/png"}),
        ]:
            answer = self.get(path, **headers)
            self.assertEqual(406, answer.code, path)
            self.assertIn(JSON, answer.body.decode(), path)
            self.assertEqual("no-store", answer.header("Cache-Control"), path)
        self.assertEqual([], self.index.requests)

    def test_vary(self) -> None:
        """
        Whoever stands between knows what the form depends on, for 304 too.
        """
        for path in ("/simple/demo/", "/simple/", "/local/"):
            answer = self.get(path)
            again = self.get(path, If_None_Match=str(answer.header("ETag")))
            self.assertEqual((200, 304), (answer.code, again.code))
            for given in (answer, again):
                self.assertEqual("Accept, Accept-Encoding", given.header("Vary"))

    def test_gzip(self) -> None:
        """
        Compressed when asked for, and only then.
        """
        for path in ("/simple/demo/", "/simple/"):
            for accept in (JSON, HTML, "text/html"):
                plain = self.get(path, Accept=accept)
                self.assertIsNone(plain.header("Content-Encoding"))
                packed = self.get(path, Accept=accept, Accept_Encoding="br, gzip")
                self.assertEqual("gzip", packed.header("Content-Encoding"))
                self.assertEqual(plain.body, gzip.decompress(packed.body))
                for answer in (plain, packed):
                    length = str(len(answer.body))
                    self.assertEqual(length, answer.header("Content-Length"))
                refused = self.get(path, Accept=accept, Accept_Encoding="gzip;q=0")
                self.assertIsNone(refused.header("Content-Encoding"))

    def test_every_form_has_its_etag(self) -> None:
        """
        Strong tags, another for each sequence of bytes, good for a 304 of that form
        alone; 304 comes without body, but with what a cache has to know.
        """
        asked: list[dict[str, str]] = [
            {"Accept": accept, **coding}
            for accept in (JSON, "text/html")
            for coding in ({}, {"Accept_Encoding": "gzip"})
        ]
        tags = [
            self.get("/simple/demo/", **headers).header("ETag") for headers in asked
        ]
        self.assertEqual(4, len(set(tags)), tags)
        for tag in tags:
            self.assertRegex(str(tag), r'^"[0-9a-z-]+"$')
            for headers, own in zip(asked, tags, strict=True):
                answer = self.get("/simple/demo/", If_None_Match=str(tag), **headers)
                if tag == own:
                    self.assertEqual((304, b""), (answer.code, answer.body))
                    self.assertEqual(tag, answer.header("ETag"))
                    self.assertEqual(
                        "public, max-age=60", answer.header("Cache-Control")
                    )
                    self.assertIsNone(answer.header("Content-Type"))
                else:
                    self.assertEqual(200, answer.code)

    def test_etag_changes_with_the_page(self) -> None:
        """
        A page that is another is sent again; one that is the same keeps its tag, over
        restarts too.
        """
        tag = str(self.get("/simple/demo/").header("ETag"))
        self.start_proxy()
        self.assertEqual(304, self.get("/simple/demo/", If_None_Match=tag).code)
        self.drop(make_wheel("demo", "2.0"))
        self.assertEqual(200, self.get("/simple/demo/", If_None_Match=tag).code)

    def test_head(self) -> None:
        """
        The same headers without the body.
        """
        whole = self.get("/simple/demo/")
        head = self.get("/simple/demo/", "HEAD")
        self.assertEqual((200, b""), (head.code, head.body))
        for name in ("Content-Length", "Content-Type", "ETag", "Cache-Control", "Vary"):
            self.assertEqual(whole.header(name), head.header(name), name)

    def test_other_methods(self) -> None:
        """
        405 says which are allowed.
        """
        for path in ("/simple/", "/simple/demo/", "/simple/demo", "/local/demo/"):
            answer = self.get(path, "PUT")
            self.assertEqual(405, answer.code, path)
            self.assertEqual("GET, HEAD", answer.header("Allow"), path)


class CachingTests(ProxyTestCase):
    def test_cache_control(self) -> None:
        """
        A minute for what upstream says; whatever people here can change is asked for
        each time; errors are not kept.
        """
        for project in ("ours", "both", "theirs"):
            if project != "ours":
                self.index.add(make_wheel(project))
            if project != "theirs":
                self.drop(make_wheel(project, "2.0"))
        for path, code, expected in [
            ("/simple/theirs/", 200, "public, max-age=60"),
            ("/simple/both/", 200, "no-cache"),
            ("/simple/ours/", 200, "no-cache"),
            ("/local/both/", 200, "no-cache"),
            ("/local/ours/", 200, "no-cache"),
            ("/local/", 200, "no-cache"),
            ("/simple/", 200, "no-cache"),
            ("/simple/none/", 404, "no-store"),
            ("/local/theirs/", 404, "no-store"),
            ("/simple/-/", 404, "no-store"),
        ]:
            answer = self.get(path)
            self.assertEqual(
                (code, expected), (answer.code, answer.header("Cache-Control")), path
            )
            self.assertRegex(str(answer.header("Cache-Status")), "^proxypypi", path)

    def test_local_pages_of_cached_files_are_not_kept(self) -> None:
        """
        /local/ changes as files come and go, whoever they are from.
        """
        wheel = make_wheel("theirs")
        self.index.add(wheel)
        self.get(f"/files/theirs/{wheel.filename}")
        answer = self.get("/local/theirs/")
        self.assertEqual(
            (200, "no-cache"), (answer.code, answer.header("Cache-Control"))
        )


class RedirectTests(ProxyTestCase):
    def test_spellings_and_slashes(self) -> None:
        """
        One address a page: others lead there, relatively, with their query.
        """
        for path, target in [
            ("/simple", "/simple/"),
            ("/local", "/local/"),
            ("/simple/attrs", "/simple/attrs/"),
            ("/simple/Foo.Bar", "/simple/foo-bar/"),
            ("/simple/Foo.Bar/", "/simple/foo-bar/"),
            ("/simple/foo__bar/?format=x%2By&b", "/simple/foo-bar/?format=x%2By&b"),
            ("/simple/Attrs?format=a%20b", "/simple/attrs/?format=a%20b"),
            ("/local/Foo_Bar/", "/local/foo-bar/"),
            ("/local/Foo_Bar", "/local/foo-bar/"),
            ("/simple/Foo_Bar/json", "/pypi/foo-bar/json"),
        ]:
            answer = self.get(path)
            location = str(answer.header("Location"))
            self.assertIn(answer.code, (301, 308), path)
            self.assertFalse(location.startswith(("/", "http")), location)
            for mount in ("http://proxy.example", "https://h.example:81/mounted"):
                self.assertEqual(mount + target, urljoin(mount + path, location), path)
            self.assertRegex(str(answer.header("Cache-Status")), "^proxypypi")
        self.assertEqual([], self.index.requests)

    def test_hostile_queries(self) -> None:
        """
        Nothing of a query gets out of the header it is put into.
        """
        wire = self.connect()
        wire.send("""GET /simple/A?"'<>\\{}` HTTP/1.1""")
        self.assertEqual(301, wire.code)
        self.assertIn(b"\r\nLocation: a/?%22%27%3C%3E%5C%7B%7D%60\r\n", wire.received)
        answer = self.get("/simple/A?x=%0d%0aSet-Cookie:%20a=b")
        self.assertEqual(301, answer.code)
        self.assertIsNone(answer.header("Set-Cookie"))
        self.assertIn("%0d%0a", str(answer.header("Location")))

    def test_head(self) -> None:
        """
        HEAD is led to the same place.
        """
        self.assertEqual(
            (301, "../attrs/"),
            (
                self.get("/simple/Attrs/", "HEAD").code,
                self.get("/simple/Attrs/", "HEAD").header("Location"),
            ),
        )


class SnapshotTests(ProxyTestCase):
    """
    Pages as of a moment: an address for each.
    """

    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("demo")
        self.index.add(self.wheel)
        self.index.add(make_wheel("demo", "2.0"), upload_time="2026-02-01T00:00:00Z")

    def test_moments(self) -> None:
        """
        However a moment is written, the page has what there was; its links lead to the
        files, wherever we are mounted, in each form.
        """
        for when in (
            *("2026-01-31", "2026-01-31T23:59:59Z", "2026-01-31t23:59:59.5z"),
            *("2026-02-01T00:59:59+01:00", "2026-02-01T00:59:59%2B01:00"),
            *("2026-01-31T23:59:59-00:00", "2026-01-31%2023:59:59Z"),
        ):
            path = f"/snapshot/{when}/simple/demo/"
            for accept in (JSON, HTML):
                answer = self.get(path, Accept=accept)
                self.assertEqual(200, answer.code, path)
                for mount in ("http://proxy.example", "https://h.example:81/mounted"):
                    (file,) = parsed(answer, mount + path)
                    expected = f"{mount}/files/demo/{self.wheel.filename}"
                    self.assertEqual(expected, file["url"])
        for when in ("2026-02-01", "2026-02-01T00:00:00Z", "2999-01-01", "0s"):
            page = self.get(f"/snapshot/{when}/simple/demo/", Accept=JSON).json
            self.assertEqual(["1.0", "2.0"], page["versions"], when)

    def test_ages(self) -> None:
        """
        An age is that before now, each time it is asked for.
        """
        uploaded = self.clock.seconds() - 3600.5
        self.index.add(make_wheel("demo", "3.0"), upload_time=iso(uploaded))
        for passed, when, expected in [
            (0.0, "1h", True),
            (0.0, "61m", False),
            (100.0, "61m", True),
            (0.0, "3701s", False),
        ]:
            self.advance(passed)
            page = self.get(f"/snapshot/{when}/simple/demo/", Accept=JSON).json
            self.assertEqual(expected, "3.0" in page["versions"], (passed, when))

    def test_no_moment(self) -> None:
        """
        What is no moment is told what would be one, at each address, before anybody is
        asked for anything.
        """
        for when in (
            "yesterday",
            "2026-02-30",
            "7",
            "7w",
            "2026-01-01T00:00:00",
            "%20",
        ):
            for path in ("simple/", "simple", "simple/demo/", "simple/demo"):
                answer = self.get(f"/snapshot/{when}/{path}", Accept=JSON)
                self.assertEqual(400, answer.code, when)
                self.assertIn("is no moment: say a day as 2026-11-01", answer.phrase)
                self.assertEqual(answer.phrase, answer.json["detail"])
                self.assertEqual("no-store", answer.header("Cache-Control"))
        self.assertEqual([], self.index.requests)

    def test_projects(self) -> None:
        """
        The list of projects is that of now.
        """
        for accept in (JSON, HTML):
            now = self.get("/simple/", Accept=accept)
            then = self.get("/snapshot/2020-01-01/simple/", Accept=accept)
            self.assertEqual((200, now.body), (then.code, then.body))

    def test_redirects(self) -> None:
        """
        Other spellings lead to the page of the same moment, relatively, with the query.
        """
        when = "2026-01-31T23:59:59%2B01:00"
        for path, target in [
            ("simple", "simple/"),
            ("simple/Foo.Bar", "simple/foo-bar/"),
            ("simple/Foo.Bar/?format=x%2By&b", "simple/foo-bar/?format=x%2By&b"),
        ]:
            url = f"https://h.example/mounted/snapshot/{when}/"
            answer = self.get(f"/snapshot/{when}/{path}")
            location = str(answer.header("Location"))
            self.assertEqual(301, answer.code, path)
            self.assertFalse(location.startswith(("/", "http")), location)
            self.assertEqual(url + target, urljoin(url + path, location))
        self.assertEqual([], self.index.requests)

    def test_like_any_other(self) -> None:
        """
        All else is as for any page: headers, forms, conditions, errors and names.
        """
        path = "/snapshot/2026-01-31/simple/demo/"
        now = self.get("/simple/demo/", Accept_Encoding="gzip")
        then = self.get(path, Accept_Encoding="gzip")
        for name in ("Content-Type", "Content-Encoding", "Cache-Control", "Vary"):
            self.assertEqual(now.header(name), then.header(name), name)
        self.assertEqual("public, max-age=60", then.header("Cache-Control"))
        tag = str(self.get(path).header("ETag"))
        self.assertNotEqual(tag, self.get("/simple/demo/").header("ETag"))
        self.assertEqual(304, self.get(path, If_None_Match=tag).code)
        head = self.get(path, "HEAD")
        self.assertEqual((200, b""), (head.code, head.body))
        self.assertEqual(406, self.get(path, Accept="image/png").code)
        self.assertEqual(JSON, self.get(f"{path}?format={JSON}").header("Content-Type"))
        for project, code in (("none", 404), ("-", 404)):
            answer = self.get(f"/snapshot/2026-01-31/simple/{project}/")
            self.assertEqual(code, answer.code)
        self.assertEqual(405, self.get(path, "PUT").code)
        self.drop(make_wheel("demo", "9.0"))
        self.assertEqual("no-cache", self.get(path).header("Cache-Control"))


class ContentTests(ProxyTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("demo", "1.0", requires_python=">=3.8")
        self.index.add(
            self.wheel,
            yanked="it is <bad>",
            extra={
                "gpg-sig": True,
                "provenance": "https://index.example/integrity/demo/provenance",
                "dist-info-metadata": {"sha256": "0" * 64},
            },
        )
        self.index.add(make_sdist("demo", "2.0+local.1"), upload_time=None)
        self.project: FakeProject = self.index.projects["demo"]

    def test_all_that_upstream_says(self) -> None:
        """
        Nothing is lost on the way but the address, which is ours.
        """
        self.project.extra = {
            "versions": ["1.0", "2.0+local.1", "3.0"],
            "project-status": {"status": "deprecated", "reason": "use attrs"},
            "meta": {"_last-serial": 4711},
            "tracks": ["https://index.example/simple/other/"],
            "alternate-locations": ["https://index.example/simple/other/"],
        }
        page = self.page("demo")
        self.assertEqual({"api-version": "1.4", "_last-serial": 4711}, page["meta"])
        self.assertEqual(
            {
                "name": "demo",
                "versions": ["1.0", "2.0+local.1", "3.0"],
                "project-status": {"status": "deprecated", "reason": "use attrs"},
            },
            {k: v for k, v in page.items() if k not in ("meta", "files")},
        )
        metadata = {"sha256": sha256(self.wheel.metadata).hexdigest()}
        self.assertEqual(
            {
                "filename": self.wheel.filename,
                "url": f"../../files/demo/{self.wheel.filename}",
                "hashes": {"sha256": self.wheel.sha256},
                "requires-python": ">=3.8",
                "yanked": "it is <bad>",
                "size": len(self.wheel.content),
                "upload-time": "2024-01-02T03:04:05.678901Z",
                "core-metadata": metadata,
                "gpg-sig": True,
                "provenance": "https://index.example/integrity/demo/provenance",
            },
            page["files"][0],
        )

    def test_forms_agree(self) -> None:
        """
        HTML says file by file what JSON says, and has both names of the metadata.
        """
        base = "http://proxy.example/simple/demo/"
        pages = [self.get("/simple/demo/", Accept=a) for a in (JSON, HTML, "text/html")]
        first, *others = (parsed(page, base) for page in pages)
        self.assertEqual(2, len(first))
        for other in others:
            self.assertEqual(first, other)
        digest = sha256(self.wheel.metadata).hexdigest()
        for attribute in ("data-core-metadata", "data-dist-info-metadata"):
            self.assertIn(f'{attribute}="sha256={digest}"', pages[1].body.decode())
        self.assertNotIn(b"dist-info-metadata", pages[0].body)

    def test_version_of_the_specification(self) -> None:
        """
        JSON says 1.0 as long as some file's size is not known.
        """
        self.assertEqual("1.4", self.page("demo")["meta"]["api-version"])
        self.index.add_project("demo")
        self.index.sizes = False
        self.clock.advance(601)
        self.start_proxy()
        self.get("/simple/demo/")
        self.assertEqual("1.0", self.page("demo")["meta"]["api-version"])

    def test_links_are_relative(self) -> None:
        """
        Whatever host, port or mount point a page is had by, its links lead to files.
        """
        for route in ("simple", "local"):
            for filename in [f.built.filename for f in self.project.files.values()]:
                self.get("/files/demo/" + filename.replace("+", "%2B"))
            for name, file in self.files("demo", route).items():
                for base in ("http://proxy.example", "https://h.example:81/mount"):
                    url = urljoin(f"{base}/{route}/demo/", file["url"])
                    self.assertEqual(base, url[: len(base)])
                    answer = self.get(url.removeprefix(base))
                    content = self.project.files[name].built.content
                    self.assertEqual((200, content), (answer.code, answer.body), url)

    def test_upstreams_of_every_kind(self) -> None:
        """
        HTML alone, links of every spelling, digests or none: pages look the same.
        """
        expected = {n: f["url"] for n, f in self.files("demo").items()}
        for change in (
            {"html_only": True},
            {"html_only": True, "hashes": ()},
            {"hashes": ("md5", "sha512")},
            {"links": "rooted"},
            {"links": "absolute"},
            {"file_host": "http://files.example:81"},
            {"html_only": True, "base_href": "http://index.example/"},
            {"sizes": False},
        ):
            for name, value in change.items():
                setattr(self.index, name, value)
            self.clock.advance(10000)
            self.index.add_project("demo")
            files = self.files("demo")
            self.assertEqual(expected, {n: f["url"] for n, f in files.items()}, change)
            for file in files.values():
                self.assertEqual(set(self.index.hashes), set(file["hashes"]), change)
            self.index.html_only, self.index.hashes = False, ("sha256",)
            self.index.links, self.index.file_host = "relative", ""
            self.index.base_href, self.index.sizes = None, True


class ListTests(ProxyTestCase):
    def test_projects_here(self) -> None:
        """
        /local/ has the projects that have files here, each once, sorted, in all forms.
        """
        self.drop(make_wheel("zope.interface"), "Zope_Interface")
        self.drop(make_wheel("attrs"))
        self.drop(make_sdist("attrs", "2.0"), "attrs")
        self.index.add_project("elsewhere")
        for index_url in (None, INDEX_URL):
            self.start_proxy(index_url)
            for route in ("/local/", "/simple/"):
                if (route, index_url) == ("/simple/", INDEX_URL):
                    continue
                answer = self.get(route, Accept=JSON)
                self.assertEqual("proxypypi; hit", answer.header("Cache-Status"))
                self.assertEqual("no-cache", answer.header("Cache-Control"))
                self.assertEqual(
                    [{"name": "attrs"}, {"name": "zope-interface"}],
                    answer.json["projects"],
                )
                self.assertRegex(
                    self.get(route).body.decode(),
                    '(?s)href="attrs/">attrs</a>'
                    '.*href="zope-interface/">zope-interface</a>',
                )
        self.assertEqual([], self.index.requests)

    def test_empty(self) -> None:
        """
        Nothing here is a list of nothing.
        """
        self.assertEqual([], self.get("/simple/", Accept=JSON).json["projects"])

    def test_what_comes_and_goes(self) -> None:
        """
        The list changes within two seconds, and its tag with it.
        """
        tag = str(self.get("/simple/").header("ETag"))
        path = self.drop(make_wheel("attrs"), settled=False)
        self.advance(2.0)
        answer = self.get("/simple/", Accept=JSON, If_None_Match=tag)
        self.assertEqual([{"name": "attrs"}], answer.json["projects"])
        self.remove(path)
        self.assertEqual([], self.get("/simple/", Accept=JSON).json["projects"])
        self.assertEqual(304, self.get("/simple/", If_None_Match=tag).code)

    def test_nobody_asked(self) -> None:
        """
        /local/ asks no upstream, not for what it lacks either.
        """
        self.index.add(make_wheel("attrs"))
        wheel = make_wheel("attrs", "2.0")
        for path in ("/local/", "/local/attrs/"):
            self.get(path)
        self.drop(wheel)
        self.assertEqual([wheel.filename], list(self.files("attrs", "local")))
        self.assertEqual([], self.index.requests)


class LongPagesTests(ProxyTestCase):
    def test_at_the_pace_of_the_client(self) -> None:
        """
        Of a long page no more waits in memory for a client than a piece, and what it
        gets in the end is all of it; HEAD gets none.
        """
        for number in range(400):
            self.index.add(make_wheel("demo", version=f"{number}.0"))
        whole = self.get("/simple/demo/", Accept=JSON)
        self.assertGreater(len(whole.body), 2 * 65_536)
        wire = self.connect()
        wire.transport.room = 1000
        wire.send("GET /simple/demo/ HTTP/1.1", f"Accept: {JSON}")
        self.assertLess(len(wire.received), 66_536)
        while len(wire.body) < len(whole.body):
            before = len(wire.received)
            wire.take(1000)
            self.assertLessEqual(len(wire.received) - before, 65_536)
            self.assertGreater(len(wire.received), before)
        self.assertEqual(whole.body, wire.body)
        head = self.get("/simple/demo/", "HEAD", Accept=JSON)
        self.assertEqual(b"", head.body)
        self.assertEqual(str(len(whole.body)), head.header("Content-Length"))
