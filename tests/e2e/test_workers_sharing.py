"""
What several processes of one server do for each other.
"""

import os
import re
import signal
from pathlib import Path

from twisted.internet.task import deferLater

from tests.distributions import make_wheel
from tests.e2e.harness import Server, reactor, until
from tests.e2e.test_tee import MB, TeeTestCase
from tests.e2e.test_workers import WorkersTestCase

_LOCK = re.compile(r"FLOCK +ADVISORY +WRITE (\d+) [0-9a-f]+:[0-9a-f]+:(\d+) ")


class SharingTests(TeeTestCase, WorkersTestCase):
    def partials(self) -> list[Path]:
        return list((self.directory / ".proxypypi/cache/partial").glob("*/*"))

    def fetching(self) -> int:
        """
        :returns: the pid of the worker that holds the only partial file.
        """
        (partial,) = self.partials()
        inode = str(partial.stat().st_ino)
        locks = _LOCK.findall(Path("/proc/locks").read_text())
        (pid,) = {int(pid) for pid, locked in locks if locked == inode}
        return pid

    async def test_fifty_clients(self) -> None:
        """
        Fifty clients of both workers on one cold file: one request for the page, one
        for the file.
        """
        wheel, path = self.offer(5 * MB)
        self.index.rate = 5 * MB
        server = await self.start_workers()
        url = self.url(server, wheel)
        fetches = [self.fetch(url, keep=False) for _ in range(50)]
        for fetch in fetches:
            self.assert_whole(wheel, await fetch.done())
        self.assertEqual(
            ["/simple/big/", path], [request.path for request in self.index.requests]
        )
        self.assert_kept(wheel)
        for number in (1, 2):
            await self.says(server.child, f"worker {number}: 127.0.0.1 GET /files/")

    async def test_the_one_that_fetches_is_killed(self) -> None:
        """
        Its own clients have to connect again, all others notice nothing; another worker
        goes on from where it was, and one whole file is left.
        """
        wheel, path = self.offer(8 * MB)
        self.index.rate = 4 * MB
        server = await self.start_workers()
        await self.know_page(server, wheel)
        url = self.url(server, wheel)
        fetches = [self.fetch(url, keep=False) for _ in range(20)]
        await until(lambda: fetches[0].received > 2 * MB, 20, "the middle")
        os.kill(self.fetching(), signal.SIGKILL)
        got = [await fetch.done() for fetch in fetches]
        cut = [fetch for fetch in got if not fetch.complete]
        self.assertTrue(0 < len(cut) < 20, len(cut))
        for fetch in got:
            if fetch.complete:
                self.assert_whole(wheel, fetch)
        for _ in cut:
            self.assert_whole(wheel, await self.get(url))
        _, *others = self.index.asked(path)
        self.assertEqual(1, len(others), others)
        self.assertRegex(others[0].header("Range") or "", r"^bytes=[1-9]\d{5,}-$")
        self.assert_kept(wheel)
        self.assertEqual([], self.partials())

    async def shown(self, server: Server, filename: str, times: int) -> set[bool]:
        """
        :returns: whether pages that are asked for on as many connections list a file.
        """
        pages = [await self.get(f"{server.url}/simple/big/") for _ in range(times)]
        return {filename.encode() in page.body for page in pages}

    async def test_one_truth(self) -> None:
        """
        A refreshed page counts for all at once, a file that is dropped into the
        directory within two seconds.
        """
        self.offer(1000)
        server = await self.start_workers()
        new = make_wheel("big", "2.0")
        self.assertEqual({False}, await self.shown(server, new.filename, 20))
        self.index.add(new)
        self.assertEqual({False}, await self.shown(server, new.filename, 20))
        done = await self.get(f"{server.url}/-/refresh/big", method="POST")
        self.assertEqual(200, done.code, done.body)
        self.assertEqual({True}, await self.shown(server, new.filename, 20))
        dropped = make_wheel("big", "3.0")
        self.drop(dropped.filename, dropped.content)
        await deferLater(reactor, 2.0)
        self.assertEqual({True}, await self.shown(server, dropped.filename, 20))
