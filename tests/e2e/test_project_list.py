"""
The list of all projects, as clients outside of this process see it.
"""

import gzip
import json
import os
from hashlib import sha256

from pypi_simple import IndexPage

from tests.distributions import make_wheel
from tests.e2e.harness import EndToEndTestCase, Server
from tests.fake_index import HTML, JSON, Fault

NAMES = 50_000
PIP_ACCEPT = f"{JSON}, {HTML}; q=0.1, text/html; q=0.01"


class ProjectListTests(EndToEndTestCase):
    timeout = 120

    def setUp(self) -> None:
        super().setUp()
        listed = [{"name": f"Project.{n}"} for n in range(NAMES)]
        self.body = json.dumps({"meta": {"api-version": "1.1"}, "projects": listed})
        self.index.fail("/simple/", Fault(body=self.body.encode(), gzip=True), None)
        self.names = {f"project-{n}" for n in range(NAMES)}

    async def curl(self, server: Server, *options: str) -> bytes:
        """
        What curl makes of the list.
        """
        to = self.work / "list"
        got = await self.run_command(
            ["curl", "-sSf", "-o", str(to), *options, f"{server.url}/simple/"]
        )
        self.assertEqual(0, got.status, got.output)
        return to.read_bytes()

    async def test_all_forms(self) -> None:
        """
        Every client gets every name, once, in the form it asks for, from one request
        upstream; what is dropped in comes after.
        """
        server = await self.start_server()
        for here in (set(), {"ours"}):
            if here:
                (self.directory / "ours-1.0-py3-none-any.whl").write_bytes(
                    make_wheel("ours").content
                )
                await self.until_listed(server, "ours")
            for accept in (PIP_ACCEPT, HTML):
                forms = set()
                for coding in ("--compressed", "-s"):
                    body = await self.curl(server, "-H", f"Accept: {accept}", coding)
                    forms.add(sha256(body).hexdigest())
                    if accept == HTML:
                        page = IndexPage.from_html(body.decode())
                    else:
                        page = IndexPage.from_json_data(json.loads(body))
                    self.assertEqual(self.names | here, set(page.projects))
                    self.assertEqual(NAMES + len(here), len(page.projects))
                self.assertEqual(1, len(forms))
        self.assertEqual(1, len(self.index.asked("/simple/")))

    async def until_listed(self, server: Server, name: str) -> None:
        """
        Ask again for two seconds at most, and a little.
        """
        deadline = self.now() + 2.5
        while True:
            got = await self.get(f"{server.url}/simple/", Accept=JSON)
            if f'"{name}"'.encode() in got.body:
                return
            self.assertLess(self.now(), deadline)

    def now(self) -> float:
        return os.times().elapsed

    async def test_conditional(self) -> None:
        """
        Whoever has the list is told so; over restarts too, and nothing is fetched.
        """
        server = await self.start_server()
        for coding in ("identity", "gzip"):
            got = await self.get(
                f"{server.url}/simple/", Accept=JSON, Accept_Encoding=coding
            )
            self.assertEqual(200, got.code)
            body = gzip.decompress(got.body) if coding == "gzip" else got.body
            self.assertEqual(NAMES, len(json.loads(body)["projects"]))
            tag = str(got.header("ETag"))
            for restart in (False, True):
                if restart:
                    await server.stop()
                    server = await self.start_server()
                got = await self.get(
                    f"{server.url}/simple/",
                    Accept=JSON,
                    Accept_Encoding=coding,
                    If_None_Match=tag,
                )
                self.assertEqual((304, b""), (got.code, got.body))
                self.assertEqual("proxypypi; hit", got.header("Cache-Status"))
        self.assertEqual(1, len(self.index.asked("/simple/")))

    async def test_stopped_meanwhile(self) -> None:
        """
        A server that ends while the list is made ends at once, and leaves no process.
        """
        server = await self.start_server("--drain", "1")
        self.fetch(f"{server.url}/simple/", headers={"Accept": JSON})
        while not self.index.asked("/simple/"):
            await self.get(f"{server.url}/-/health")
        await server.stop(10.0)
