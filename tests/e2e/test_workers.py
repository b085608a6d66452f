"""
Several processes that are one server.
"""

import contextlib
import http.client
import os
import re
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event

from attrs import define, field
from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

from tests.certificates import Authority
from tests.distributions import make_wheel
from tests.e2e.harness import (
    PROXYPYPI,
    TWISTD,
    Child,
    EndToEndTestCase,
    Server,
    free_port,
    until,
)
from tests.fake_index import Fault

READY = re.compile(r"worker (\d+) is ready: pid (\d+)")


@define
class Client:
    """
    Asks again and again on connections that are kept, until it is told to stop.

    :ivar answered: how many requests.
    :ivar renewed: how many answers were the last ones of their connections.
    """

    _connect: Callable[[], http.client.HTTPConnection]
    _path: str
    _expected: bytes
    _enough: Event
    answered: int = field(default=0, init=False)
    renewed: int = field(default=0, init=False)

    def run(self) -> None:
        """
        :raises Exception: a request has failed.
        """
        connection = self._connect()
        try:
            while not self._enough.is_set():
                connection.request("GET", self._path)
                answer = connection.getresponse()
                body = answer.read()
                assert (answer.status, body) == (200, self._expected), answer.status
                self.answered += 1
                self.renewed += answer.getheader("Connection") == "close"
        finally:
            connection.close()


class WorkersTestCase(EndToEndTestCase):
    timeout = 120

    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("demo", "1.0", payload=20_000)
        self.target = f"/files/demo/{self.wheel.filename}"

    async def start_workers(self, *options: str) -> Server:
        server = await self.start_server("--workers", "2", *options)
        await self.says(server.child, "in pip.conf")
        return server

    async def says(self, child: Child, words: str, times: int = 1) -> None:
        def holds() -> bool:
            return child.status is not None or child.output.count(words) >= times

        try:
            await until(holds, 20.0, words)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{child.output}") from e
        self.assertGreaterEqual(child.output.count(words), times, child.output)

    def pids(self, server: Server) -> list[int]:
        """
        Of all workers that there were, in the order they were ready.
        """
        return [int(pid) for _, pid in READY.findall(server.child.stdout)]

    async def all_ended(self, pids: list[int], seconds: float = 20.0) -> None:
        def holds() -> bool:
            return not any(map(_is_alive, pids))

        await until(holds, seconds, f"the end of {pids}")


def _is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        )
    return False


