"""
Installers before a proxy that waits, or goes back in time.
"""

import sys
import time
from pathlib import Path

from twisted.internet.task import deferLater

from proxypypi.rules.merge import iso
from tests.distributions import make_wheel
from tests.e2e import pips
from tests.e2e.harness import PROXYPYPI, EndToEndTestCase, Server, reactor

DAY = 86_400.0
IN_TIME = 2.0  # seconds


class CooldownTestCase(EndToEndTestCase):
    """
    Of app, and of lib, which it needs, there is 1.0, two months old, 2.0, ten days old,
    and 3.0, a day old.
    """

    timeout = 180

    def setUp(self) -> None:
        super().setUp()
        now = time.time()
        for version, age in (("1.0", 60), ("2.0", 10), ("3.0", 1)):
            for built in (
                make_wheel("app", version, requires=["lib"]),
                make_wheel("lib", version),
            ):
                self.index.add(built, upload_time=iso(now - age * DAY))
        self.day = time.strftime("%Y-%m-%d", time.gmtime(now - 30 * DAY))

    def check(self, target: Path, version: str) -> None:
        self.assert_installed(target, app=version, lib=version)


class MinAgeTests(CooldownTestCase):
    async def install_newest(self, server: Server) -> tuple[int | None, str]:
        """
        :returns: pip's status for that very version, and what it says.
        """
        pip = await pips.fetch(self, pips.NEWEST)
        target = Path(self.mktemp()).absolute()
        child = await self.run_command(
            [
                *(sys.executable, f"{pip}/pip", "--isolated", "install", "--no-deps"),
                *("--no-cache-dir", "--disable-pip-version-check"),
                *("--index-url", f"{server.url}/simple/"),
                *("--target", str(target), "app==3.0"),
            ]
        )
        return child.status, child.output

    async def release(self, filename: str) -> None:
        child = self.spawn_server(
            "release", "-d", str(self.directory), filename, door=PROXYPYPI[:-1]
        )
        self.assertEqual(0, await child.ends(20.0), child.output)
        self.assertEqual("", child.stderr)

    async def test_installers(self) -> None:
        """
        pip and uv take the newest that is old enough, whatever is newer.
        """
        server = await self.start_server("--min-age", "7d")
        index_url = f"{server.url}/simple/"
        for version in (pips.OLDEST, pips.CORE_METADATA, pips.NEWEST):
            pip = await pips.fetch(self, version)
            self.check(await self.pip_install(pip, index_url, "app"), "2.0")
        self.check(await self.uv_install(index_url, "app"), "2.0")
        self.assertEqual(
            {"app-2.0-py3-none-any.whl", "lib-2.0-py3-none-any.whl"}, self.kept()
        )

    async def test_release(self) -> None:
        """
        A version that is too young cannot be had, and its address says why; once it is
        released, it installs within two seconds.
        """
        server = await self.start_server("--min-age", "7d")
        status, said = await self.install_newest(server)
        self.assertEqual(1, status, said)
        self.assertIn("No matching distribution found for app==3.0", said)
        filename = "app-3.0-py3-none-any.whl"
        locked = f"app @ {server.url}/files/app/{filename}"
        pip = await pips.fetch(self, pips.NEWEST)
        child = await self.run_command(
            [
                *(sys.executable, f"{pip}/pip", "--isolated", "download", "--no-deps"),
                *("--no-cache-dir", "--disable-pip-version-check", locked),
            ]
        )
        self.assertEqual(1, child.status)
        self.assertIn("too young, held back until 2", child.output)
        self.assertIn(f"to free it: proxypypi release {filename}", child.output)
        await self.release(filename)
        deadline = reactor.seconds() + IN_TIME
        page = f"{server.url}/simple/app/"
        while filename.encode() not in (await self.get(page)).body:
            self.assertLess(reactor.seconds(), deadline)
            await deferLater(reactor, 0.1)
        status, said = await self.install_newest(server)
        self.assertEqual(0, status, said)

    async def test_lock_file(self) -> None:
        """
        What is in a lock file of elsewhere is refused, too, in a sentence that uv
        shows.
        """
        server = await self.start_server("--min-age", "7d")
        wheel = make_wheel("app", "3.0", requires=["lib"])
        lock = self.work / "locked.txt"
        url = f"{server.url}/files/app/{wheel.filename}"
        lock.write_text(f"app @ {url} --hash=sha256:{wheel.sha256}\n")
        with self.assertRaises(AssertionError) as raised:
            options = ("--no-deps", "-r", str(lock))
            await self.uv_install(f"{server.url}/simple/", options=options)
        said = " ".join(str(raised.exception).split())
        self.assertIn("Server message: Forbidden", said)
        self.assertIn("too young, held back until 2", said)


class SnapshotTests(CooldownTestCase):
    async def test_installers(self) -> None:
        """
        pip and uv install what was newest on a day, and before that many days.
        """
        server = await self.start_server()
        for when, version in ((self.day, "1.0"), ("5d", "2.0"), ("1h", "3.0")):
            index_url = f"{server.url}/snapshot/{when}/simple/"
            for number in (pips.OLDEST, pips.NEWEST):
                pip = await pips.fetch(self, number)
                self.check(await self.pip_install(pip, index_url, "app"), version)
            self.check(await self.uv_install(index_url, "app"), version)
