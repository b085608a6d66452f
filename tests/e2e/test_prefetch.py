"""
The cache filled beforehand: by the command, beside a server and alone, and by curl's
request.
"""

import json
from typing import Any

from tests.distributions import make_sdist, make_wheel
from tests.e2e import pips
from tests.e2e.harness import PROXYPYPI, Child, EndToEndTestCase, until

COMMAND = (*PROXYPYPI[:-1], "prefetch")


class PrefetchTests(EndToEndTestCase):
    timeout = 180

    def setUp(self) -> None:
        super().setUp()
        self.app = make_wheel("app", "1.0", requires=["lib>=1"])
        self.lib = make_sdist("lib", "2.0")
        self.older = make_sdist("lib", "1.0")
        for built in (self.app, self.lib, self.older):
            self.index.add(built)

    def write(self, name: str, text: str) -> str:
        path = self.work / name
        path.write_text(text)
        return str(path)

    def spawn_command(self, *arguments: str, **environment: str) -> Child:
        return self.spawn_server(
            *("--dir", str(self.directory), *arguments),
            door=COMMAND,
            PROXYPYPI_INDEX_URL=self.index_url,
            **environment,
        )

    async def prefetch(self, *arguments: str, status: int = 0, **more: str) -> Child:
        child = self.spawn_command(*arguments, **more)
        await child.ends(60.0)
        self.assertEqual(status, child.status, child.output)
        return child

    async def report(self, *arguments: str, status: int = 0) -> Any:
        child = await self.prefetch("--json", *arguments, status=status)
        return json.loads(child.stdout)

    async def test_then_install_offline(self) -> None:
        """
        What was fetched without a server is installed by pip and uv from one that asks
        nobody.
        """
        file = self.write("requirements.txt", "app==1.0  # all\n")
        child = await self.prefetch(file, "lib>=1")
        self.assertEqual(
            "app==1.0: 1 file is here\nlib>=1: 1 file is here\n", child.stdout
        )
        self.assertEqual({self.app.filename, self.lib.filename}, self.kept())
        asked = len(self.index.requests)
        server = await self.start_server("--no-proxy")
        pip = await pips.fetch(self, pips.NEWEST)
        for target in (
            await self.pip_install(pip, f"{server.url}/simple/", "app"),
            await self.uv_install(f"{server.url}/simple/", "app"),
        ):
            self.assert_installed(target, app="1.0", lib="2.0")
        self.assertEqual(asked, len(self.index.requests))

    async def test_beside_a_server(self) -> None:
        """
        A file that the server is fetching is not fetched again; what the command brings
        is served as any other.
        """
        large = make_wheel("large", payload=300_000)
        path = self.index.add(large)
        self.index.rate = 150_000.0
        server = await self.start_server()
        client = self.fetch(f"{server.url}/files/large/{large.filename}")
        await until(lambda: client.received > 0, 10.0, "the first byte")
        report = await self.report("large", "app")
        self.assertEqual(["large", "app"], report["cached"])
        await client.done()
        self.assertEqual(large.sha256, client.sha256)
        self.assertEqual(1, len(self.index.asked(path)))
        self.index.down = True
        got = await self.get(f"{server.url}/files/app/{self.app.filename}")
        self.assertEqual(self.app.sha256, got.sha256)
        self.assertNotIn("private", server.child.output)

    async def test_lock_files(self) -> None:
        """
        What uv locks, and exports to pylock.toml, is fetched, but for the project
        itself; a digest that is not the lock's is a failure.
        """
        project = self.write(
            "pyproject.toml",
            '[project]\nname = "mine"\nversion = "0"\nrequires-python = ">=3.10"\n'
            'dependencies = ["app"]\n',
        )
        await self.uv("lock", "--default-index", self.index_url)
        lock = project.replace("pyproject.toml", "uv.lock")
        report = await self.report(lock)
        self.assertEqual(
            {
                "cached": ["app==1.0", "lib==2.0"],
                "unparseable": [],
                "failed": [],
                "files": [self.app.filename, self.lib.filename],
            },
            report,
        )
        pylock = str(self.work / "pylock.toml")
        await self.uv("export", "--no-emit-project", "-o", pylock)
        self.assertEqual(report, await self.report(pylock))

        with open(lock) as file:
            spoiled = file.read().replace(self.app.sha256, "a" * 64)
        other = self.write("other.lock", spoiled)
        report = await self.report(other, status=1)
        self.assertEqual("app==1.0", report["failed"][0]["requirement"])
        self.assertIn("another digest", report["failed"][0]["reason"])

    async def uv(self, *arguments: str) -> None:
        uv = PROXYPYPI[0].rpartition("/")[0] + "/uv"
        child = await self.run_command([uv, "--no-cache", *arguments])
        self.assertEqual(0, child.status, child.output)

    async def test_failures(self) -> None:
        """
        What fails and what is not understood is told on stderr, all else is fetched,
        and the exit status is 1.
        """
        file = self.write("requirements.txt", "app\n-r other.txt\nlib==9\n")
        child = await self.prefetch(file, status=1)
        self.assertEqual("app: 1 file is here\n", child.stdout)
        self.assertIn("-r other.txt: names nothing of an index\n", child.stderr)
        self.assertIn("lib==9: there is no such release of lib", child.stderr)
        self.assertEqual({self.app.filename}, self.kept())

    async def test_interrupted(self) -> None:
        """
        Ctrl-C ends it at once; what has come by then is gone on with the next time.
        """
        large = make_wheel("large", payload=400_000)
        path = self.index.add(large)
        self.index.rate = 200_000.0
        child = self.spawn_command("large")
        partial = self.directory / ".proxypypi" / "cache" / "partial"
        await until(
            lambda: any(f.stat().st_size > 1000 for f in partial.glob("**/*.whl*")),
            20.0,
            "some of it",
        )
        child.signal("INT")
        self.assertEqual(130, await child.ends(10.0), child.output)
        self.index.rate = None
        await self.prefetch("large")
        self.assertEqual({large.filename}, self.kept())
        self.assertIsNotNone(self.index.asked(path)[-1].header("Range"))

    async def test_route(self) -> None:
        """
        A requirements file is fetched by the request that curl makes of it.
        """
        server = await self.start_server()
        file = self.write("requirements.txt", "app\n./here\n")
        child = await self.run_command(
            [
                *("/usr/bin/env", "curl", "-sS", "-F", f"requirements=@{file}"),
                f"{server.url}/requirements.txt",
            ]
        )
        self.assertEqual(0, child.status, child.output)
        self.assertEqual(
            {"cached": ["app"], "unparseable": ["./here"], "failed": []},
            json.loads(child.stdout),
        )
        self.assertEqual({self.app.filename}, self.kept())