class ServingTests(WorkersTestCase):
    async def test_both(self) -> None:
        """
        All of them serve; the log says which of them did.
        """
        server = await self.start_workers()
        self.index.add(self.wheel)
        for _ in range(40):
            got = await self.get(f"{server.url}{self.target}")
            self.assertEqual(self.wheel.content, got.body)
        for number in (1, 2):
            await self.says(server.child, f"worker {number}: 127.0.0.1 GET /files/")
        await server.stop()
        await self.all_ended(self.pids(server))

    async def test_tls(self) -> None:
        """
        So it is by TLS; HUP has certificates read again, and a bad one leaves all as
        it was.
        """
        first, second = Authority(), Authority()
        files = {}
        for name, authority in (("first", first), ("second", second)):
            made = authority.vouch_for("127.0.0.1")
            files[name] = made.dumpPEM()
        file = self.work / "server.pem"
        file.write_bytes(files["first"])
        port = free_port()
        child = self.spawn_server(
            *("-d", str(self.directory), "-n", "--workers", "2"),
            *("--listen", f"ssl:{port}:{file}:interface=127.0.0.1"),
        )
        await self.says(child, f"https://127.0.0.1:{port}/simple/")

        def shown() -> set[str]:
            return {ssl.get_server_certificate(("127.0.0.1", port)) for _ in range(8)}

        before = await deferToThread(shown)
        self.assertEqual(1, len(before))
        file.write_bytes(files["second"])
        child.signal("HUP")
        await self.says(child, "all workers are new")
        after = await deferToThread(shown)
        self.assertEqual(1, len(after))
        self.assertNotEqual(before, after)
        file.write_bytes(b"half of")
        child.signal("HUP")
        await self.says(child, "worker 1 stays the old one, and so do those after it")
        self.assertIn(str(file), child.output)
        self.assertEqual(after, await deferToThread(shown))
        await Server(child, "").stop()

    async def test_unix_socket(self) -> None:
        """
        A unix socket is shared; it stays where it is, with its mode, as long as the
        server runs.
        """
        path = self.work / "p.sock"
        server = await self.start_workers("--listen", f"unix:{path}:mode=660")
        for _ in range(2):
            self.assertEqual(0o660, path.stat().st_mode & 0o777)
            status = await deferToThread(lambda: _get_by(path, "/-/ready"))
            self.assertEqual(200, status)
            server.child.signal("HUP")
            await self.says(server.child, "all workers are new")
            await self.all_ended(self.pids(server)[:2])
        await server.stop()
        self.assertFalse(path.exists())

    async def test_inherited_socket(self) -> None:
        """
        So is a socket that systemd hands on.
        """
        activate = f"""
import os, socket, sys
s = socket.create_server(("127.0.0.1", 0))
print("port", s.getsockname()[1], flush=True)
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ |= dict(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="web")
os.execv(sys.executable, {list(TWISTD)!r} + sys.argv[1:])
"""
        child = self.spawn_server(
            *("-d", str(self.directory), "-n", "--workers", "2"),
            *("--listen", "systemd:domain=INET:index=0"),
            door=[sys.executable, "-c", activate],
        )
        await self.says(child, "in pip.conf")
        found = re.search(r"port (\d+)", child.stdout)
        assert found is not None
        server = Server(child, f"http://127.0.0.1:{found[1]}")
        for pid in self.pids(server)[:1]:
            self.assertEqual(200, (await self.get(f"{server.url}/-/ready")).code)
            os.kill(pid, signal.SIGKILL)
            self.assertEqual(200, (await self.get(f"{server.url}/-/ready")).code)
        await server.stop()


class ReplacementTests(WorkersTestCase):
    async def test_killed(self) -> None:
        """
        A worker that is killed is replaced, and who connects meanwhile waits for that.
        """
        server = await self.start_workers("--no-proxy")
        for _ in range(2):
            pids = self.pids(server)
            os.kill(pids[-1], signal.SIGKILL)
            for _ in range(10):
                got = await self.get(f"{server.url}/-/ready")
                self.assertEqual(200, got.code)
            await self.says(server.child, "is ready", len(pids) + 1)
        self.assertIn("killed by signal 9", server.child.output)
        await server.stop()
        await self.all_ended(self.pids(server))

    async def test_told_to_end(self) -> None:
        """
        A worker that somebody ends finishes what it does; another one takes its place
        at once.
        """
        self.index.fail(self.index.add(self.wheel), Fault(stall_at=9000, stall=3))
        server = await self.start_workers()
        transfer = self.fetch(f"{server.url}{self.target}")
        await until(lambda: transfer.received > 0, 10.0, "the first bytes")
        before = self.pids(server)
        for pid in before:
            os.kill(pid, signal.SIGTERM)
        await self.says(server.child, "is ready", 4)
        await transfer.done()
        self.assertEqual(self.wheel.content, transfer.body)
        await self.all_ended(before)
        await server.stop()

    async def test_parent_killed(self) -> None:
        """
        Without their parent they end, after their running transfers.
        """
        self.index.fail(self.index.add(self.wheel), Fault(stall_at=9000, stall=2))
        server = await self.start_workers()
        transfer = self.fetch(f"{server.url}{self.target}")
        await until(lambda: transfer.received > 0, 10.0, "the first bytes")
        server.child.signal("KILL")
        await transfer.done()
        self.assertEqual(self.wheel.content, transfer.body)
        await self.all_ended(self.pids(server))


