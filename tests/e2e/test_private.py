"""
What an upstream that writes down every request gets to know of private names: nothing.
"""

import re
from collections.abc import Iterable
from urllib.parse import unquote

from twisted.internet.task import deferLater

from tests.distributions import BuiltDistribution, make_sdist, make_wheel
from tests.e2e.harness import PROXYPYPI, EndToEndTestCase, Server, reactor
from tests.fake_index import HTML, JSON
from tests.test_cache_private import every_address

COMMAND = PROXYPYPI[:-1]  # without "run"
SECRET = ("acme-tools", "acme-void", "claimed", "claimed-void", "ours")
"""
Private by a glob, with files here and without; claimed by a command, likewise; and
claimed because upstream did not have it.
"""


class RecordingTests(EndToEndTestCase):
    timeout = 180

    def setUp(self) -> None:
        super().setUp()
        self.built: list[BuiltDistribution] = []
        for name in SECRET:
            for make, version in ((make_wheel, "1.0"), (make_sdist, "2.0")):
                self.built.append(make(name, version))
                if name != "ours":
                    self.index.add(self.built[-1])
        for name in ("acme-tools", "claimed", "ours"):
            mine = make_wheel(name, "3.0", requires=["other"])
            self.built.append(mine)
            self.drop(mine.filename, mine.content)
        self.other = make_wheel("other")
        self.index.add(self.other)

    def named(self) -> list[str]:
        """
        What the upstream was asked for with a private name in it, in any spelling.
        """
        return [
            seen.uri
            for seen in self.index.requests
            if any(name in _normal(f"{seen.uri} {seen.query}") for name in SECRET)
        ]

    async def ask(self, server: Server, paths: Iterable[str]) -> None:
        """
        By every method and in every form; that nothing breaks has to do.
        """
        for path in paths:
            url = f"{server.url}{path}"
            for method, headers in (
                ("GET", {}),
                ("GET", {"Accept": JSON, "Cache-Control": "no-cache"}),
                ("GET", {"Accept": HTML}),
                ("HEAD", {}),
                ("GET", {"Range": "bytes=0-9"}),
                ("GET", {"Range": "bytes=5-"}),
                ("GET", {"If-None-Match": '"x"'}),
            ):
                answer = await self.fetch(url, method, headers).done()
                self.assertIn(answer.code, (200, 206, 301, 404), (path, answer.body))

    async def ask_everything(self, server: Server) -> None:
        """
        Every route, for private names, and for another to see that upstream is there.
        """
        for built in (*self.built, self.other):
            name = built.project
            spellings = (
                f"/simple/{name.title()}/",
                f"/simple/{name}",
                f"/local/{name}",
                f"/snapshot/1h/simple/{name}/",
            )
            await self.ask(server, (*every_address(built), *spellings))
        await self.ask(server, ("/", "/simple/", "/local/", "/-/health"))

    async def run_cli(self, *arguments: str) -> str:
        child = self.spawn_server(*arguments, door=COMMAND)
        self.assertEqual(0, await child.ends(20.0), child.output)
        return child.output

    async def test_nothing_is_asked(self) -> None:
        """
        No route, command or background task names a private or claimed project to
        upstream, with pages of it that are fresh, stale or not there, before and after
        a restart; and no file of upstream's is served for it.
        """
        server = await self.start_server()
        await deferLater(reactor, 1.2)  # until private files count as whole
        for built in self.built:
            await self.get(f"{server.url}/simple/{built.project}/")
            if built.project.endswith("tools"):
                await self.get(f"{server.url}/files/acme-tools/{built.filename}")
        self.assertTrue(self.named())
        await server.stop()
        claims = ("claim", "-d", str(self.directory), "claimed-void", "Claimed")
        for ttl in ("600", "0"):
            server = await self.start_server(
                *("--private", "Acme_*", "--index-ttl", ttl, "--drain", "5")
            )
            said = await self.run_cli(*claims)
            self.assertIn("claimed already" if ttl == "0" else "is claimed", said)
            self.index.requests.clear()
            self.index.add_project(f"new-{ttl}")  # so that the project list is fetched
            await self.ask_everything(server)
            await deferLater(reactor, 1.0)
            self.assertTrue(self.index.requests)
            await self.check_pages(server)
            await server.stop()
            self.assertEqual([], self.named(), ttl)
        await self.run_cli("unclaim", "-d", str(self.directory), "ours")
        self.assertEqual([], self.named())

    async def check_pages(self, server: Server) -> None:
        """
        Nothing of what upstream alone has is there.
        """
        for built in self.built:
            url = f"{server.url}/files/{built.project}/{built.filename}"
            here = built.filename in self.kept()
            self.assertEqual(200 if here else 404, (await self.get(url)).code, url)
        page = await self.get(f"{server.url}/simple/claimed/")
        self.assertIn(b"claimed-3.0", page.body)
        self.assertNotIn(b"claimed-1.0", page.body)

    async def test_claim_beside_a_server(self) -> None:
        """
        A running server notices within two seconds that a name is claimed, or is no
        longer.
        """
        server = await self.start_server()
        await deferLater(reactor, 1.2)
        url = f"{server.url}/simple/claimed/"
        for command, expected in (("claim", False), ("unclaim", True)):
            self.assertEqual(not expected, b"claimed-1.0" in (await self.get(url)).body)
            await self.run_cli(command, "-d", str(self.directory), "claimed")
            page = await self.get(url)
            self.assertEqual(expected, b"claimed-1.0" in page.body, command)
            self.assertIn(b"claimed-3.0", page.body)


def _normal(text: str) -> str:
    return re.sub(r"[-_.]+", "-", unquote(text)).lower()
