"""
The real program before attackers, full disks, and an upstream that misbehaves.
"""

import re
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    UNIXClientEndpoint,
    connectProtocol,
)
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest

from tests.distributions import BuiltDistribution, make_wheel
from tests.e2e.harness import TWISTD, EndToEndTestCase, Fetch, Server, reactor, until
from tests.fake_index import Fault

MB = 1_000_000


class Line(Protocol):
    """
    A connection whose every byte the test says and sees.

    :ivar sent: bytes handed to the connection by :meth:`pour`.
    """

    def __init__(self) -> None:
        self.received = b""
        self.closed = False
        self.sent = 0
        self._piece = b""
        self._left = 0
        self._end: Deferred[None] = Deferred()

    def send(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(data)

    def pour(self, piece: bytes, times: int) -> None:
        """
        Send so much as fast as the other side takes it.
        """
        transport: Any = self.transport
        self._piece, self._left = piece, times
        transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        transport: Any = self.transport
        if self._left:
            self._left -= 1
            self.sent += len(self._piece)
            transport.write(self._piece)
        else:
            transport.unregisterProducer()

    def stopProducing(self) -> None:
        self._left = 0

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.closed = True
        self._end.callback(None)

    async def ends(self, seconds: float = 20.0) -> bytes:
        """
        :returns: all that was received.
        """
        try:
            await self._end.addTimeout(seconds, reactor)
        except TimeoutError as e:
            raise AssertionError(f"still open: {self.received[:500]!r}") from e
        return self.received

    @property
    def code(self) -> int:
        return int(self.received.split(b" ", 2)[1])


class HostileTestCase(EndToEndTestCase):
    async def connect(self, server: Server) -> Line:
        host, _, port = server.url.removeprefix("http://").rpartition(":")
        return await self._connect(TCP4ClientEndpoint(reactor, host, int(port)))

    async def _connect(self, endpoint: Any) -> Line:
        line: Line = await connectProtocol(endpoint, Line())

        async def hang_up() -> None:
            if not line.closed:
                transport: Any = line.transport
                transport.abortConnection()
                await line.ends()

        self.addCleanup(hang_up)
        return line

    async def say(self, server: Server, *lines: bytes) -> Line:
        """
        :param lines: of a request; the connection ends with the answer.
        """
        line = await self.connect(server)
        line.send(b"\r\n".join([*lines, b"Connection: close", b"", b""]))
        await line.ends()
        return line

    def offer(self, size: int, name: str = "demo") -> tuple[BuiltDistribution, str]:
        """
        :returns: a wheel that the index has, and its path at the index.
        """
        wheel = make_wheel(name, payload=size)
        return wheel, self.index.add(wheel)

    def url(self, server: Server, wheel: BuiltDistribution) -> str:
        return f"{server.url}/files/{wheel.project}/{wheel.filename}"

    def assert_whole(self, wheel: BuiltDistribution, got: Fetch) -> None:
        self.assertEqual(
            (200, True, len(wheel.content), wheel.sha256),
            (got.code, got.complete, got.received, got.sha256),
            f"{got.error} {got.body[:500]!r}",
        )

    async def assert_well(self, server: Server) -> None:
        """
        It runs, answers, and no defect was logged.
        """
        got = await self.get(f"{server.url}/-/health")
        self.assertEqual((200, b"ok\n"), (got.code, got.body))
        self.assertNotIn("Traceback", server.child.output)

    async def mounting(self, mount: str) -> tuple[str, ...]:
        """
        A door to the program with file systems of its own.

        :param mount: shell commands that mount them, before it starts.
        """
        script = f'{mount} && exec "$@"'
        for unshare in (("unshare", "-m"), ("unshare", "-r", "-m")):
            found = shutil.which(unshare[0])
            if found is not None:
                before = (found, *unshare[1:], "sh", "-ec", script, "sh")
                tried = await self.run_command([*before, "true"])
                if tried.status == 0:
                    return (*before, *TWISTD)
        raise SkipTest("this system lets us mount nothing")


class LargeBodiesTests(HostileTestCase):
    timeout = 90

    async def flood(self, server: Server, path: bytes, *headers: bytes) -> Line:
        line = await self.connect(server)
        head = [b"POST " + path + b" HTTP/1.1", b"Host: x", *headers, b"", b""]
        line.send(b"\r\n".join(head))
        return line

    async def test_memory(self) -> None:
        """
        100 MB are answered 413 at once, of any kind and to any path: they are neither
        read to their end nor held in memory. Where one can upload, it is 403.
        """
        server = await self.start_server()
        await self.get(f"{server.url}/simple/none/")
        before = server.child.rss()
        most = self.watch_memory(server)
        length = b"Content-Length: 100000000"
        chunked = b"Transfer-Encoding: chunked"
        piece = b"a=%41&" * 20_000
        for kind in (
            b"application/x-www-form-urlencoded",
            b"multipart/form-data; boundary=x",
        ):
            for path in (b"/simple/", b"/legacy/", b"/-/health"):
                for framing in (length, chunked):
                    chunk = b"%x\r\n%s\r\n" % (len(piece), piece)
                    sent = piece if framing is length else chunk
                    received = b""
                    for _ in range(3):  # who still sends may hear of the end alone
                        if not received:
                            line = await self.flood(
                                server, path, b"Content-Type: " + kind, framing
                            )
                            line.pour(sent, 100 * MB // len(piece))
                            received = await line.ends()
                            self.assertLess(line.sent, 50 * MB)
                    code = b"403" if path == b"/legacy/" else b"413"
                    self.assertRegex(received, b"^HTTP/1.1 %s " % code)
                    self.assertEqual(1, received.count(b"HTTP/1.1"))
        self.assertLess(most() - before, 15 * MB)
        await self.assert_well(server)

    async def test_before_it_is_sent(self) -> None:
        """
        Who waits for leave to send is told no.
        """
        server = await self.start_server()
        line = await self.flood(
            server, b"/simple/", b"Content-Length: 100000000", b"Expect: 100-continue"
        )
        self.assertRegex(await line.ends(), b"^HTTP/1.1 413 ")

    async def test_small(self) -> None:
        """
        A small one is let in, and told what can be done there.
        """
        server = await self.start_server()
        line = await self.flood(
            server, b"/simple/", b"Content-Length: 3", b"Connection: close"
        )
        line.send(b"a=1")
        received = await line.ends()
        self.assertRegex(received, b"^HTTP/1.1 405 ")
        self.assertIn(b"\r\nAllow: GET, HEAD\r\n", received)


class AnyBytesTests(HostileTestCase):
    RAW = (b"\xff", b"\xc3(", "é".encode(), b"\x80;q=0.5, \xfe", b"\x1b[31mred")

    async def test_headers(self) -> None:
        """
        What is not ASCII, in any header, is answered by us, and logged in ASCII.
        """
        wheel, _ = self.offer(1000)
        server = await self.start_server()
        path = f"/files/{wheel.project}/{wheel.filename}".encode()
        for name in (
            *(b"Accept", b"If-None-Match", b"Accept-Encoding", b"If-Range", b"Host"),
            *(b"User-Agent", b"Range"),
        ):
            for raw in self.RAW:
                for target in (b"/simple/demo/", path, b"/simple/none/"):
                    line = await self.say(
                        server,
                        b"GET " + target + b" HTTP/1.1",
                        *([] if name == b"Host" else [b"Host: x"]),
                        *([b"Range: bytes=0-5"] if name == b"If-Range" else []),
                        name + b": " + raw,
                    )
                    case = (name, raw, target, line.received[:200])
                    self.assertLess(line.code, 500, case)
                    head = line.received.partition(b"\r\n\r\n")[0]
                    self.assertIn(b"\r\nCache-Status: proxypypi", head, str(case))
                    if line.code >= 400:
                        self.assertIn(b"\r\nCache-Control: no-store", head, str(case))
        await self.assert_well(server)
        output = server.child.stdout
        self.assertIn(" /simple/demo/ 200 ", output)
        self.assertIn(r" \xff [proxypypi", output)
        self.assertIn(r" \x1b[31mred [proxypypi", output)
        self.assertNotIn("\x1b", output)

    async def test_absolute_address(self) -> None:
        """
        The whole address may stand in the request line, as proxies have it.
        """
        self.offer(1000)
        server = await self.start_server()
        for target in (f"{server.url}/simple/demo/", "http://elsewhere/simple/demo/"):
            line = await self.say(
                server, f"GET {target} HTTP/1.1".encode(), b"Host: elsewhere"
            )
            self.assertEqual(200, line.code, line.received[:200])
            self.assertIn(b"demo-1.0-py3-none-any.whl", line.received)


class UnixSocketTests(HostileTestCase):
    async def test_unix(self) -> None:
        """
        On a socket in the file system pages and files are served and logged like on
        any other.
        """
        wheel, _ = self.offer(5000)
        short = mkdtemp()  # as paths of sockets must be
        self.addCleanup(shutil.rmtree, short)
        path = Path(short, "socket")
        child = self.spawn_server(
            *("--dir", str(self.directory), "--listen", f"unix:{path}"),
            *("--index-url", self.index_url),
        )
        await until(path.exists, 20, "the socket")
        for target in ("/simple/demo/", f"/files/demo/{wheel.filename}"):
            line = await self._connect(UNIXClientEndpoint(reactor, str(path)))
            line.send(
                f"GET {target} HTTP/1.1\r\nHost: x\r\nUser-Agent: ".encode()
                + b"\xff/1\r\nConnection: close\r\n\r\n"
            )
            received = await line.ends()
            self.assertRegex(received, b"^HTTP/1.1 200 ")
            found = re.compile(re.escape(f" GET {target} 200 ") + r"\d+ \\xff/1 \[")
            await until(
                lambda found=found: found.search(child.stdout) is not None,  # type: ignore[misc]
                *(5, "a line in the log"),
            )
        self.assertTrue(received.endswith(wheel.content))
        self.assertNotIn("Traceback", child.output)
        child.signal("TERM")
        await child.ends(20)


class ManyClientsTests(HostileTestCase):
    async def test_few_descriptors(self) -> None:
        """
        120 clients on one cold file need their sockets, and hardly a descriptor more.
        """
        wheel, path = self.offer(2 * MB)
        self.index.fail(path, Fault(stall_at=MB, stall=1000))
        limited = ("/bin/sh", "-c", 'ulimit -n 170 && exec "$@"', "sh", *TWISTD)
        server = await self.start_server(door=limited)
        opened = Path(f"/proc/{server.child.pid}/fd")
        if not opened.is_dir():
            raise SkipTest("this system does not tell what files are open")
        await self.get(f"{server.url}/simple/demo/")
        before = len(list(opened.iterdir()))
        url = self.url(server, wheel)
        fetches = [self.fetch(url, keep=False) for _ in range(120)]
        await until(
            lambda: all(fetch.received > MB // 2 for fetch in fetches),
            *(30, "the first half, for all"),
        )
        self.assertLess(len(list(opened.iterdir())) - before, 120 + 10)
        self.assertEqual(1, len(self.index.asked(path)))
        self.assertNotIn("Too many open files", server.child.output)
        for fetch in fetches:
            fetch.hang_up()
        await self.assert_well(server)


class CrowdTests(HostileTestCase):
    async def test_idle_ones_go_first(self) -> None:
        """
        More idle connections than descriptors lock nobody out: the oldest are ended,
        and what is under way goes on.
        """
        wheel, path = self.offer(2 * MB)
        self.index.fail(path, Fault(stall_at=MB, stall=3))
        limited = ("/bin/sh", "-c", 'ulimit -n 120 && exec "$@"', "sh", *TWISTD)
        server = await self.start_server(door=limited)
        fetch = self.fetch(self.url(server, wheel), keep=False)
        await until(lambda: fetch.received > MB // 2, 20, "the first half")
        lines = [await self.connect(server) for _ in range(300)]
        await until(lambda: sum(not line.closed for line in lines) < 90, 20, "room")
        line = await self.say(server, b"GET /-/health HTTP/1.1", b"Host: x")
        self.assertEqual(200, line.code)
        self.assert_whole(wheel, await fetch.done())
        self.assertNotIn("Too many open files", server.child.output)
        self.assertEqual(1, server.child.output.count("all there can be"))
        await self.assert_well(server)

    async def test_unread_answers(self) -> None:
        """
        Who sends requests for ever and reads nothing costs no memory, and nobody time.
        """
        self.offer(100)
        server = await self.start_server()
        await self.get(f"{server.url}/simple/demo/")
        before = server.child.rss()
        most = self.watch_memory(server)
        lines = [await self.connect(server) for _ in range(5)]
        for line in lines:
            transport: Any = line.transport
            transport.pauseProducing()
            line.pour(b"GET /simple/demo/ HTTP/1.1\r\nHost: x\r\n\r\n" * 1000, 300)
        await deferLater(reactor, 5)
        self.assertLess(most() - before, 5 * MB)
        for line in lines:
            self.assertLess(line.sent, 300 * 41 * 1000)
        await self.assert_well(server)


class FullDiskTests(HostileTestCase):
    async def test_state(self) -> None:
        """
        With not a byte left on the disk, pages and private files are served, health
        says what is wrong, and that it is over when there is room.
        """
        door = await self.mounting(f"mount -t tmpfs -o size=2m none '{self.directory}'")
        self.offer(100)
        private = make_wheel("own")
        server = await self.start_server(door=door)
        inside = Path(f"/proc/{server.child.pid}/root{self.directory}")
        (inside / private.filename).write_bytes(private.content)
        filler = inside / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        for _ in range(2):
            got = await self.get(f"{server.url}/simple/demo/")
            self.assertEqual(200, got.code, got.body)
            self.assertIn(b"demo-1.0-py3-none-any.whl", got.body)
        health = await self.get(f"{server.url}/-/health")
        self.assertRegex(health.body, b"^degraded: .*(?i:space)")
        await self.listed(server, private)
        got = await self.get(f"{server.url}/files/own/{private.filename}")
        self.assert_whole(private, got)
        filler.unlink()
        self.index.add(make_wheel("other"))
        self.assertEqual(200, (await self.get(f"{server.url}/simple/other/")).code)
        await self.assert_well(server)
        await server.stop()

    async def listed(self, server: Server, private: BuiltDistribution) -> None:
        """
        Wait for the second after which a file that was dropped in is listed.
        """
        deadline = reactor.seconds() + 10
        while True:
            got = await self.get(f"{server.url}/simple/{private.project}/")
            if got.code == 200 and private.sha256.encode() in got.body:
                return
            self.assertIn(got.code, (200, 404), got.body)
            self.assertLess(reactor.seconds(), deadline, got.body)


class ReadOnlyTests(HostileTestCase):
    async def test_stand_alone(self) -> None:
        """
        A stand-alone index can be served from a medium that is read-only.
        """
        wheel = make_wheel("own")
        self.drop(wheel.filename, wheel.content)
        quoted = f"'{self.directory}'"
        door = await self.mounting(
            f"mount --bind {quoted} {quoted} && mount -o remount,ro,bind {quoted}"
        )
        server = await self.start_server("--no-proxy", door=door)
        await until(
            lambda: (
                (self.directory / wheel.filename).stat().st_ctime + 1.1
                < reactor.seconds()
            ),
            *(5, "a second since it was dropped in"),
        )
        got = await self.get(f"{server.url}/simple/own/")
        self.assertIn(wheel.sha256.encode(), got.body)
        self.assert_whole(wheel, await self.get(self.url(server, wheel)))
        self.assertFalse((self.directory / ".proxypypi").exists())
        await server.stop()


class MisbehavingUpstreamTests(HostileTestCase):
    async def test_wrong_bytes_and_then_silence(self) -> None:
        """
        After wrong bytes the page is wanted anew; when upstream then says nothing,
        the old one is there within three seconds.
        """
        wheel, path = self.offer(50_000)
        server = await self.start_server()
        await self.get(f"{server.url}/simple/demo/")
        self.index.fail(path, Fault(wrong_bytes=True))
        got = await self.get(self.url(server, wheel))
        self.assertFalse(got.code == 200 and got.complete)
        self.index.fail("/simple/demo/", Fault(delay=1000))
        started = reactor.seconds()
        got = await self.get(f"{server.url}/simple/demo/")
        self.assertLess(reactor.seconds() - started, 4.0)
        self.assertEqual(200, got.code, got.body)
        self.assertRegex(
            str(got.header("Cache-Status")), r"^proxypypi; hit; ttl=-?\d+$"
        )
        asked = self.index.asked("/simple/demo/")
        self.assertEqual(2, len(asked))
        self.assertIsNone(asked[1].header("If-None-Match"))
        self.assertNotIn("Traceback", server.child.output)

    async def test_every_byte_but_no_end(self) -> None:
        """
        All bytes of a file whose size nobody says, cut off before the last chunk: the
        digest tells that this was all.
        """
        self.index.sizes = False
        wheel, path = self.offer(50_000)
        fault = Fault(chunked=True, truncate_at=len(wheel.content))
        self.index.fail(path, fault)
        server = await self.start_server()
        self.assert_whole(wheel, await self.get(self.url(server, wheel)))
        self.assertEqual({wheel.filename}, self.kept())
        await self.assert_well(server)

    async def test_leftovers(self) -> None:
        """
        Whatever lies among the partial files: a client gets the file at the second
        try at the latest.
        """
        partials = self.directory / ".proxypypi" / "cache" / "partial"
        server = await self.start_server()
        for sizes in (True, False):
            self.index.sizes = sizes
            for number, leftover in enumerate(self.leftovers()):
                name = f"demo{number}" if sizes else f"odd{number}"
                wheel, _ = self.offer(50_000, name)
                content = leftover(wheel.content)
                tag = wheel.sha256[:16]
                (partials / name).mkdir(parents=True)
                (partials / name / f"{wheel.filename}.{tag}").write_bytes(content)
                got = await self.get(self.url(server, wheel))
                if got.code != 200 or not got.complete:
                    got = await self.get(self.url(server, wheel))
                self.assert_whole(wheel, got)

    def leftovers(self) -> tuple[Any, ...]:
        return (
            lambda content: content,
            lambda content: content + b"x" * 1000,
            lambda content: bytes(reversed(content)),
            lambda content: bytes(len(content) * 2),
            lambda content: bytes(1000),
            lambda content: content[:-1],
        )

    async def test_leftover_and_upstream_down(self) -> None:
        """
        A partial file and no upstream: an error before any byte, with a time to come
        again; then the file goes on where it was.
        """
        wheel, path = self.offer(3 * MB)
        self.index.fail(path, Fault(stall_at=MB, stall=1000))
        server = await self.start_server()
        fetch = self.fetch(self.url(server, wheel), keep=False)
        await until(lambda: fetch.received > MB // 2, 20, "the first third")
        server.child.signal("KILL")
        await server.child.ends(10)
        server = await self.start_server()
        self.index.fail(path, Fault(status=503), times=None)
        got = await self.get(self.url(server, wheel))
        self.assertIn(got.code, (502, 503), got.body)
        self.assertTrue(got.complete)
        self.assertRegex(str(got.header("Retry-After")), "^[0-9]+$")
        self.index.heal()
        self.index.requests.clear()
        self.assert_whole(wheel, await self.get(self.url(server, wheel)))
        (again,) = self.index.asked(path)
        self.assertRegex(str(again.header("Range")), "^bytes=[1-9][0-9]+-$")

    async def test_cache_deleted_in_the_middle(self) -> None:
        """
        Who deletes the cache during a download takes nothing from anybody.
        """
        wheel, path = self.offer(3 * MB)
        self.index.fail(path, Fault(stall_at=MB, stall=1))
        server = await self.start_server()
        fetch = self.fetch(self.url(server, wheel), keep=False)
        await until(lambda: fetch.received > MB // 2, 20, "the first third")
        shutil.rmtree(self.directory / ".proxypypi" / "cache")
        self.assert_whole(wheel, await fetch.done())
        kept = self.directory / "demo" / wheel.filename
        await until(kept.exists, 10, "the file")
        self.assertEqual(wheel.content, kept.read_bytes())
        await self.assert_well(server)

    async def test_link_that_leads_outside(self) -> None:
        """
        Nothing is written where a project's folder is a link that leads out; clients
        get their files nevertheless.
        """
        wheel, _ = self.offer(50_000, "etc")
        outside = self.work / "outside"
        outside.mkdir()
        (self.directory / "etc").symlink_to(outside)
        server = await self.start_server()
        got = await self.get(self.url(server, wheel))
        self.assert_whole(wheel, got)
        self.assertEqual([], list(outside.iterdir()))
        self.assertEqual("proxypypi; fwd=miss", got.header("Cache-Status"))