class RenewalTests(WorkersTestCase):
    async def check_under_load(
        self,
        server: Server,
        connect: Callable[[], http.client.HTTPConnection],
        hang_ups: int = 2,
    ) -> None:
        """
        Requests by several clients that keep their connections, while HUP comes.
        """
        self.drop(self.wheel.filename, self.wheel.content)
        while (await self.get(f"{server.url}{self.target}")).code != 200:
            pass  # it is not old enough to be whole
        enough = Event()
        self.addCleanup(enough.set)
        clients = [
            Client(connect, self.target, self.wheel.content, enough) for _ in range(6)
        ]
        running = gatherResults([deferToThread(each.run) for each in clients])
        for turn in range(1, hang_ups + 1):
            server.child.signal("HUP")
            await self.says(server.child, "all workers are new", turn)
            await self.all_ended(self.pids(server)[: 2 * turn])
        enough.set()
        await running
        self.assertGreater(min(each.answered for each in clients), 10)
        self.assertGreater(sum(each.renewed for each in clients), 0)

    async def test_under_load(self) -> None:
        """
        HUP puts new workers in the place of the old ones, and fails no request.
        """
        server = await self.start_workers("--no-proxy")
        port = int(server.url.rpartition(":")[2])
        await self.check_under_load(
            server, lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        )
        await server.stop()

    async def test_long_transfer(self) -> None:
        """
        An old worker stays as long as a transfer of its own takes, and no HUP, however
        many there are, cuts it off; they do not pile up.
        """
        self.index.fail(self.index.add(self.wheel), Fault(stall_at=9000, stall=4))
        server = await self.start_workers("--drain", "1")
        transfer = self.fetch(f"{server.url}{self.target}")
        await until(lambda: transfer.received > 0, 10.0, "the first bytes")
        server.child.signal("HUP")
        await self.says(server.child, "is ready", 3)
        for _ in range(5):
            server.child.signal("HUP")
        await transfer.done()
        self.assertEqual(self.wheel.content, transfer.body)
        await self.says(server.child, "all workers are new", 2)
        await self.all_ended(self.pids(server)[:4])
        self.assertEqual(6, len(self.pids(server)))
        await server.stop()


class EndTests(WorkersTestCase):
    async def test_drain(self) -> None:
        """
        TERM lets running transfers finish; the worker that has one tells new clients
        meanwhile that this is the end, those of workers that are gone already, too.
        """
        self.index.fail(self.index.add(self.wheel), Fault(stall_at=9000, stall=5))
        server = await self.start_workers()
        transfer = self.fetch(f"{server.url}{self.target}")
        await until(lambda: transfer.received > 0, 10.0, "the first bytes")
        server.child.signal("TERM")
        await self.says(server.child, "waiting up to 30 s")

        def is_alone() -> bool:
            return sum(map(_is_alive, self.pids(server))) == 1

        await until(is_alone, 4.0, "the end of who has nothing to do")
        for _ in range(8):
            self.assertEqual(503, (await self.get(f"{server.url}/-/ready")).code)
        self.assertIsNone(transfer.complete)
        await transfer.done()
        self.assertEqual(self.wheel.content, transfer.body)
        await server.ends(10.0)
        await self.all_ended(self.pids(server))

    async def test_all_are_told(self) -> None:
        """
        TERM that reaches all processes at once, as service managers may send it, is as
        one.
        """
        self.index.fail(self.index.add(self.wheel), Fault(stall_at=9000, stall=2))
        server = await self.start_workers()
        transfer = self.fetch(f"{server.url}{self.target}")
        await until(lambda: transfer.received > 0, 10.0, "the first bytes")
        for pid in (*self.pids(server), server.child.pid, *self.pids(server)):
            os.kill(pid, signal.SIGTERM)
        await transfer.done()
        self.assertEqual(self.wheel.content, transfer.body)
        await server.ends(10.0)
        self.assertNotIn("Traceback", server.child.output)
        await self.all_ended(self.pids(server))

    async def test_hurry(self) -> None:
        """
        A second TERM cuts them off, and KILL ends who does not listen even then.
        """
        self.index.fail(self.index.add(self.wheel), Fault(stall_at=9000))
        server = await self.start_workers()
        transfer = self.fetch(f"{server.url}{self.target}")
        await until(lambda: transfer.received > 0, 10.0, "the first bytes")
        os.kill(self.pids(server)[0], signal.SIGSTOP)
        server.child.signal("TERM")
        await self.says(server.child, "SIGTERM")
        server.child.signal("TERM")
        await server.ends(15.0)
        self.assertFalse(transfer.complete)
        await self.all_ended(self.pids(server))

    async def test_interrupted_in_a_terminal(self) -> None:
        """
        INT that reaches all processes ends them as one.
        """
        server = await self.start_workers()
        for pid in self.pids(server):
            os.kill(pid, signal.SIGINT)
            os.kill(pid, signal.SIGHUP)
        self.assertEqual(200, (await self.get(f"{server.url}/-/ready")).code)
        server.child.signal("INT")
        status = await server.child.ends(20.0)
        self.assertIn(status, (0, -signal.SIGINT))
        self.assertNotIn("Traceback", server.child.output)
        self.assertEqual(2, len(self.pids(server)))
        await self.all_ended(self.pids(server))


