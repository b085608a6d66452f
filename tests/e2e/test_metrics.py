"""
What is counted by the real program, be it one process or several.
"""

import json
import os
import signal
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.task import deferLater

from tests.e2e.harness import PROXYPYPI, Fetch, Server, reactor
from tests.e2e.test_workers import WorkersTestCase
from tests.fake_index import Fault

_WITHIN = 10.0  # seconds


def hits(told: Mapping[str, float]) -> float:
    return told['proxypypi_requests_total{result="hit",route="files"}']


def kept(told: Mapping[str, float]) -> float:
    return told["proxypypi_files_kept_total"]


class MetricsTestCase(WorkersTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = self.index.add(self.wheel)

    async def read(self, server: Server) -> Mapping[str, float]:
        """
        All samples that whoever is asked tells, by name and labels.
        """
        answer = await self.get(f"{server.url}/-/metrics")
        self.assertEqual(200, answer.code)
        told: dict[str, float] = {}
        for family in text_string_to_metric_families(answer.body.decode()):
            for sample in family.samples:
                pairs = [f'{k}="{v}"' for k, v in sorted(sample.labels.items())]
                labels = f"{{{','.join(pairs)}}}" if pairs else ""
                told[sample.name + labels] = sample.value
        return told

    async def all_tell(self, server: Server, files: int) -> None:
        """
        Wait until whoever is asked, again and again, tells of so many hits.
        """
        deadline = reactor.seconds() + _WITHIN
        found: set[float] = set()
        while found != {files}:
            if reactor.seconds() > deadline:
                raise AssertionError(f"{found}, not {files}\n{server.child.output}")
            await deferLater(reactor, 0.1)
            found = {hits(await self.read(server)) for _ in range(8)}

    async def fetch_it(self, server: Server, times: int) -> None:
        """
        Each time on a connection of its own, so that any process may answer.
        """
        for _ in range(times):
            got = await self.get(f"{server.url}{self.target}")
            self.assertEqual(self.wheel.content, got.body)

    async def begin(self, server: Server) -> None:
        """
        Have the file here.
        """
        await self.fetch_it(server, 1)

        async def is_here() -> bool:
            got = await self.get(f"{server.url}{self.target}", "HEAD")
            return str(got.header("Cache-Status")).endswith("hit")

        while not await is_here():
            await deferLater(reactor, 0.1)
        self.before = int(hits(await self.read(server)))


class WorkersTests(MetricsTestCase):
    async def test_sum(self) -> None:
        """
        Whoever is asked tells of all that all have answered, hot or not.
        """
        server = await self.start_workers()
        await self.begin(server)
        await self.fetch_it(server, 60)
        for number in (1, 2):
            await self.says(server.child, f"worker {number}: 127.0.0.1 GET /files/")
        await self.all_tell(server, self.before + 60)
        told = await self.read(server)
        self.assertEqual(1, kept(told))
        for row in ("0", "1", "2"):
            name = f'process_resident_memory_bytes{{process="{row}"}}'
            self.assertGreater(told[name], 10e6)
        await server.stop()

    async def test_health(self) -> None:
        """
        What is wrong with one worker is told by all, be it by fewer words.
        """
        server = await self.start_workers("--max-size", "1000")
        await self.fetch_it(server, 1)
        deadline = reactor.seconds() + _WITHIN
        found: set[bytes] = set()
        while len(found) < 2 or not all(said.startswith(b"degraded") for said in found):
            self.assertLess(reactor.seconds(), deadline, found)
            await deferLater(reactor, 0.1)
            got = [await self.get(f"{server.url}/-/health") for _ in range(12)]
            found = {answer.body for answer in got}
        self.assertIn(b"degraded: another worker says so, see the log\n", found)
        await server.stop()

    async def test_killed(self) -> None:
        """
        What one that is killed has answered stays counted, once; the clients that it
        had do not.
        """
        server = await self.start_workers()
        await self.begin(server)
        await self.fetch_it(server, 40)
        await self.all_tell(server, self.before + 40)
        for count, pid in enumerate(self.pids(server)):
            os.kill(pid, signal.SIGKILL)
            await self.says(server.child, "is ready: pid", 3 + count)
            await self.all_tell(server, self.before + 40)
        await self.fetch_it(server, 40)
        await self.all_tell(server, self.before + 80)
        await self.clients_are(server, 1)
        await server.stop()

    async def clients_are(self, server: Server, count: int) -> None:
        """
        Wait until whoever is asked knows of so many connections, its own among them:
        others tell of theirs every five seconds, and may see who asks just then.
        """
        deadline = reactor.seconds() + 4 * _WITHIN
        found = -1.0
        while found != count:
            if reactor.seconds() > deadline:
                raise AssertionError(f"{found} connections, not {count}")
            await deferLater(reactor, 1.3)
            found = (await self.read(server))["proxypypi_connections"]

    async def test_renewed(self) -> None:
        """
        HUP loses nothing; what they had counted is told after a restart.
        """
        server = await self.start_workers()
        await self.begin(server)
        await self.fetch_it(server, 10)
        server.child.signal("HUP")
        await self.says(server.child, "all workers are new")
        await self.fetch_it(server, 10)
        await self.all_tell(server, self.before + 20)
        await server.stop()
        server = await self.start_workers()
        await self.all_tell(server, self.before + 20)
        self.assertEqual(1, kept(await self.read(server)))
        await server.stop()


class AloneTests(MetricsTestCase):
    async def test_restart(self) -> None:
        """
        What was counted survives a restart; what was told survives a crash.
        """
        server = await self.start_server()
        await self.begin(server)
        await self.fetch_it(server, 10)
        await server.stop()
        server = await self.start_server()
        self.assertEqual(self.before + 10, hits(await self.read(server)))
        await self.fetch_it(server, 5)
        self.assertEqual(self.before + 15, hits(await self.read(server)))
        server.child.signal("KILL")
        await server.child.ends(10.0)
        server = await self.start_server("--workers", "2")
        await self.all_tell(server, self.before + 15)
        await server.stop()

    async def test_stats(self) -> None:
        """
        The command tells the same a few seconds later, and what is in the directory.
        """
        server = await self.start_server()
        await self.begin(server)
        await self.fetch_it(server, 10)
        files: dict[str, int] = {}
        deadline = reactor.seconds() + _WITHIN
        while files.get("hit") != self.before + 10:
            self.assertLess(reactor.seconds(), deadline, files)
            arguments = ("stats", "-d", str(self.directory), "--json")
            child = self.spawn_server(*arguments, door=PROXYPYPI[:-1])
            self.assertEqual(0, await child.ends(20.0), child.output)
            told = json.loads(child.stdout)
            files = told["requests"].get("files", {})
        size = len(self.wheel.content)
        self.assertEqual({"files": 1, "bytes": size}, told["directory"]["cached"])
        self.assertGreaterEqual(told["saved-bytes"], 10 * size)
        self.assertEqual(1, told["files-kept"])
        await server.stop()

    async def test_drain(self) -> None:
        """
        Whoever looks while transfers finish gets an answer.
        """
        server = await self.start_server()
        self.index.fail(self.path, Fault(stall_at=9_000, stall=2))
        transfer: Fetch = self.fetch(f"{server.url}{self.target}")
        while transfer.code is None:
            await deferLater(reactor, 0.02)
        server.child.signal("TERM")
        while (await self.get(f"{server.url}/-/ready")).code != 503:
            await deferLater(reactor, 0.02)
        told = await self.read(server)
        self.assertEqual(1, told["proxypypi_downloads"])
        await transfer.done()
        self.assertEqual(self.wheel.content, transfer.body)
        await server.ends(20.0)

    async def test_read_only(self) -> None:
        """
        Where nothing may be written, it counts in memory.
        """
        (self.directory / self.wheel.filename).write_bytes(self.wheel.content)
        (self.directory / ".proxypypi").write_bytes(b"")
        server = await self.start_server("--no-proxy")
        while (await self.get(f"{server.url}{self.target}")).code != 200:
            await deferLater(reactor, 0.1)
        self.assertGreaterEqual(hits(await self.read(server)), 1)
        await self.says(server.child, "what is counted cannot be kept")
        await server.stop()
