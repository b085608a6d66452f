"""
What a miss does: one fetch for all, whatever happens to it.
"""

from collections.abc import Sequence
from itertools import product

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.protocol import Protocol

from tests.distributions import BuiltDistribution, make_wheel
from tests.e2e.harness import EndToEndTestCase, Fetch, Server, reactor, until
from tests.fake_index import Fault

MB = 1_000_000


class TeeTestCase(EndToEndTestCase):
    def offer(self, size: int, name: str = "big") -> tuple[BuiltDistribution, str]:
        """
        :returns: a wheel that the index has, and its path at the index.
        """
        wheel = make_wheel(name, payload=size)
        return wheel, self.index.add(wheel)

    def url(self, server: Server, wheel: BuiltDistribution) -> str:
        return f"{server.url}/files/{wheel.project}/{wheel.filename}"

    async def know_page(self, server: Server, wheel: BuiltDistribution) -> None:
        got = await self.get(f"{server.url}/simple/{wheel.project}/")
        self.assertEqual(200, got.code, got.body)

    def assert_whole(self, wheel: BuiltDistribution, got: Fetch) -> None:
        self.assertEqual(
            (200, True, len(wheel.content), wheel.sha256),
            (got.code, got.complete, got.received, got.sha256),
            f"{got.error} {got.body[:500]!r}",
        )

    def assert_kept(self, wheel: BuiltDistribution) -> None:
        path = self.directory / wheel.project / wheel.filename
        self.assertEqual({wheel.filename}, self.kept())
        self.assertEqual(wheel.content, path.read_bytes())


class SharingTests(TeeTestCase):
    timeout = 120

    async def test_fifty_clients(self) -> None:
        """
        Fifty clients at once on one cold file of 20 MB: one request upstream, all get
        the right bytes, and what they have not read yet does not pile up in memory.
        """
        wheel, path = self.offer(20 * MB)
        self.index.rate = 5 * MB
        server = await self.start_server()
        await self.know_page(server, wheel)
        before = server.child.rss()
        most = self.watch_memory(server)
        url = self.url(server, wheel)
        fetches = [self.fetch(url, keep=False) for _ in range(50)]
        for fetch in fetches:
            self.assert_whole(wheel, await fetch.done())
        self.assertEqual(1, len(self.index.asked(path, method=None)))
        self.assertLess(most() - before, 5 * 20 * MB)
        self.assert_kept(wheel)

    async def test_fifty_clients_who_do_not_know_the_page(self) -> None:
        """
        Nor do they make more than one request for the page, if it is not known.
        """
        wheel, path = self.offer(MB)
        server = await self.start_server()
        fetches = [self.fetch(self.url(server, wheel), keep=False) for _ in range(50)]
        for fetch in fetches:
            self.assert_whole(wheel, await fetch.done())
        self.assertEqual(
            ["/simple/big/", path], [request.path for request in self.index.requests]
        )

    async def test_late_client(self) -> None:
        """
        A client that comes in the middle gets all from the start, and says that it
        joined; the next finds it on disk.
        """
        wheel, path = self.offer(4 * MB)
        self.index.rate = 2 * MB
        server = await self.start_server()
        url = self.url(server, wheel)
        first = self.fetch(url, keep=False)
        await until(lambda: first.received > MB, 20, "the middle")
        late = self.fetch(url, keep=False)
        await until(lambda: late.received > MB, 20, "as much of the late one")
        self.assertIsNone(first.complete)
        for fetch in (first, late):
            self.assert_whole(wheel, await fetch.done())
        for fetch, status in (
            (first, "fwd=miss; stored"),
            (late, "fwd=miss; collapsed"),
        ):
            self.assertEqual(f"proxypypi; {status}", fetch.header("Cache-Status"))
        last = await self.get(url)
        self.assert_whole(wheel, last)
        self.assertEqual("proxypypi; hit", last.header("Cache-Status"))
        self.assertEqual(1, len(self.index.asked(path)))

    async def test_client_that_goes_away(self) -> None:
        """
        The fetch goes on when the only client has gone away.
        """
        wheel, path = self.offer(4 * MB)
        self.index.rate = 2 * MB
        server = await self.start_server()
        fetch = self.fetch(self.url(server, wheel), keep=False)
        await until(lambda: fetch.received > MB, 20, "the middle")
        fetch.hang_up()
        kept = self.directory / wheel.project / wheel.filename
        await until(kept.exists, 20, "the file")
        self.assert_kept(wheel)
        self.assertEqual(1, len(self.index.asked(path)))

    async def test_slow_client(self) -> None:
        """
        A client that does not read keeps nobody waiting, and costs no memory.
        """
        wheel, _ = self.offer(30 * MB)
        server = await self.start_server()
        await self.know_page(server, wheel)
        url = self.url(server, wheel)
        before = server.child.rss()
        most = self.watch_memory(server)
        slow = self.fetch(url, keep=False)
        await until(lambda: slow.received > 0, 20, "the slow client's first bytes")
        assert slow.transport is not None
        slow.transport.pauseProducing()  # type: ignore[attr-defined]
        self.assert_whole(wheel, await self.get(url))
        self.assertIsNone(slow.complete)
        self.assertLess(most() - before, len(wheel.content))
        slow.transport.resumeProducing()  # type: ignore[attr-defined]
        self.assert_whole(wheel, await slow.done())


