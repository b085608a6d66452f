"""
pip and uv install, with an upstream and without.
"""

import json
from pathlib import Path

from twisted.internet.task import deferLater

from tests.distributions import BuiltDistribution, make_sdist, make_wheel
from tests.e2e import pips
from tests.e2e.harness import EndToEndTestCase, Server, reactor
from tests.fake_index import JSON, Fault


class ThroughTheProxyTests(EndToEndTestCase):
    timeout = 120

    def setUp(self) -> None:
        super().setUp()
        self.index.add(make_wheel("App", "1.0", requires=["lib-x>=1"]))
        self.index.add(make_wheel("Lib.X", "1.5"))
        self.index.add(make_sdist("Lib.X", "2.0", requires=["base"]))
        self.index.add(make_wheel("base", "3.0", payload=300_000))

    def check(self, target: Path) -> None:
        self.assert_installed(target, app="1.0", lib_x="2.0", base="3.0")

    async def start_alone(self) -> Server:
        """
        Start it without upstream, and give it the second it may take to be sure that
        the files are whole.
        """
        server = await self.start_server("--no-proxy")
        deadline = reactor.seconds() + 2.0
        for project in ("app", "lib-x", "base"):
            url = f"{server.url}/simple/{project}/"
            while (await self.get(url)).code != 200:
                self.assertLess(reactor.seconds(), deadline, f"no {project} in 2 s")
                await deferLater(reactor, 0.05)
        return server

    async def check_pip(self, version: str) -> None:
        pip = await pips.fetch(self, version)
        server = await self.start_server()
        self.check(await self.pip_install(pip, f"{server.url}/simple/", "app"))
        await server.stop()
        asked = len(self.index.requests)
        server = await self.start_alone()
        self.check(await self.pip_install(pip, f"{server.url}/simple/", "app"))
        self.assertEqual(asked, len(self.index.requests))

    async def test_oldest_pip(self) -> None:
        """
        A pip of 2020 installs a project and what it needs, wheels and an sdist; then
        the same from the directory alone.
        """
        await self.check_pip(pips.OLDEST)

    async def test_pip_that_fears_html_metadata(self) -> None:
        """
        So does one of those that break on ``dist-info-metadata`` in JSON.
        """
        await self.check_pip(pips.LAST_OF_HTML_METADATA)

    async def test_pip_that_reads_core_metadata(self) -> None:
        """
        So does one that reads ``core-metadata``.
        """
        await self.check_pip(pips.CORE_METADATA)

    async def test_pip_that_resumes(self) -> None:
        """
        So does one that resumes downloads.
        """
        await self.check_pip(pips.RESUMING)

    async def test_newest_pip(self) -> None:
        """
        So does the newest.
        """
        await self.check_pip(pips.NEWEST)

    async def test_uv(self) -> None:
        """
        So does uv.
        """
        server = await self.start_server()
        self.check(await self.uv_install(f"{server.url}/simple/", "app"))
        await server.stop()
        asked = len(self.index.requests)
        server = await self.start_alone()
        self.check(await self.uv_install(f"{server.url}/simple/", "app"))
        self.assertEqual(asked, len(self.index.requests))

    async def test_each_file_comes_once(self) -> None:
        """
        What one installer made us fetch, the next gets from the directory.
        """
        pip = await pips.fetch(self, pips.NEWEST)
        server = await self.start_server()
        self.check(await self.pip_install(pip, f"{server.url}/simple/", "app"))
        asked = len(self.index.requests)
        self.check(await self.pip_install(pip, f"{server.url}/simple/", "app"))
        self.check(await self.uv_install(f"{server.url}/simple/", "app"))
        again = [r for r in self.index.requests[asked:] if "." in r.path.split("/")[-1]]
        self.assertEqual([], [r for r in again if not r.path.endswith(".metadata")])

    async def test_restart(self) -> None:
        """
        What was fetched is listed and served by the next run at once: it need not
        wait to be sure that such a file is whole.
        """
        wheel = make_wheel("base", "3.0", payload=300_000)
        path = f"/files/base/{wheel.filename}"
        server = await self.start_server()
        self.assertEqual(wheel.content, (await self.get(server.url + path)).body)
        await server.stop()
        server = await self.start_server("--no-proxy")
        self.assertEqual(200, (await self.get(f"{server.url}/simple/base/")).code)
        self.assertEqual(wheel.content, (await self.get(server.url + path)).body)

    async def test_html_index_without_hashes(self) -> None:
        """
        An old index that speaks only HTML, has no digests and keeps its files on
        another host serves just as well.
        """
        self.index.html_only = True
        self.index.hashes = ()
        self.index.core_metadata = False
        other = self.serve_index()
        self.index.file_host = other.removesuffix(self.index.base)
        pip = await pips.fetch(self, pips.NEWEST)
        server = await self.start_server()
        self.check(await self.pip_install(pip, f"{server.url}/simple/", "app"))
        self.check(await self.uv_install(f"{server.url}/simple/", "app"))

    async def test_upstream_out_of_order(self) -> None:
        """
        While upstream answers 503, what is here still installs.
        """
        pip = await pips.fetch(self, pips.NEWEST)
        server = await self.start_server("--index-ttl", "0")
        self.check(await self.pip_install(pip, f"{server.url}/simple/", "app"))
        self.index.fail("*", Fault(status=503), times=None)
        self.check(await self.pip_install(pip, f"{server.url}/simple/", "app"))


