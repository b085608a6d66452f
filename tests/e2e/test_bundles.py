"""
Bundles, carried from a machine that fetches to one that asks nobody.
"""

import json
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from twisted.internet.interfaces import IProcessTransport
from twisted.internet.task import deferLater

from tests.distributions import make_sdist, make_wheel
from tests.e2e import pips
from tests.e2e.harness import (
    PROXYPYPI,
    Child,
    EndToEndTestCase,
    Server,
    reactor,
    until,
)
from tests.fake_index import JSON

COMMAND = PROXYPYPI[:-1]  # without "run"
IN_TIME = 2.0  # seconds
SEVERAL = 6  # requests, each of a connection of its own, so that every worker is asked


class BundlesTestCase(EndToEndTestCase):
    """
    :ivar island: the directory of the machine without Internet.
    """

    timeout = 240

    def setUp(self) -> None:
        super().setUp()
        self.island = self.work / "island"
        self.island.mkdir()
        self.bundle = self.work / "bundle.tar"
        self.app = make_wheel("app", "1.0", requires=["lib>=1"], requires_python=">=3")
        self.lib = make_sdist("lib", "2.0")
        self.index.add(self.app)
        self.index.add(self.lib)

    def spawn_command(self, command: str, *arguments: str) -> Child:
        return self.spawn_server(
            command, *arguments, door=COMMAND, PROXYPYPI_INDEX_URL=self.index_url
        )

    async def run_cli(self, command: str, *arguments: str, status: int = 0) -> Any:
        """
        :returns: the report.
        """
        child = self.spawn_command(command, "--json", *arguments)
        self.assertEqual(status, await child.ends(60.0), child.output)
        return json.loads(child.stdout)

    async def prefetch(self, *requirements: str) -> None:
        await self.run_cli("prefetch", "-d", str(self.directory), *requirements)

    async def export(self, *arguments: str, status: int = 0) -> Any:
        here, bundle = str(self.directory), str(self.bundle)
        return await self.run_cli(
            "export", "-d", here, bundle, *arguments, status=status
        )

    async def import_(self, *arguments: str, status: int = 0) -> Any:
        there, bundle = str(self.island), str(self.bundle)
        return await self.run_cli(
            "import", "-d", there, bundle, *arguments, status=status
        )

    async def serve_island(self, *options: str) -> Server:
        return await self.start_server("--no-proxy", *options, directory=self.island)

    async def files(self, server: Server, name: str) -> dict[str, Any]:
        """
        What a project's page says of each file.
        """
        answer = await self.get(f"{server.url}/simple/{name}/", Accept=JSON)
        page = json.loads(answer.body)
        return {file["filename"]: file for file in page["files"]}

    def here(self, directory: Path) -> list[str]:
        """
        All files, the proxy's own left out.
        """
        return sorted(
            str(path.relative_to(directory))
            for path in directory.rglob("*")
            if path.is_file() and ".proxypypi" not in path.parts
        )


