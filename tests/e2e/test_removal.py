"""
What was removed upstream, and is set free beside a running server.
"""

import json
import time
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater

from proxypypi.rules.merge import iso
from tests.distributions import make_wheel
from tests.e2e.harness import PROXYPYPI, EndToEndTestCase, reactor
from tests.fake_index import JSON


class ReleaseTests(EndToEndTestCase):
    async def becomes(self, url: str, page: str, code: int, seconds: float) -> Any:
        """
        Ask for the page, and then for the file, until that has such a status.
        """
        deadline = reactor.seconds() + seconds
        while True:
            listed = await self.get(page, Accept=JSON)
            answer = await self.get(url, Accept=JSON)
            if answer.code == code:
                return answer, listed.body
            self.assertLess(reactor.seconds(), deadline, (answer.code, listed.body))
            await deferLater(reactor, 0.1)

    async def test_release(self) -> None:
        """
        A young file that was removed is withheld; ``proxypypi release`` is what the
        answer says it takes, and a running server notices within two seconds.
        """
        wheel = make_wheel("demo")
        self.index.add(make_wheel("demo", "2.0"))
        self.index.add(wheel, upload_time=iso(time.time() - 3600))
        server = await self.start_server("--index-ttl", "0.2")
        url = f"{server.url}/files/demo/{wheel.filename}"
        page = f"{server.url}/simple/demo/"
        await self.becomes(url, page, 200, 10)
        self.index.remove(wheel.filename)
        refused, _ = await self.becomes(url, page, 403, 20)
        told = json.loads(refused.body)["detail"]
        command = f"proxypypi release {wheel.filename}"
        self.assertTrue(told.endswith(command), told)
        root = str(Path(__file__).parents[2])
        child = await self.run_command(
            [
                *(*PROXYPYPI[:-1], "release", "--json"),
                *("-d", str(self.directory), wheel.filename),
            ],
            self.environment(PYTHONPATH=root),
        )
        self.assertEqual(0, child.status, child.output)
        report = json.loads(child.stdout)
        self.assertEqual(wheel.sha256, report["released"][0]["sha256"])
        answer, listed = await self.becomes(url, page, 200, 2)
        self.assertEqual(wheel.content, answer.body)
        yanked = {f["filename"]: f["yanked"] for f in json.loads(listed)["files"]}
        self.assertEqual("removed from the upstream index", yanked[wheel.filename])
        await server.stop()
