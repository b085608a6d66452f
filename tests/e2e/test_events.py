"""
Listeners to what goes on, and the real program.
"""

import json
import os
from typing import Any

from twisted.internet.task import deferLater

from tests.distributions import make_wheel
from tests.e2e.harness import Fetch, Server, reactor, until
from tests.e2e.test_workers import WorkersTestCase
from tests.fake_index import Fault


def states(listening: Fetch) -> list[dict[str, Any]]:
    """
    All that a listener was told.
    """
    whole = listening.body.decode().split("\n\n")[:-1]
    data = (said.partition("\ndata: ")[2] for said in whole if said[:6] == "event:")
    return [json.loads(each) for each in data]


class EventsTestCase(WorkersTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = self.index.add(self.wheel)

    async def listen(self, server: Server) -> Fetch:
        listening = self.fetch(f"{server.url}/-/events")
        await until(lambda: bool(states(listening)), 10.0, "the first event")
        return listening

    async def told(self, listening: Fetch, **expected: Any) -> dict[str, Any]:
        """
        Wait until somebody is told this.
        """

        def holds() -> bool:
            state = states(listening)[-1]
            return all(state[k.replace("_", "-")] == v for k, v in expected.items())

        await until(holds, 15.0, f"{expected} in {listening.body[-2000:]!r}")
        return states(listening)[-1]


class AloneTests(EventsTestCase):
    async def test_fetch(self) -> None:
        """
        Who listens sees a file come, and what it was counted as; and a private one.
        """
        server = await self.start_server()
        listening = await self.listen(server)
        self.assertEqual("text/event-stream", listening.header("Content-Type"))
        self.index.fail(self.path, Fault(stall_at=9_000, stall=4))
        transfer = self.fetch(f"{server.url}{self.target}")
        state = await self.told(listening, fetching_count=1)
        (file,) = state["fetching"]
        self.assertEqual(("demo", self.wheel.filename), tuple(file.values())[:2])
        self.assertEqual((9_000, 1), (file["got"], file["waiting"]))
        await transfer.done()
        await self.told(listening, fetching=[], requests={"miss": 1, "done": 1})
        private = make_wheel("acme", "1.0")
        self.drop(private.filename, private.content)
        while (await self.get(f"{server.url}/local/acme/")).code != 200:
            await deferLater(reactor, 0.1)
        state = await self.told(listening, counts={"files-kept": 1})
        await until(
            lambda: states(listening)[-1]["private"] != [], 15.0, "the private file"
        )
        (new,) = states(listening)[-1]["private"]
        self.assertEqual(private.filename, new["filename"])
        self.assertIn(private.filename.encode(), (await self.get(server.url)).body)
        await server.stop()

    async def test_stop(self) -> None:
        """
        At the end, listeners are ended in order at once, while transfers finish.
        """
        server = await self.start_server()
        all = [await self.listen(server) for _ in range(5)]
        server.child.signal("TERM")
        for listening in all:
            await listening.done()
            self.assertIs(True, listening.complete)
        await server.ends(3.0)
        self.assertNotIn("cut off", server.child.output)
        self.assertNotIn("Traceback", server.child.output)

    async def test_drain(self) -> None:
        """
        A transfer that is waited for keeps no listener, nor takes one.
        """
        server = await self.start_server()
        listening = await self.listen(server)
        self.index.fail(self.path, Fault(stall_at=9_000, stall=4))
        transfer = self.fetch(f"{server.url}{self.target}")
        await until(lambda: transfer.received > 0, 10.0, "the first bytes")
        server.child.signal("TERM")
        await listening.done().addTimeout(2.0, reactor)
        self.assertIsNone(transfer.complete)
        self.assertEqual(503, (await self.get(f"{server.url}/-/events")).code)
        await transfer.done()
        self.assertEqual(self.wheel.content, transfer.body)
        await server.ends(10.0)


class WorkersTests(EventsTestCase):
    async def test_all(self) -> None:
        """
        Whoever is listened to tells what all do.
        """
        server = await self.start_workers()
        all = [await self.listen(server) for _ in range(12)]
        for _ in range(40):
            await self.get(f"{server.url}/simple/demo/")
        self.index.fail(self.path, Fault(stall_at=9_000, stall=12))
        self.fetch(f"{server.url}{self.target}")
        found = set()
        for listening in all:
            state = await self.told(listening, fetching_count=1)
            (file,) = state["fetching"]
            self.assertEqual((3, 9_000), (state["processes"], file["got"]))
            found.add(file["waiting"])
            counts = {"hit": 39, "miss": 1}
            told = {k: state["requests"].get(k) for k in counts}
            self.assertEqual(counts, told)
        self.assertEqual({1, None}, found, "ours, and another's")
        server.child.signal("TERM")
        for listening in all:
            await listening.done().addTimeout(3.0, reactor)

    async def test_renewed(self) -> None:
        """
        HUP ends listeners at once, who find the new workers when they come again.
        """
        server = await self.start_workers()
        all = [await self.listen(server) for _ in range(6)]
        before = self.pids(server)
        server.child.signal("HUP")
        for listening in all:
            await listening.done()
            self.assertIs(True, listening.complete)
        await self.says(server.child, "all workers are new")
        await self.all_ended(before, 10.0)
        await self.listen(server)
        await server.stop()

    async def test_killed(self) -> None:
        """
        Those of a worker that is killed find another.
        """
        server = await self.start_workers()
        all = [await self.listen(server) for _ in range(6)]
        for pid in self.pids(server):
            os.kill(pid, 9)
        for listening in all:
            await listening.done()
        await self.listen(server)
        await server.stop()