class CarriedTests(BundlesTestCase):
    async def test_installed(self) -> None:
        """
        What was prefetched is carried over, and pip and uv install it where nobody is
        asked; a second time nothing is left to be brought.
        """
        await self.prefetch("app", "lib")
        asked = len(self.index.requests)
        report = await self.export()
        files = [f"app/{self.app.filename}", f"lib/{self.lib.filename}"]
        self.assertEqual((files, 2), (report["files"], report["pages"]))
        report = await self.import_()
        self.assertEqual((files, 2), (report["brought"], report["pages"]))
        server = await self.serve_island()
        pip = await pips.fetch(self, pips.NEWEST)
        for target in (
            await self.pip_install(pip, f"{server.url}/simple/", "app"),
            await self.uv_install(f"{server.url}/simple/", "app"),
        ):
            self.assert_installed(target, app="1.0", lib="2.0")
        self.assertEqual(asked, len(self.index.requests))
        self.assertNotIn("private", server.child.output)
        report = await self.import_()
        self.assertEqual(([], files), (report["brought"], report["already"]))

    async def test_weekly(self) -> None:
        """
        A later bundle has only what is new, and what the index has said since of all
        that is there; workers that serve meanwhile notice.
        """
        ours = make_wheel("ours", "1.0")
        self.drop(ours.filename, ours.content)
        await self.prefetch("app", "lib")
        await self.export()
        await self.import_()
        server = await self.serve_island("--workers", "2")
        yanked = await self.files(server, "app")
        self.assertIs(False, yanked[self.app.filename]["yanked"])
        await deferLater(reactor, 1.1)
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.index.add(self.app, yanked="broken")
        newer = make_wheel("app", "2.0")
        self.index.add(newer)
        await self.run_cli("refresh", "-d", str(self.directory), "app")
        await self.prefetch("app")
        report = await self.export("--since", moment, "--force")
        self.assertEqual([f"app/{newer.filename}"], report["files"])
        self.assertEqual(1, report["pages"])
        report = await self.import_()
        self.assertEqual([f"app/{newer.filename}"], report["brought"])
        await self.all_say(
            f"{server.url}/simple/app/",
            lambda page: (
                {f["filename"]: f["yanked"] for f in page["files"]}
                == {self.app.filename: "broken", newer.filename: False}
            ),
        )
        self.assertNotIn("private file of app", server.child.output)

    async def all_say(self, url: str, holds: Callable[[Any], bool]) -> None:
        """
        Within two seconds, whoever is asked says so.
        """
        deadline = reactor.seconds() + IN_TIME
        while True:
            answers = [await self.get(url, Accept=JSON) for _ in range(SEVERAL)]
            if all(holds(json.loads(answer.body)) for answer in answers):
                return
            self.assertLess(reactor.seconds(), deadline, [a.body for a in answers])
            await deferLater(reactor, 0.05)

    async def test_beside_a_server(self) -> None:
        """
        A server that asks its index takes imported files for cached ones, and does not
        fetch them.
        """
        await self.prefetch("app", "lib")
        await self.export("app")
        server = await self.start_server(directory=self.island)
        await self.files(server, "app")
        asked = len(self.index.requests)
        await self.import_()
        got = await self.get(f"{server.url}/files/app/{self.app.filename}")
        self.assertEqual(self.app.sha256, got.sha256)
        self.assertIn("immutable", got.header("Cache-Control"))
        self.assertEqual(asked, len(self.index.requests))
        self.assertEqual([f"app/{self.app.filename}"], self.here(self.island))

    async def test_claimed(self) -> None:
        """
        A public package does not get in under a name that is claimed: uv goes on to
        install ours.
        """
        public = make_wheel("acme", "99.0")
        self.index.add(public)
        await self.prefetch("acme")
        await self.export()
        ours = make_wheel("acme", "1.0")
        (self.island / ours.filename).write_bytes(ours.content)
        await self.run_cli("claim", "-d", str(self.island), "acme")
        server = await self.start_server(directory=self.island)
        report = await self.import_(status=1)
        self.assertEqual([f"acme/{public.filename}"], list(report["left-out"]))
        await deferLater(reactor, IN_TIME)
        self.assertEqual([ours.filename], list(await self.files(server, "acme")))
        target = await self.uv_install(f"{server.url}/simple/", "acme")
        self.assert_installed(target, acme="1.0")

    async def test_pipe(self) -> None:
        """
        A bundle need not be a file: one command's output is the other's input.
        """
        await self.prefetch("app", "lib")
        one = shlex.join([*COMMAND, "export", "-d", str(self.directory), "-"])
        other = shlex.join([*COMMAND, "import", "-d", str(self.island), "-"])
        child = await self.run_command(["/bin/sh", "-c", f"{one} | {other}"])
        self.assertEqual(0, child.status, child.output)
        self.assertEqual(self.here(self.directory), self.here(self.island))


class InterruptedTests(BundlesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.large = [make_wheel(f"large{n}", payload=2_000_000) for n in range(8)]
        for built in self.large:
            self.drop(built.filename, built.content)

    async def test_import(self) -> None:
        """
        An import that is killed leaves only whole files, and goes on from there.
        """
        await self.export()
        whole = {b.filename: b.content for b in self.large}
        child = self.spawn_command("import", "-d", str(self.island), "-")
        half = self.bundle.read_bytes()[: self.bundle.stat().st_size // 2]
        cast(IProcessTransport, child.transport).writeToChild(0, half)
        await until(lambda: bool(self.here(self.island)), 20.0, "a file")
        child.signal("KILL")
        await child.ends(10.0)
        some = self.here(self.island)
        self.assertLess(len(some), len(whole))
        for name in some:
            path = self.island / name
            self.assertEqual(whole[path.name], path.read_bytes())
        report = await self.import_()
        self.assertEqual(some, report["already"])
        self.assertEqual(len(whole) - len(some), len(report["brought"]))
        uploads = self.island / ".proxypypi" / "cache" / "uploads"
        self.assertEqual([], list(uploads.iterdir()))

    async def test_export(self) -> None:
        """
        An export that is interrupted while it writes ends at once.
        """
        child = self.spawn_command("export", "-d", str(self.directory), "-")
        await until(lambda: bool(child.stdout), 20.0, "the bundle's beginning")
        child.signal("INT")
        self.assertEqual(130, await child.ends(10.0), child.stderr)