class PrivateFilesTests(EndToEndTestCase):
    timeout = 120

    async def listed(self, server: Server, project: str) -> dict[str, dict[str, str]]:
        """
        :returns: file name to digests, as the project's page has them.
        """
        got = await self.get(f"{server.url}/simple/{project}/", Accept=JSON)
        if got.code == 404:
            return {}
        self.assertEqual(200, got.code, got.body)
        return {f["filename"]: f["hashes"] for f in json.loads(got.body)["files"]}

    async def becomes(
        self, server: Server, expected: dict[str, list[BuiltDistribution]]
    ) -> None:
        """
        Wait until pages have just these files, with their digests.
        """
        deadline = reactor.seconds() + 2.0
        wanted = {
            project: {file.filename: {"sha256": file.sha256} for file in files}
            for project, files in expected.items()
        }
        while True:
            late = reactor.seconds() > deadline
            pages = {project: await self.listed(server, project) for project in wanted}
            if pages == wanted:
                return
            if late:
                self.assertEqual(wanted, pages, "not within 2 s")
            await deferLater(reactor, 0.05)

    async def check_dropped(self, server: Server, pip: str) -> None:
        alpha, beta = make_wheel("alpha", "1.0"), make_sdist("beta", "1.0")
        mine = make_wheel("My.Package", "1.0")
        # A look before, so that nothing is seen merely for being asked for first.
        await self.becomes(server, {"alpha": [], "beta": [], "my-package": []})
        paths = [
            self.drop(alpha.filename, alpha.content),
            self.drop(beta.filename, beta.content),
            self.drop(f"My.Package/{mine.filename}", mine.content),
        ]
        everything = {"alpha": [alpha], "beta": [beta], "my-package": [mine]}
        await self.becomes(server, everything)
        target = await self.pip_install(
            pip, f"{server.url}/simple/", "alpha", "beta", "My.Package"
        )
        self.assert_installed(target, alpha="1.0", beta="1.0", my_package="1.0")
        for path in paths:
            path.unlink()
        await self.becomes(server, {"alpha": [], "beta": [], "my-package": []})
        for project, (file,) in everything.items():
            got = await self.get(f"{server.url}/files/{project}/{file.filename}")
            self.assertEqual(404, got.code, file.filename)

    async def test_dropped_beside_upstream(self) -> None:
        """
        Files dropped into the root and into a directory of their own can be installed
        two seconds later, with digests; deleted, they are gone as fast.
        """
        pip = await pips.fetch(self, pips.NEWEST)
        await self.check_dropped(await self.start_server(), pip)

    async def test_dropped_alone(self) -> None:
        """
        The same without upstream, by the oldest pip.
        """
        pip = await pips.fetch(self, pips.OLDEST)
        await self.check_dropped(await self.start_server("--no-proxy"), pip)

    async def test_uv(self) -> None:
        """
        uv installs a private wheel, whose metadata it asks for.
        """
        self.index.add(make_wheel("base", "1.0"))
        mine = make_wheel("mine", "1.0", requires=["base"], payload=100_000)
        self.drop(mine.filename, mine.content)
        server = await self.start_server()
        await self.becomes(server, {"mine": [mine]})
        target = await self.uv_install(f"{server.url}/simple/", "mine")
        self.assert_installed(target, mine="1.0", base="1.0")

    async def test_merged_with_upstream(self) -> None:
        """
        A project that is here and upstream has the files of both; of two with one
        name, ours is the one.
        """
        theirs = [make_wheel("alpha", "1.0"), make_wheel("alpha", "2.0")]
        for file in theirs:
            self.index.add(file)
        mine = make_wheel("alpha", "1.0", payload=10)
        self.drop(mine.filename, mine.content)
        server = await self.start_server()
        await self.becomes(server, {"alpha": [mine, theirs[1]]})
        got = await self.get(f"{server.url}/files/alpha/{mine.filename}")
        self.assertEqual(mine.content, got.body)

    async def test_replaced(self) -> None:
        """
        A file that is replaced has its new digest two seconds later.
        """
        one, two = make_wheel("alpha"), make_wheel("alpha", payload=10)
        server = await self.start_server("--no-proxy")
        self.drop(one.filename, one.content)
        await self.becomes(server, {"alpha": [one]})
        self.drop(two.filename, two.content)
        await self.becomes(server, {"alpha": [two]})
        got = await self.get(f"{server.url}/files/alpha/{two.filename}")
        self.assertEqual(two.content, got.body)

    async def test_unfinished_files_are_left_out(self) -> None:
        """
        What ends in ``.part``, starts with a dot or is no distribution stays hidden,
        though it lies beside one that does not.
        """
        mine = make_wheel("alpha")
        for name in (f"{mine.filename}.part", f".{mine.filename}", "alpha-2.0.json"):
            self.drop(name, mine.content)
            self.drop(f"alpha/{name}", mine.content)
        self.drop(mine.filename, mine.content)
        server = await self.start_server("--no-proxy")
        await self.becomes(server, {"alpha": [mine]})
        for name in (f"{mine.filename}.part", f".{mine.filename}", "alpha-2.0.json"):
            got = await self.get(f"{server.url}/files/alpha/{name}")
            self.assertIn(got.code, (400, 404), name)
