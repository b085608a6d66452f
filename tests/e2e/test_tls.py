"""
TLS to clients: certificates that are renewed under a running server.
"""

import os
import signal
from collections.abc import Callable, Sequence

from OpenSSL.crypto import FILETYPE_PEM
from twisted.internet.ssl import PrivateCertificate

from tests.certificates import Authority
from tests.e2e.harness import PROXYPYPI, TWISTD, Server, free_port, until
from tests.e2e.test_daemon import TWISTD_DAEMON, DaemonTestCase


class RenewalTests(DaemonTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.old, self.new = Authority("the old one"), Authority("the new one")
        self.trust = self.old.policy
        made = self.vouch(self.old)
        (self.work / "key.pem").write_bytes(made.privateKey.dump(FILETYPE_PEM))
        (self.work / "cert.pem").write_bytes(made.dump(FILETYPE_PEM))
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"

    def vouch(self, authority: Authority) -> PrivateCertificate:
        return authority.vouch_for("127.0.0.1")

    def endpoint(self) -> str:
        files = "privateKey=key.pem:certKey=cert.pem"
        return f"ssl:{self.port}:interface=127.0.0.1:{files}"

    async def health(self) -> int | None:
        return (await self.get(f"{self.url}/-/health")).code

    async def check(
        self, server: Server, hang_up: Callable[[], None], log: Callable[[], str]
    ) -> None:
        """
        Renew the certificate in two steps, of which the first leaves what does not
        fit, while a download is under way.
        """
        fetch, wheel = self.download(server)
        await until(lambda: fetch.received > 0, 20, "the first bytes")
        made = self.vouch(self.new)
        (self.work / "cert.pem").write_bytes(made.dump(FILETYPE_PEM))
        hang_up()
        await until(lambda: "stays the old one" in log(), 10, "a refusal")
        self.assertIn("key.pem", log())
        self.assertEqual(200, await self.health())
        (self.work / "key.pem").write_bytes(made.privateKey.dump(FILETYPE_PEM))
        hang_up()
        await until(lambda: "was read again" in log(), 10, "the new one")
        self.assertIsNone(await self.health())
        self.trust = self.new.policy
        self.assertEqual(200, await self.health())
        self.assertIsNone(fetch.complete, "it was to take longer")
        await self.assert_whole(fetch, wheel)

    async def check_foreground(self, door: Sequence[str]) -> None:
        child = self.spawn_server(
            *("-d", str(self.directory), "-i", self.index_url),
            *("--listen", self.endpoint()),
            door=door,
        )
        server = Server(child, self.url)
        await self.ready(server)
        await self.check(server, lambda: child.signal("HUP"), lambda: child.output)
        await server.stop()

    async def test_twistd(self) -> None:
        """
        After HUP new connections see the new certificate, once it is whole; a download
        on an old one goes on.
        """
        await self.check_foreground(TWISTD)

    async def test_run(self) -> None:
        """
        So they do by our own door.
        """
        await self.check_foreground(PROXYPYPI)

    async def test_daemon(self) -> None:
        """
        With a daemon, too.
        """
        await self.start("--listen", self.endpoint())
        server = Server(self.spawn(["true"]), self.url)
        await self.check(server, self.hang_up, self.log)
        self.assertEqual(0, (await self.stop()).status)

    async def test_twistd_daemon(self) -> None:
        """
        And with twistd's.
        """
        child = self.spawn_server(
            *("--pidfile=p.pid", "--logfile=p.log", "proxypypi"),
            *("-d", "cache", "-i", self.index_url, "--listen", self.endpoint()),
            door=TWISTD_DAEMON[:3],
        )
        self.assertEqual(0, await child.ends(30), child.output)
        pid = self.pid()
        server = Server(child, self.url)
        await self.check(server, self.hang_up, self.log)
        os.kill(pid, signal.SIGTERM)
        await self.ended(pid)

    def hang_up(self) -> None:
        os.kill(self.pid(), signal.SIGHUP)
