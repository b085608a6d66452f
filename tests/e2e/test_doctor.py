"""
The doctor, at a place where a server is, or might be.
"""

import json
from pathlib import Path
from typing import Any

from tests.distributions import make_wheel
from tests.e2e.harness import PROXYPYPI, EndToEndTestCase, Server, free_port

COMMAND = PROXYPYPI[:-1]  # without "run"


class DoctorTests(EndToEndTestCase):
    timeout = 120

    def setUp(self) -> None:
        super().setUp()
        self.index.add(make_wheel("six"))
        self.port = free_port()

    def options(self, port: int | None = None) -> tuple[str, ...]:
        return (
            *("--dir", str(self.directory), "--min-free", "0"),
            *("--port", str(port or self.port), "--index-url", self.index_url),
        )

    @property
    def endpoint(self) -> str:
        return f"tcp:{self.port}:interface=127.0.0.1"

    async def doctor(
        self, *options: str, port: int | None = None, status: int = 0
    ) -> dict[str, Any]:
        """
        :returns: what was found, by what was looked at.
        """
        child = self.spawn_server(
            "doctor", "--json", *self.options(port), *options, door=COMMAND
        )
        self.assertEqual(status, await child.ends(30.0), child.output)
        self.assertEqual("", child.stderr)
        found: list[dict[str, Any]] = json.loads(child.stdout)["checks"]
        return {each["subject"]: each for each in found}

    def everything(self) -> list[Path]:
        return sorted(self.directory.rglob("*"))

    async def test_before_a_start(self) -> None:
        """
        Where a server would work, all is well, and nothing is left behind.
        """
        found = await self.doctor()
        self.assertEqual({"ok"}, {each["grade"] for each in found.values()}, found)
        self.assertEqual([], self.everything())
        self.assertEqual("it can be had", found[self.endpoint]["what"])

    async def test_beside_a_server(self) -> None:
        """
        Beside a server of the directory that is well, too; for another one it is taken.
        """
        child = self.spawn_server("run", *self.options(), door=COMMAND)
        server = Server(child, f"http://127.0.0.1:{self.port}")
        await self.ready(server)
        before = self.everything()
        found = await self.doctor()
        self.assertEqual({"ok"}, {each["grade"] for each in found.values()}, found)
        what = "our server listens there, and is well"
        self.assertEqual(what, found[self.endpoint]["what"])
        self.assertEqual(before, self.everything())
        found = await self.doctor(port=free_port(), status=1)
        self.assertEqual("error", found["directory"]["grade"])
        elsewhere = self.work / "elsewhere"
        elsewhere.mkdir()
        found = await self.doctor("--dir", str(elsewhere), status=1)
        self.assertIn("another directory", found[self.endpoint]["what"])
        await server.stop()

    async def test_no_index(self) -> None:
        """
        An index that cannot be had is an error.
        """
        url = f"http://127.0.0.1:{free_port()}/simple/"
        found = await self.doctor("--index-url", url, status=1)
        (upstream,) = (s for s in found if s.startswith("upstream "))
        self.assertEqual("error", found[upstream]["grade"])
        self.assertIn("connection refused", found[upstream]["what"])
        self.assertTrue(found[upstream]["advice"])

    async def test_bad_options(self) -> None:
        """
        Options that a start would refuse are told as it would tell them.
        """
        found = await self.doctor("--index-ttl", "soon", status=1)
        self.assertEqual(["options"], list(found))
        child = self.spawn_server(
            "run", *self.options(), "--index-ttl", "soon", door=COMMAND
        )
        self.assertEqual(1, await child.ends(20.0))
        said = child.stderr.strip().removeprefix("proxypypi: ")
        self.assertEqual(said, found["options"]["what"])
