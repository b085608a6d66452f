"""
Commands that work beside a running server, which notices within two seconds.
"""

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.task import deferLater

from tests.distributions import make_sdist, make_wheel
from tests.e2e.harness import PROXYPYPI, EndToEndTestCase, Server, reactor
from tests.fake_index import HTML, JSON

COMMAND = PROXYPYPI[:-1]  # without "run"
IN_TIME = 2.0  # seconds
SEVERAL = 6  # requests, each of a connection of its own, so that every worker is asked


class CommandsTests(EndToEndTestCase):
    timeout = 120

    def setUp(self) -> None:
        super().setUp()
        self.wheel, self.sdist = make_wheel("ours"), make_sdist("ours")
        self.newer = make_wheel("ours", "2.0", requires=["theirs"])
        for built in (self.wheel, self.sdist, self.newer):
            self.drop(built.filename, built.content)
        self.index.add(make_wheel("theirs"))

    async def run_cli(self, command: str, *arguments: str, status: int = 0) -> Any:
        """
        :returns: the report; :obj:`None` if there is none.
        """
        child = self.spawn_server(
            command, "--json", "-d", str(self.directory), *arguments, door=COMMAND
        )
        self.assertEqual(status, await child.ends(20.0), child.output)
        return json.loads(child.stdout) if child.stdout else None

    async def all_say(
        self, url: str, holds: Callable[[Any], bool], accept: str = JSON
    ) -> None:
        """
        Within two seconds, whoever is asked says so.
        """
        deadline = reactor.seconds() + IN_TIME
        while True:
            answers = [await self.get(url, Accept=accept) for _ in range(SEVERAL)]
            if all(holds(answer) for answer in answers):
                return
            self.assertLess(reactor.seconds(), deadline, [a.body for a in answers])
            await deferLater(reactor, 0.05)

    async def serve(self, *options: str) -> Server:
        server = await self.start_server(*options)
        await deferLater(reactor, 1.2)  # until private files count as whole
        await self.all_say(f"{server.url}/simple/ours/", _lists(3))
        return server

    async def test_beside_workers(self) -> None:
        """
        Yanks, a status and removals are there for all workers, on pages, on documents
        of the JSON API and on files; after a restart, too.
        """
        server = await self.serve("--workers", "2")
        page, document = f"{server.url}/simple/ours/", f"{server.url}/pypi/ours/json"
        file = f"{server.url}/files/ours/{self.newer.filename}"
        await self.run_cli("yank", "ours", "2", "--reason", "<broken>")
        await self.all_say(page, lambda a: b'"yanked":"<broken>"' in a.body)
        await self.all_say(page, lambda a: b"&lt;broken&gt;" in a.body, HTML)
        await self.all_say(document, lambda a: _version(a) == "1.0")
        await self.run_cli("unyank", "ours", "2.0")
        await self.all_say(page, lambda a: b"broken" not in a.body)
        await self.all_say(document, lambda a: _version(a) == "2.0")
        await self.run_cli("mark", "ours", "quarantined", "--reason", "taken over")
        await self.all_say(page, _lists(0))
        for url in (file, document, f"{file}.metadata"):
            await self.all_say(url, lambda a: a.code == 403 and b"taken over" in a.body)
        await self.run_cli("mark", "ours", "archived")
        await self.all_say(file, lambda a: a.code == 200)
        report = await self.run_cli("remove", "ours", "1.0", "--reason", "old")
        self.assertEqual(2, len(report["removed"]))
        await self.all_say(page, _lists(1))
        await self.all_say(page, lambda a: b'"archived"' in a.body)
        gone = f"{server.url}/files/ours/{self.wheel.filename}"
        await self.all_say(gone, lambda a: a.code == 404)
        await server.stop()
        server = await self.start_server()
        answer = await self.get(f"{server.url}/pypi/ours/json")
        self.assertEqual(["2.0"], list(json.loads(answer.body)["releases"]))
        await server.stop()

    async def test_of_an_index(self) -> None:
        """
        A release of the index can be yanked once its page was asked for, and what is
        not there is an error.
        """
        server = await self.serve()
        page = f"{server.url}/simple/theirs/"
        await self.run_cli("yank", "theirs", "1.0", status=1)
        await self.all_say(page, _lists(1))
        await self.run_cli("yank", "theirs", "1.0")
        await self.all_say(page, lambda a: b'"yanked":true' in a.body)
        await self.run_cli("yank", "theirs", "2.0", status=1)
        await self.run_cli("yank", "theirs", status=2)
        await server.stop()

    async def test_replaced(self) -> None:
        """
        A file is replaced by removing it and dropping another in.
        """
        server = await self.serve()
        other = make_wheel("ours", payload=10)
        await self.run_cli("remove", "ours", self.wheel.filename)
        await self.all_say(f"{server.url}/simple/ours/", _lists(2))
        self.drop(other.filename, other.content)
        await deferLater(reactor, 1.2)
        sha256 = other.sha256.encode()
        await self.all_say(f"{server.url}/simple/ours/", lambda a: sha256 in a.body)
        got = await self.get(f"{server.url}/files/ours/{other.filename}")
        self.assertEqual(other.content, got.body)
        await server.stop()


def _lists(count: int) -> Callable[[Any], bool]:
    return lambda answer: len(json.loads(answer.body).get("files", "?")) == count


def _version(answer: Any) -> str:
    version: str = json.loads(answer.body)["info"]["version"]
    return version
