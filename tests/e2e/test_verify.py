"""
What is here, told and verified beside a running server, which goes on meanwhile.
"""

import json
import os
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater

from tests.distributions import make_sdist, make_wheel
from tests.e2e import pips
from tests.e2e.harness import PROXYPYPI, EndToEndTestCase, reactor, until

COMMAND = PROXYPYPI[:-1]  # without "run"
IN_TIME = 2.0  # seconds


def flip(path: Path) -> None:
    """
    Flip a bit of a file, in place, as a disk does that forgets: its length, its times
    and its place stay what they were.
    """
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(before.st_size // 2)
        (byte,) = file.read(1)
        file.seek(before.st_size // 2)
        file.write(bytes([byte ^ 0x10]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


class VerifyTests(EndToEndTestCase):
    timeout = 120

    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("theirs")
        self.path = self.index.add(self.wheel)

    async def run_cli(self, command: str, *arguments: str, status: int = 0) -> Any:
        """
        :returns: the report.
        """
        child = self.spawn_server(
            command, "--json", "-d", str(self.directory), *arguments, door=COMMAND
        )
        self.assertEqual(status, await child.ends(20.0), child.output)
        return json.loads(child.stdout)

    async def test_repair(self) -> None:
        """
        A cached file that has rotten is found, and removed; then installers get it
        again, and all is well.
        """
        server = await self.start_server()
        pip, simple = await pips.fetch(self, pips.NEWEST), f"{server.url}/simple/"
        await self.pip_install(pip, simple, "theirs")
        report = await self.run_cli("verify")
        self.assertEqual((1, []), (report["files"], report["faults"]))
        kept = self.directory / "theirs" / self.wheel.filename
        flip(kept)
        (fault,) = (await self.run_cli("verify", status=1))["faults"]
        self.assertEqual(f"theirs/{self.wheel.filename}", fault["path"])
        self.assertFalse(fault["repaired"])
        (fault,) = (await self.run_cli("verify", "--repair"))["faults"]
        self.assertTrue(fault["repaired"])
        self.assertFalse(kept.exists())
        repaired_at = reactor.seconds()
        url = f"{server.url}/files/theirs/{self.wheel.filename}"
        while (got := await self.get(url)).sha256 != self.wheel.sha256:
            self.assertLess(reactor.seconds() - repaired_at, IN_TIME, got.body[:200])
            await deferLater(reactor, 0.05)
        target = await self.pip_install(pip, simple, "theirs")
        self.assert_installed(target, theirs="1.0")
        self.assertEqual(2, len(self.index.asked(self.path)))
        report = await self.run_cli("verify")
        self.assertEqual((1, []), (report["files"], report["faults"]))
        await server.stop()

    async def test_while_files_come(self) -> None:
        """
        A file that is being fetched is left alone, and comes to its end.
        """
        large = make_wheel("large", payload=200_000)
        self.index.add(large)
        self.index.rate = 20_000.0  # longer than the command takes, however busy we are
        server = await self.start_server()
        client = self.fetch(f"{server.url}/files/large/{large.filename}")
        await until(lambda: client.received > 0, 10.0, "the first byte")
        report = await self.run_cli("verify", "--repair")
        self.assertEqual((0, []), (report["files"], report["faults"]))
        self.assertIsNone(client.complete)
        await client.done()
        self.assertEqual(large.sha256, client.sha256)
        report = await self.run_cli("verify", "--repair", "large")
        self.assertEqual((1, []), (report["files"], report["faults"]))
        await server.stop()

    async def test_list(self) -> None:
        """
        What is here is listed, as the server knows it.
        """
        ours = make_sdist("ours")
        self.drop(ours.filename, ours.content)
        server = await self.start_server()
        (project,) = (await self.run_cli("list"))["projects"]
        self.assertEqual(("ours", 1), (project["project"], project["unread"]))
        await deferLater(reactor, 1.2)  # until private files count as whole
        await self.get(f"{server.url}/simple/ours/")
        await self.get(f"{server.url}/files/theirs/{self.wheel.filename}")
        found = (await self.run_cli("list", "ours", "theirs"))["projects"]
        self.assertEqual([True, False], [project["claimed"] for project in found])
        kinds = [project["files"][0]["kind"] for project in found]
        self.assertEqual(["private", "cached"], kinds)
        self.assertEqual(self.index_url, found[1]["files"][0]["index"])
        await self.run_cli("list", "others", status=1)
        await server.stop()