class RefusalTests(WorkersTestCase):
    async def test_address_in_use(self) -> None:
        """
        An address that another server of this user has is in use.
        """
        server = await self.start_workers()
        other = self.work / "other"
        other.mkdir()
        for workers in ("1", "2"):
            child = self.spawn_server(
                *("-d", str(other), "-n", "--workers", workers),
                *("-p", server.url.rpartition(":")[2]),
            )
            self.assertEqual(1, await child.ends(20.0), child.output)
            self.assertIn("in use", child.stderr)
        await server.stop()

    async def test_other_endpoints(self) -> None:
        """
        What several processes cannot serve is refused before anything listens.
        """
        child = self.spawn_server(
            *("-d", str(self.directory), "-n", "--workers", "2"),
            *("--listen", "haproxy:tcp:0"),
        )
        self.assertEqual(1, await child.ends(20.0), child.output)
        self.assertIn("--listen: 'haproxy:tcp:0' cannot be served by", child.stderr)

    async def test_no_start(self) -> None:
        """
        What keeps a worker from starting ends the program with status 1, and is told
        there and to who starts a daemon.
        """
        options = ("-d", str(self.directory), "--workers", "2", "-p", "0")
        daemon = ("-P", "p.pid", "-l", "p.log", "-o", "p.out")
        start = (*PROXYPYPI[:-1], "start")
        for door, more in ((TWISTD, ()), (PROXYPYPI, ()), (start, daemon)):
            child = self.spawn_server(
                *options, *more, door=door, HTTP_PROXY="ftp://proxy.example/"
            )
            self.assertEqual(1, await child.ends(30.0), child.output)
            said = "proxypypi: HTTP_PROXY: 'ftp://proxy.example/'"
            self.assertIn(said, child.stderr)
            self.assertNotIn("Traceback", child.output)


class DaemonTests(WorkersTestCase):
    async def test_commands(self) -> None:
        """
        The daemon is the parent: it is up when all its workers are. A restart with
        what no worker could start with leaves it alone.
        """
        port = str(free_port())
        options = ("-d", str(self.directory), "-n", "--workers", "2", "-p", port)
        files = ("-P", "p.pid", "-l", "p.log", "-o", "p.out")
        door = PROXYPYPI[:-1]
        for command, said in (
            (("start", *options, *files), "has started"),
            (("status", "-P", "p.pid"), "is running\n"),
            (("restart", *options, *files), "has started"),
            (("status", "-P", "p.pid"), "is running\n"),
            (("stop", "-P", "p.pid"), "has stopped"),
        ):
            child = self.spawn_server(*command, door=door)
            self.assertEqual(0, await child.ends(30.0), child.output)
            self.assertIn(said, child.stdout)
            if command[0] == "start":
                proxy = "ftp://proxy.example/"
                child = self.spawn_server(
                    "restart",
                    *options[:2],
                    *options[3:],
                    *files,
                    door=door,
                    HTTP_PROXY=proxy,
                )
                self.assertEqual(1, await child.ends(30.0), child.output)
                self.assertIn(f"HTTP_PROXY: {proxy!r}", child.stderr)
        pids = [int(p) for _, p in READY.findall((self.work / "p.log").read_text())]
        self.assertEqual(4, len(pids))
        await self.all_ended(pids)


def _get_by(path: Path, target: str) -> int:
    """
    :returns: the status of what a unix socket answers.
    """
    connection = http.client.HTTPConnection("localhost")
    with socket.socket(socket.AF_UNIX) as made:
        made.settimeout(10.0)
        made.connect(str(path))
        connection.sock = made
        connection.request("GET", target)
        return connection.getresponse().status