class BrokenUpstreamTests(TeeTestCase):
    async def check_wrong(self, wheel: BuiltDistribution, path: str) -> None:
        server = await self.start_server()
        url = self.url(server, wheel)
        self.index.fail(path, Fault(wrong_bytes=True), times=None)
        fetches = [self.fetch(url) for _ in range(5)]
        for fetch in fetches:
            got = await fetch.done()
            self.assertFalse(
                got.code == 200 and got.complete, f"{got.received} bytes got through"
            )
            self.assertLess(got.received, len(wheel.content))
        self.assertEqual(set(), self.kept())
        self.assertEqual([], self.partials())
        self.index.heal()
        self.assert_whole(wheel, await self.get(url))
        self.assert_kept(wheel)

    def partials(self) -> Sequence[str]:
        """
        Large files that lie in the state.
        """
        state = self.directory / ".proxypypi"
        return [
            str(path)
            for path in state.rglob("*")
            if path.is_file() and path.stat().st_size >= 100_000
        ]

    async def test_wrong_bytes(self) -> None:
        """
        Of a file with wrong bytes no client gets the whole, and nothing stays; when
        upstream is well again, the next request gets the file.
        """
        await self.check_wrong(*self.offer(2 * MB))

    async def test_wrong_bytes_of_a_small_file(self) -> None:
        """
        The same if the file is so small that all of it could go out at once.
        """
        await self.check_wrong(*self.offer(1000))

    async def test_too_short_and_too_long(self) -> None:
        """
        The same if upstream's file has another length than its index says.
        """
        for i, (change, chunked) in enumerate(product((-1, 1), (False, True))):
            wheel, path = self.offer(MB, f"big{i}")
            content = (wheel.content + b"x")[: len(wheel.content) + change]
            self.index.fail(path, Fault(body=content, chunked=chunked), times=None)
            server = await self.start_server()
            got = await self.get(self.url(server, wheel))
            self.assertFalse(got.code == 200 and got.complete, (change, chunked))
            self.assertEqual(set(), self.kept())
            await server.stop()

    async def check_resumes(self, fault: Fault) -> None:
        wheel, path = self.offer(4 * MB)
        self.index.fail(path, fault)
        server = await self.start_server()
        self.assert_whole(wheel, await self.get(self.url(server, wheel)))
        first, second = self.index.asked(path)
        self.assertIsNone(first.header("Range"))
        wanted = second.header("Range") or ""
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        self.assertEqual(f"bytes={start}-", wanted)
        self.assertTrue(0 < start <= 2 * MB, wanted)
        self.assertEqual(f'"{wheel.sha256}"', second.header("If-Range"))
        self.assert_kept(wheel)

    async def test_reset_at_half(self) -> None:
        """
        Of a reset in the middle the client notices nothing; upstream is asked for the
        rest alone.
        """
        await self.check_resumes(Fault(truncate_at=2 * MB, reset=True))

    async def test_cut_at_half(self) -> None:
        """
        The same when upstream hangs up cleanly, before the end.
        """
        await self.check_resumes(Fault(truncate_at=2 * MB))

    async def test_reset_by_an_upstream_without_ranges(self) -> None:
        """
        The same if upstream then sends all from the start again.
        """
        wheel, path = self.offer(4 * MB)
        self.index.fail(path, Fault(truncate_at=2 * MB, ranges=False))
        self.index.fail(path, Fault(ranges=False), times=None)
        server = await self.start_server()
        self.assert_whole(wheel, await self.get(self.url(server, wheel)))
        self.assert_kept(wheel)

    async def test_reset_for_ever(self) -> None:
        """
        A file that never gets any further is cut in the end, and never padded.
        """
        wheel, path = self.offer(2 * MB)
        self.index.fail(path, Fault(truncate_at=MB, reset=True))
        self.index.fail(path, Fault(truncate_at=0, reset=True), times=None)
        server = await self.start_server()
        got = await self.get(self.url(server, wheel), seconds=50)
        self.assertFalse(got.complete)
        self.assertEqual(wheel.content[: got.received], got.body)
        self.assertLess(got.received, len(wheel.content))
        self.assertEqual(set(), self.kept())


