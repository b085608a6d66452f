"""
Files, as curl would ask for them.
"""

from tests.distributions import BuiltDistribution, make_sdist, make_wheel
from tests.e2e.harness import EndToEndTestCase, Fetch
from tests.fake_index import Fault

MB = 1_000_000


class FileTests(EndToEndTestCase):
    async def test_head_of_sdist(self) -> None:
        """
        HEAD of a ``.tar.gz`` shows no Content-Encoding, whether it is here or not, and
        all else that a GET would show; it starts no download.
        """
        sdist = make_sdist("alpha", payload=100_000)
        path = self.index.add(sdist)
        server = await self.start_server()
        url = f"{server.url}/files/alpha/{sdist.filename}"
        cold = await self.get(url, "HEAD")
        self.assertEqual([], self.index.asked(path, method=None))
        self.assertEqual(set(), self.kept())
        got = await self.get(url)
        self.assertEqual(sdist.content, got.body)
        warm = await self.get(url, "HEAD")
        for answer in (cold, got, warm):
            self.assertEqual(200, answer.code)
            self.assertIsNone(answer.header("Content-Encoding"))
            self.assertEqual(len(sdist.content), answer.length)
            for name, value in {
                "Content-Type": "application/octet-stream",
                "Accept-Ranges": "bytes",
                "ETag": f'"{sdist.sha256}"',
                "Cache-Control": "public, max-age=31536000, immutable",
            }.items():
                self.assertEqual(value, answer.header(name), name)
            self.assertIsNotNone(answer.header("Last-Modified"))
            self.assertTrue(
                (answer.header("Cache-Status") or "").startswith("proxypypi; ")
            )
        self.assertEqual((b"", b""), (cold.body, warm.body))

    async def test_head_asks_for_the_size(self) -> None:
        """
        If the index gives no size, HEAD asks for it by HEAD, and downloads nothing.
        """
        self.index.sizes = False
        wheel = make_wheel("alpha", payload=100_000)
        path = self.index.add(wheel)
        server = await self.start_server()
        got = await self.get(f"{server.url}/files/alpha/{wheel.filename}", "HEAD")
        self.assertEqual((200, len(wheel.content)), (got.code, got.length))
        self.assertEqual(
            ["HEAD"], [seen.method for seen in self.index.asked(path, method=None)]
        )

    async def test_coded_upstream(self) -> None:
        """
        Whatever upstream calls its sdist, what comes through is the file.
        """
        for name, fault in [
            ("labelled", Fault(content_encoding="gzip")),
            ("chunked", Fault(chunked=True)),
        ]:
            sdist = make_sdist(name, payload=100_000)
            self.index.fail(self.index.add(sdist), fault, times=None)
            server = await self.start_server()
            got = await self.get(f"{server.url}/files/{name}/{sdist.filename}")
            self.assertEqual((200, sdist.content), (got.code, got.body), name)
            self.assertIsNone(got.header("Content-Encoding"))
            await server.stop()

    def check_part(
        self, got: Fetch, wheel: BuiltDistribution, first: int, last: int
    ) -> None:
        size = len(wheel.content)
        self.assertEqual(206, got.code, got.body[:500])
        self.assertEqual(f"bytes {first}-{last}/{size}", got.header("Content-Range"))
        self.assertEqual(wheel.content[first : last + 1], got.body)
        self.assertIsNone(got.header("Content-Encoding"))

    async def test_range_of_a_file_that_is_not_here(self) -> None:
        """
        The end of a wheel is there at once though the whole would take 20 seconds;
        nothing is kept.
        """
        wheel = make_wheel("alpha", payload=20 * MB)
        path = self.index.add(wheel)
        size = len(wheel.content)
        self.index.rate = MB
        server = await self.start_server()
        url = f"{server.url}/files/alpha/{wheel.filename}"
        for asked, first, last in [
            ("bytes=-1000", size - 1000, size - 1),
            ("bytes=100-199", 100, 199),
        ]:
            got = await self.get(url, Range=asked, seconds=5)
            self.check_part(got, wheel, first, last)
        self.assertEqual(set(), self.kept())
        self.assertEqual(2, len(self.index.asked(path)))

    async def test_range_of_an_upstream_without_suffix_ranges(self) -> None:
        """
        The end of a wheel is there, too, if upstream only knows ranges from the start.
        """
        self.index.suffix_ranges = False
        wheel = make_wheel("alpha", payload=MB)
        self.index.add(wheel)
        server = await self.start_server()
        size = len(wheel.content)
        url = f"{server.url}/files/alpha/{wheel.filename}"
        got = await self.get(url, Range="bytes=-1000")
        self.check_part(got, wheel, size - 1000, size - 1)

    async def test_range_of_a_file_that_is_here(self) -> None:
        """
        Any range of a file that is here comes from disk; one beyond its end is 416.
        """
        wheel = make_wheel("alpha", payload=MB)
        path = self.index.add(wheel)
        size = len(wheel.content)
        server = await self.start_server()
        url = f"{server.url}/files/alpha/{wheel.filename}"
        self.assertEqual(wheel.content, (await self.get(url)).body)
        etag = f'"{wheel.sha256}"'
        for asked, first, last in [
            ("bytes=-1000", size - 1000, size - 1),
            ("bytes=100-199", 100, 199),
            (f"bytes={size - 5}-", size - 5, size - 1),
        ]:
            got = await self.get(url, Range=asked, If_Range=etag)
            self.check_part(got, wheel, first, last)
        got = await self.get(url, Range="bytes=1-2", If_Range='"other"')
        self.assertEqual((200, wheel.content), (got.code, got.body))
        got = await self.get(url, Range=f"bytes={size}-")
        self.assertEqual(416, got.code)
        self.assertEqual(f"bytes */{size}", got.header("Content-Range"))
        self.assertEqual(1, len(self.index.asked(path, method=None)))

    async def test_not_modified(self) -> None:
        """
        A file the client has is not sent again.
        """
        wheel = make_wheel("alpha")
        self.index.add(wheel)
        server = await self.start_server()
        url = f"{server.url}/files/alpha/{wheel.filename}"
        await self.get(url)
        got = await self.get(url, If_None_Match=f'"{wheel.sha256}"')
        self.assertEqual((304, b""), (got.code, got.body))

    async def test_aliases(self) -> None:
        """
        The addresses of older proxies lead to the same file.
        """
        wheel = make_wheel("alpha")
        folder = "/packages/ab/cd/0123456789"
        self.index.add(wheel, path=f"{folder}/{wheel.filename}")
        server = await self.start_server()
        await self.get(f"{server.url}/simple/alpha/")
        for path in (
            f"/package/alpha/{wheel.filename}",
            f"/package/{wheel.filename}",
            f"/packages/source/a/alpha/{wheel.filename}",
        ):
            got = await self.get(server.url + path)
            self.assertEqual((200, wheel.content), (got.code, got.body), path)

    async def test_nothing_outside_the_directory(self) -> None:
        """
        No spelling of a path leads out of the directory.
        """
        secret = self.work / "secret-1.0.zip"
        secret.write_bytes(b"do not tell")
        self.drop("alpha/alpha-1.0.zip", b"x")
        (self.directory / "alpha" / "link-1.0.zip").symlink_to("../../absent")
        server = await self.start_server("--no-proxy")
        for path in (
            "/files/../secret-1.0.zip",
            "/files/alpha/../../secret-1.0.zip",
            "/files/alpha/..%2f..%2fsecret-1.0.zip",
            "/files/%2e%2e/secret-1.0.zip",
            "/files/..%5c/secret-1.0.zip",
            "/files/alpha/%2e%2e%2fsecret-1.0.zip",
            "/files/alpha/secret%00-1.0.zip",
            "/package/..%2fsecret-1.0.zip",
            "/simple/%2e%2e/",
            "/local/..%2f/",
            f"/files/alpha/{'a' * 5000}-1.0.zip",
            "/files/alpha/link-1.0.zip",
            "/files/.proxypypi/cache/x.whl",
        ):
            got = await self.get(server.url + path)
            self.assertIn(got.code, (400, 404), path)
            self.assertNotIn(b"do not tell", got.body)
