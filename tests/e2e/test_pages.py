"""
Project pages, as an independent parser reads them.
"""

import gzip
import json
from typing import Any

from pypi_simple import DistributionPackage, ProjectPage

from tests.distributions import make_sdist, make_wheel
from tests.e2e.harness import EndToEndTestCase, Fetch
from tests.fake_index import HTML, JSON

RELEASES = 2000


class BigPageTests(EndToEndTestCase):
    timeout = 120

    def setUp(self) -> None:
        super().setUp()
        for i in range(RELEASES):
            version = f"{i // 100}.{i % 100}"
            self.index.add(
                make_wheel("Big.Project", version, requires_python=">=3.8,<4"),
                yanked=("", 'a "bad" <one>')[i % 2] or i % 4 == 0,
                upload_time=f"2024-01-02T03:04:{i % 60:02}.{i:06}Z",
                extra={"gpg-sig": i % 3 == 0},
            )
            self.index.add(
                make_sdist("Big.Project", version),
                extra={"provenance": f"https://index.example/provenance/{i}"},
            )
        extra = self.index.add_project("Big.Project").extra
        extra["project-status"] = {"status": "archived", "reason": "it is <done>"}
        extra["meta"] = {"_last-serial": 12345}

    def parse(self, got: Fetch, url: str) -> ProjectPage:
        self.assertEqual(200, got.code, got.body[:500])
        if got.header("Content-Type") == JSON:
            return ProjectPage.from_json_data(json.loads(got.body), base_url=url)
        return ProjectPage.from_html("big-project", got.body, base_url=url)

    def facts(self, page: ProjectPage, as_json: bool) -> dict[str, Any]:
        """
        All a page says of each of its files but where it is.
        """

        def facts(file: DistributionPackage) -> Any:
            in_html = (
                file.digests,
                file.requires_python,
                file.has_sig,
                file.is_yanked,
                file.yanked_reason or "",
                bool(file.has_metadata),
                file.metadata_digests or {},
                file.provenance_url,
            )
            return in_html + ((file.size, file.upload_time) if as_json else ())

        return {file.filename: facts(file) for file in page.packages}

    async def test_json_and_html_agree_with_upstream(self) -> None:
        """
        Both forms of a page with 4,000 files say what upstream says, file by file,
        and of the project.
        """
        server = await self.start_server()
        for accept in (JSON, HTML):
            pages = []
            for base in (self.index_url, f"{server.url}/simple/"):
                url = f"{base}big-project/"
                got = await self.get(url, Accept=accept)
                self.assertEqual(accept, got.header("Content-Type"))
                pages.append(self.parse(got, url))
            theirs, ours = pages
            expected = self.facts(theirs, accept == JSON)
            self.assertEqual(2 * RELEASES, len(expected))
            found = self.facts(ours, accept == JSON)
            self.assertEqual(set(expected), set(found))
            for filename, facts in expected.items():
                self.assertEqual(facts, found[filename], f"{filename} as {accept}")
            self.assertEqual("big-project", ours.project)
            self.assertEqual(
                ("archived", "it is <done>"),
                (ours.status and ours.status.value, ours.status_reason),
            )
            if accept == JSON:
                self.assertEqual(theirs.versions, ours.versions)
                self.assertEqual("12345", ours.last_serial)

    async def test_links_lead_to_our_files(self) -> None:
        """
        Every link of a page leads to this server; what it leads to is the file.
        """
        server = await self.start_server()
        for accept in (JSON, HTML):
            url = f"{server.url}/simple/big-project/"
            page = self.parse(await self.get(url, Accept=accept), url)
            for file in page.packages:
                self.assertTrue(
                    file.url.startswith(f"{server.url}/files/big-project/"), file.url
                )
            built = self.index.projects["big-project"].files
            for file in (page.packages[0], page.packages[-1]):
                got = await self.get(file.url)
                self.assertEqual(built[file.filename].built.content, got.body)
                if file.has_metadata:
                    got = await self.get(file.metadata_url)
                    self.assertEqual(built[file.filename].built.metadata, got.body)

    async def test_second_request(self) -> None:
        """
        The second request asks no upstream, whatever form it wants; with the ETag of
        the first it is answered 304.
        """
        server = await self.start_server()
        url = f"{server.url}/simple/big-project/"
        first = {
            accept: await self.get(url, Accept=accept)
            for accept in (JSON, HTML, "text/html")
        }
        self.assertEqual(1, len(self.index.requests))
        for accept, got in first.items():
            again = await self.get(url, Accept=accept)
            self.assertEqual((200, got.body), (again.code, again.body))
            self.assertEqual("proxypypi; hit", again.header("Cache-Status"))
            etag = got.header("ETag")
            assert etag is not None
            self.assertRegex(etag, '^"[^"]+"$')
            known = await self.get(url, Accept=accept, If_None_Match=etag)
            self.assertEqual((304, b""), (known.code, known.body))
            self.assertEqual(etag, known.header("ETag"))
            self.assertIn("Accept", known.header("Vary") or "")
        self.assertNotEqual(first[JSON].header("ETag"), first[HTML].header("ETag"))
        self.assertEqual(1, len(self.index.requests))

    async def test_compressed(self) -> None:
        """
        Who can read gzip gets it: the same page, and another ETag, as these are other
        bytes.
        """
        server = await self.start_server()
        url = f"{server.url}/simple/big-project/"
        for accept in (JSON, HTML):
            plain = await self.get(url, Accept=accept)
            self.assertIsNone(plain.header("Content-Encoding"))
            packed = await self.get(url, Accept=accept, Accept_Encoding="br, gzip")
            self.assertEqual("gzip", packed.header("Content-Encoding"))
            self.assertLess(packed.received, plain.received / 2)
            self.assertEqual(plain.body, gzip.decompress(packed.body))
            self.assertNotEqual(plain.header("ETag"), packed.header("ETag"))
            for got in (plain, packed):
                vary = got.header("Vary") or ""
                self.assertEqual({"Accept", "Accept-Encoding"}, set(vary.split(", ")))

    async def test_next_run(self) -> None:
        """
        The page outlives the program; when it has grown old, upstream is asked only
        whether it still holds.
        """
        server = await self.start_server()
        url = "/simple/big-project/"
        first = await self.get(server.url + url, Accept=JSON)
        await server.stop()
        server = await self.start_server()
        again = await self.get(server.url + url, Accept=JSON)
        self.assertEqual(first.body, again.body)
        self.assertEqual(1, len(self.index.requests))
        await server.stop()
        server = await self.start_server("--index-ttl", "0")
        again = await self.get(server.url + url, Accept=JSON)
        self.assertEqual(first.body, again.body)
        while len(self.index.requests) < 2:  # it may be asked behind our back
            await self.get(server.url + url, Accept=JSON)
        self.assertIsNotNone(self.index.requests[1].header("If-None-Match"))