class CrashTests(TeeTestCase):
    timeout = 90

    async def test_kill_in_the_middle(self) -> None:
        """
        After a kill in the middle of a download nothing partial is listed or served,
        and the same request gets the whole file.
        """
        wheel, _ = self.offer(8 * MB)
        self.index.rate = 4 * MB
        server = await self.start_server()
        fetch = self.fetch(self.url(server, wheel), keep=False)
        await until(lambda: fetch.received > 2 * MB, 20, "the middle")
        server.child.signal("KILL")
        await server.child.ends(10)
        self.assertFalse((await fetch.done()).complete)
        self.assertEqual(set(), self.kept())

        alone = await self.start_server("--no-proxy")
        for path in ("/simple/big/", "/local/big/"):
            got = await self.get(alone.url + path)
            self.assertNotIn(wheel.filename.encode(), got.body, path)
        got = await self.get(self.url(alone, wheel))
        self.assertEqual(404, got.code, got.body)
        await alone.stop()

        self.index.rate = None
        server = await self.start_server()
        got = await self.get(f"{server.url}/local/big/")
        self.assertNotIn(wheel.filename.encode(), got.body)
        self.assert_whole(wheel, await self.get(self.url(server, wheel)))
        self.assert_kept(wheel)


class DrainTests(TeeTestCase):
    async def test_term_drains(self) -> None:
        """
        TERM lets a running download come to its end, for the client and on disk;
        meanwhile the server does not call itself ready.
        """
        wheel, _ = self.offer(4 * MB)
        self.index.rate = 2 * MB
        server = await self.start_server()
        fetch = self.fetch(self.url(server, wheel), keep=False)
        await until(lambda: fetch.received > MB, 20, "the middle")
        server.child.signal("TERM")
        while (got := await self.get(f"{server.url}/-/ready")).code == 200:
            self.assertIsNone(fetch.complete, "ready until the end")
        self.assertEqual(503, got.code)
        self.assertIsNone(fetch.complete)
        self.assertEqual(503, (await self.get(f"{server.url}/simple/")).code)
        self.assert_whole(wheel, await fetch.done())
        await server.ends(10)
        self.assert_kept(wheel)

    async def test_drain_has_an_end(self) -> None:
        """
        A transfer that takes longer than ``--drain`` allows is cut.
        """
        wheel, path = self.offer(4 * MB)
        self.index.fail(path, Fault(stall_at=MB), times=None)
        server = await self.start_server("--drain", "0.5")
        fetch = self.fetch(self.url(server, wheel), keep=False)
        await until(lambda: fetch.received > 0, 20, "the first bytes")
        began_at = reactor.seconds()
        await server.stop(seconds=8)
        self.assertGreater(reactor.seconds() - began_at, 0.4)
        self.assertFalse((await fetch.done()).complete)
        self.assertEqual(set(), self.kept())

    async def test_idle_server_ends_at_once(self) -> None:
        """
        With nothing under way nothing is waited for, not even an open connection.
        """
        server = await self.start_server("--drain", "60")
        port = int(server.url.rpartition(":")[2])
        closed: Deferred[None] = Deferred()
        idle = Protocol()
        idle.connectionLost = lambda _: closed.callback(None)  # type: ignore
        await connectProtocol(HostnameEndpoint(reactor, "127.0.0.1", port), idle)
        await server.stop(seconds=5)
        await closed
