"""
A directory that is kept within its bounds, and what clients notice of that: nothing.
"""

import contextlib  # trial takes a "suppress" of this module for its own
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from tests.distributions import BuiltDistribution, make_wheel
from tests.e2e import pips
from tests.e2e.harness import (
    PROXYPYPI,
    TWISTD,
    EndToEndTestCase,
    Server,
    until,
)

MB = 1_000_000
COMMAND = PROXYPYPI[:-1]  # without "run"


def hurried(door: Sequence[str], seconds: float) -> Sequence[str]:
    """
    :returns: a door to a program for which files are young for so long only.
    """
    program = (
        "from proxypypi.cache import housekeeping; "
        "from proxypypi.rules import eviction; "
        f"housekeeping.YOUNG = eviction.YOUNG = {seconds}; {door[2]}"
    )
    return (*door[:2], program, *door[3:])


class EvictionTestCase(EndToEndTestCase):
    timeout = 120

    def add(self, count: int, payload: int) -> list[BuiltDistribution]:
        wheels = [make_wheel(f"p{i:02}", payload=payload) for i in range(count)]
        for wheel in wheels:
            self.index.add(wheel)
        return wheels

    def url(self, server: Server, wheel: BuiltDistribution) -> str:
        return f"{server.url}/files/{wheel.filename.split('-')[0]}/{wheel.filename}"

    async def fetch_whole(self, server: Server, wheel: BuiltDistribution) -> None:
        got = await self.get(self.url(server, wheel))
        self.assertEqual(
            (200, True, wheel.sha256), (got.code, got.complete, got.sha256), got.error
        )

    def cached(self) -> list[Path]:
        """
        The files of the index that are here, in order.
        """
        return sorted(self.directory.glob("p[0-9][0-9]/*.whl"))

    def size(self) -> int:
        size = 0
        for path in self.cached():
            with contextlib.suppress(FileNotFoundError):  # it goes at this moment
                size += path.stat().st_size
        return size

    async def run_cli(self, *arguments: str, young: float = 0.0) -> Any:
        """
        :returns: the report.
        """
        name, *more = arguments
        child = self.spawn_server(
            *(name, "--json", "-d", str(self.directory), *more),
            door=hurried(COMMAND, young),
        )
        self.assertEqual(0, await child.ends(30.0), child.output)
        return json.loads(child.stdout)


class BoundTests(EvictionTestCase):
    async def test_least_recently_used_go(self) -> None:
        """
        Of ten files of a megabyte those that were used last stay, of together three;
        private ones stay; what has gone is installed by pip as ever.
        """
        wheels = self.add(10, MB)
        self.drop("ours-1.0-py3-none-any.whl", make_wheel("ours", payload=MB).content)
        server = await self.start_server("--max-size", "3MB", door=hurried(TWISTD, 2.0))
        for wheel in wheels:
            await self.fetch_whole(server, wheel)
        await self.fetch_whole(server, wheels[0])
        await until(lambda: self.size() <= 3 * MB, 30, "no more than 3 MB")
        stay = {path.name for path in self.cached()}
        last = [wheels[0], *reversed(wheels)]
        self.assertEqual({wheel.filename for wheel in last[: len(stay)]}, stay)
        self.assertGreaterEqual(len(stay), 2)
        self.assertIn("ours-1.0-py3-none-any.whl", self.kept())
        self.assertIn("files evicted: ", server.child.output)
        pip = await pips.fetch(self, pips.NEWEST)
        target = await self.pip_install(pip, f"{server.url}/simple/", "p03", "ours")
        self.assert_installed(target, p03="1.0", ours="1.0")
        answer = await self.get(f"{server.url}/-/health")
        self.assertEqual(b"ok\n", answer.body)
        await server.stop()

    async def test_after_a_restart(self) -> None:
        """
        What was used before is known afterwards, and the bound holds from the start.
        """
        wheels = self.add(6, MB)
        server = await self.start_server()
        for wheel in (*wheels, wheels[1]):
            await self.fetch_whole(server, wheel)
        await server.stop()
        server = await self.start_server("--max-size", "2.5MB", door=hurried(TWISTD, 0))
        await until(lambda: self.size() <= 2.5 * MB, 30, "no more than 2.5 MB")
        self.assertEqual(
            [wheels[1].filename, wheels[5].filename], [p.name for p in self.cached()]
        )
        await server.stop()


class StampedeTests(EvictionTestCase):
    async def fetch_all(
        self, server: Server, wheels: Sequence[BuiltDistribution]
    ) -> None:
        """
        Twenty clients at once, each of which fetches all of them, from another on.
        """

        async def fetch_in_turn(first: int) -> None:
            for wheel in (*wheels[first:], *wheels[:first]):
                await self.fetch_whole(server, wheel)

        clients = [Deferred.fromCoroutine(fetch_in_turn(i)) for i in range(20)]
        await gatherResults(clients, consumeErrors=True)

    async def test_room_for_three(self) -> None:
        """
        While files go as quickly as they come, everybody gets all of them.
        """
        wheels = self.add(20, 100_000)
        server = await self.start_server(
            "--max-size", "330kB", door=hurried(TWISTD, 0.0)
        )
        await self.fetch_all(server, wheels)
        await until(lambda: self.size() <= 330_000, 30, "no more than 330 kB")
        self.assertNotIn("Traceback", server.child.output)
        await server.stop()

    async def test_beside_workers(self) -> None:
        """
        So they do while somebody removes all that is there, again and again, from two
        processes which hear nothing of that.
        """
        wheels = self.add(20, 100_000)
        server = await self.start_server("--workers", "2")
        fetching = Deferred.fromCoroutine(self.fetch_all(server, wheels))
        removed = 0
        while not fetching.called or not removed:
            report = await self.run_cli("prune", "--max-size", "0")
            removed += len(report["removed"])
        await fetching
        self.assertNotIn("Traceback", server.child.output)
        await server.stop()


class CommandTests(EvictionTestCase):
    async def test_prune_and_pin(self) -> None:
        """
        By hand, with or without a server: what would go is told, then goes, and what is
        pinned stays.
        """
        wheels = self.add(5, 100_000)
        server = await self.start_server()
        for wheel in wheels:
            await self.fetch_whole(server, wheel)
        await self.run_cli("pin", "p01", wheels[2].filename)
        for options, expected in (
            (("--max-size", "450kB"), [0]),
            (("--max-size", "0"), [0, 3, 4]),
            (("--unused-for", "0"), [0, 3, 4]),
            (("--unused-for", "1h"), []),
        ):
            report = await self.run_cli("prune", "--dry-run", *options)
            names = [removed["filename"] for removed in report["removed"]]
            self.assertEqual([wheels[i].filename for i in expected], names, options)
        self.assertEqual(5, len(self.cached()))
        await self.run_cli("prune", "--max-size", "450kB")
        self.assertEqual([w.filename for w in wheels[1:]], self.names())
        for wheel in wheels:
            await self.fetch_whole(server, wheel)
        await server.stop()
        await self.run_cli("prune", "--max-size", "0")
        self.assertEqual([w.filename for w in wheels[1:3]], self.names())
        await self.run_cli("unpin", "p01")
        await self.run_cli("prune", "--max-size", "0")
        self.assertEqual([wheels[2].filename], self.names())

    def names(self) -> list[str]:
        return [path.name for path in self.cached()]
