"""
A disk that is full, or fills up: no client notices.
"""

import os
import subprocess
from pathlib import Path
from unittest import SkipTest

from twisted.internet.task import deferLater

from tests.distributions import BuiltDistribution, make_wheel
from tests.e2e.harness import EndToEndTestCase, Fetch, Server, reactor, until

MB = 1_000_000


class SmallDiskTestCase(EndToEndTestCase):
    """
    The cache directory is a file system of 20 MB, in memory.
    """

    timeout = 120

    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("big", payload=8 * MB)
        self.path = self.index.add(self.wheel)
        here = str(self.directory)
        command = ["mount", "-t", "tmpfs", "-o", "size=20m", "none", here]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as e:
            raise SkipTest("a small file system cannot be mounted here") from e
        self.addCleanup(lambda: subprocess.run(["umount", "-l", here], check=True))

    @property
    def ballast(self) -> Path:
        return self.directory / "ballast"

    def fill(self, leave: int) -> None:
        """
        Somebody writes to the disk until so many bytes are free.
        """
        status = os.statvfs(self.directory)
        with open(self.ballast, "ab") as ballast:
            ballast.write(bytes(status.f_bavail * status.f_frsize - leave))

    def url(self, server: Server) -> str:
        return f"{server.url}/files/big/{self.wheel.filename}"

    def assert_whole(self, got: Fetch, wheel: BuiltDistribution | None = None) -> None:
        wheel = wheel or self.wheel
        self.assertEqual(
            (200, True, len(wheel.content), wheel.sha256),
            (got.code, got.complete, got.received, got.sha256),
            f"{got.error} {got.body[:500]!r}",
        )

    def wheels_here(self) -> list[str]:
        """
        The files in the directory, finished or not, that are no small records.
        """
        return [
            str(path.relative_to(self.directory))
            for path in self.directory.rglob("*")
            if path.is_file() and path != self.ballast and path.stat().st_size > 100_000
        ]

    async def health(self, server: Server) -> str:
        return (await self.get(f"{server.url}/-/health")).body.decode().strip()

    async def check_caches_again(self, server: Server) -> None:
        self.ballast.unlink()
        self.assert_whole(await self.get(self.url(server)))
        self.assertEqual([f"big/{self.wheel.filename}"], self.wheels_here())
        self.assertEqual("ok", await self.health(server))


class FullFromTheStartTests(SmallDiskTestCase):
    async def check(self, *options: str, leave: int) -> None:
        self.fill(leave)
        server = await self.start_server(*options)
        for _ in range(2):
            self.assert_whole(await self.get(self.url(server)))
            self.assertEqual([], self.wheels_here())
        self.assertRegex(await self.health(server), "^degraded: .* cannot be kept: ")
        page = await self.get(f"{server.url}/simple/big/")
        self.assertIn(self.wheel.filename, page.body.decode())
        self.assertEqual(1, server.child.output.count("cannot be kept"))
        await self.check_caches_again(server)

    async def test_min_free(self) -> None:
        """
        A file that would leave less than is wanted is streamed, pages are served, the
        log says so once; when there is room, it is kept.
        """
        await self.check(leave=9 * MB)

    async def test_not_a_byte(self) -> None:
        """
        The same where there is not a byte.
        """
        self.fill(300_000)
        server = await self.start_server("--min-free", "0")
        await self.get(f"{server.url}/simple/big/")
        self.fill(0)
        self.assert_whole(await self.get(self.url(server)))
        self.assertEqual([], self.wheels_here())
        self.assertRegex(await self.health(server), "^degraded: .*No space left")
        await self.check_caches_again(server)


class FillsUpTests(SmallDiskTestCase):
    async def test_three_paces(self) -> None:
        """
        The disk fills up while a fast, a slow and a late client follow a file: all get
        all of it, nothing partial stays, and when there is room it is kept.
        """
        self.index.rate = 4 * MB
        self.fill(4 * MB)
        server = await self.start_server("--min-free", "0")
        await self.get(f"{server.url}/simple/big/")
        fast, slow = (self.fetch(self.url(server), keep=False) for _ in range(2))
        await until(lambda: slow.received > 0, 20, "the slow client's first bytes")
        assert slow.transport is not None
        slow.transport.pauseProducing()  # type: ignore[attr-defined]
        await until(lambda: fast.received > 2 * MB, 20, "the middle")
        late = self.fetch(self.url(server), keep=False)
        part = self.fetch(
            self.url(server), headers={"Range": f"bytes={6 * MB}-"}, keep=True
        )
        self.assert_whole(await fast.done())
        self.assert_whole(await late.done())
        self.assertEqual(self.wheel.content[6 * MB :], (await part.done()).body)
        await deferLater(reactor, 0.5)
        slow.transport.resumeProducing()  # type: ignore[attr-defined]
        self.assert_whole(await slow.done())
        self.assertEqual([], self.wheels_here())
        self.assertRegex(await self.health(server), "^degraded: .*No space left")
        ranges = [seen.header("Range") for seen in self.index.asked(self.path)]
        self.assertIsNone(ranges[0])
        self.assertGreaterEqual(len(ranges), 5)
        await self.check_caches_again(server)

    async def test_clients_of_several_processes(self) -> None:
        """
        Nor do those notice who are served by a process that only follows.
        """
        self.index.rate = 4 * MB
        self.fill(4 * MB)
        server = await self.start_server("--min-free", "0", "--workers", "2")
        fetches = [self.fetch(self.url(server), keep=False) for _ in range(10)]
        for fetch in fetches:
            self.assert_whole(await fetch.done())
        self.assertEqual([], self.wheels_here())
        self.index.rate = None
        self.ballast.unlink()
        self.assert_whole(await self.get(self.url(server)))
        self.assertEqual([f"big/{self.wheel.filename}"], self.wheels_here())


class LimitedFilesTests(EndToEndTestCase):
    timeout = 60

    async def test_limit_of_the_process(self) -> None:
        """
        A limit on the size of files is as good as a full disk.
        """
        wheel = make_wheel("big", payload=3 * MB)
        self.index.add(wheel)
        server = await self.start_server()
        try:
            subprocess.run(
                ["prlimit", f"--pid={server.child.pid}", f"--fsize={MB}"], check=True
            )
        except (OSError, subprocess.CalledProcessError) as e:
            raise SkipTest("there is no prlimit here") from e
        got = await self.get(f"{server.url}/files/big/{wheel.filename}")
        self.assertEqual((200, wheel.sha256), (got.code, got.sha256))
        self.assertEqual(set(), self.kept())
        partials = self.directory / ".proxypypi" / "cache" / "partial"
        self.assertEqual([], [p for p in partials.rglob("*") if p.is_file()])
        answer = await self.get(f"{server.url}/-/health")
        self.assertRegex(answer.body, b"^degraded: .*File too large")
