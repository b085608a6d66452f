"""
Tests for :mod:`proxypypi.service`.
"""

import gc
import os
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.application.service import IService
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    capturedLogs,
    formatEvent,
    globalLogPublisher,
)
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from proxypypi.assembly import build
from proxypypi.errors import CannotListen, DirectoryInUse
from proxypypi.names import normalize
from proxypypi.premises import Premises
from proxypypi.rules.asking import Asking
from proxypypi.service import ProxyService, assemble
from proxypypi.settings import Settings, UpstreamSettings
from proxypypi.store.asking import AskingStore
from proxypypi.store.uses import UseStore
from proxypypi.upstream.index import Index
from tests.certificates import Authority
from tests.distributions import make_wheel
from tests.fake_index import Fault
from tests.pool import Pool
from tests.proxy_case import (
    INDEX_URL,
    Pipe,
    ProxyTestCase,
    Wire,
    connect,
    make_list_here,
)


class Port:
    """
    A port that says when it was closed, and can take its time.
    """

    def __init__(self, host: str, number: int, note: Callable[[str], None]) -> None:
        kind = IPv6Address if ":" in host else IPv4Address
        self._address = kind("TCP", host or "0.0.0.0", number)
        self._note = note

    def getHost(self) -> Any:
        return self._address

    def stopListening(self) -> "Deferred[None]":
        self._note("port closed")
        return succeed(None)


class Reactor(MemoryReactorClock):
    """
    :ivar taken: ports that others listen on.
    :ivar notes: what happened, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.advance(time.time())
        self.taken: set[int] = set()
        self.notes: list[str] = []
        self.in_thread: list[str] = []

    @property
    def served(self) -> Any:
        """
        What the one site that listens serves.
        """
        ((_, site, _, _),) = self.tcpServers
        root: Any = site
        return root.resource

    def listenTCP(
        self, port: int, factory: Any, backlog: int = 50, interface: str = ""
    ) -> Any:
        if port in self.taken:
            raise CannotListenError(interface, port, OSError(98, "Address in use"))
        super().listenTCP(port, factory, backlog, interface)
        return Port(interface, port or 4711, self.notes.append)

    def listenSSL(self, port: int, *args: Any, **named: Any) -> Any:
        super().listenSSL(port, *args, **named)
        return Port(named["interface"], port, self.notes.append)

    def callInThread(self, call: Callable[..., Any], *args: Any) -> None:
        self.in_thread.append(call.__name__)
        call(*args)

    def callFromThread(self, call: Callable[..., Any], *args: Any) -> None:
        call(*args)

    def getThreadPool(self) -> Pool:
        return Pool()


class ServiceTestCase(ProxyTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.reactor = Reactor()
        self.lines: list[str] = []

        @implementer(ILogObserver)
        def note(event: LogEvent) -> None:
            if str(event.get("log_namespace", "")).startswith("proxypypi."):
                self.lines.append(formatEvent(event))

        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)

    def service(self, **settings: Any) -> ProxyService:
        """
        The service of the proxy that this test case has.
        """
        settings.setdefault("listen", ("tcp:8000:interface=127.0.0.1",))
        made = Settings(directory=self.directory, **settings)
        self.premises = Premises(made, self.reactor)
        return ProxyService(
            made, self.reactor, self.proxy, self.noting(self.indexes), self.premises
        )

    def noting(self, indexes: Sequence[Index]) -> Sequence[Index]:
        """
        The same indexes, which from now on note when they are closed.
        """
        for index in indexes:
            index._close = self._closed
        return indexes

    def _closed(self) -> "Deferred[None]":
        self.reactor.notes.append("index closed")
        return succeed(None)

    def another(self) -> ProxyService:
        """
        Another server on the same directory.
        """
        settings = Settings(
            directory=self.directory, listen=("tcp:8001",), upstreams=()
        )
        proxy = build(settings, self.reactor, [], maybeDeferred, make_list_here)
        premises = Premises(settings, self.reactor)
        return ProxyService(settings, self.reactor, proxy, [], premises)


class StartTests(ServiceTestCase):
    def test_listens(self) -> None:
        """
        It listens wherever it was told to, before it is allowed to less, and says how
        to use that.
        """
        service = self.service(
            listen=(
                "tcp:8000:interface=127.0.0.1",
                "tcp:8001",
                "tcp:8002:interface=\\:\\:1",
                "unix:/run/proxypypi.sock",
            )
        )
        verifyObject(IService, service)
        service.privilegedStartService()
        listening = [
            (port, interface) for port, _, _, interface in self.reactor.tcpServers
        ]
        self.assertEqual([(8000, "127.0.0.1"), (8001, ""), (8002, "::1")], listening)
        self.assertEqual("/run/proxypypi.sock", self.reactor.unixServers[0][0])
        service.startService()
        self.assertEqual(3, len(self.reactor.tcpServers), "only once")
        said = "\n".join(self.lines)
        for simple in (
            "http://127.0.0.1:8000/simple/",
            "http://localhost:8001/simple/",
            "http://[::1]:8002/simple/",
        ):
            self.assertIn(f"pip install -i {simple} PACKAGE", said)
            self.assertIn(f"index-url = {simple}", said)
        self.assertIn("listening on unix:/run/proxypypi.sock\n", said + "\n")

    def test_started_without_privileges(self) -> None:
        """
        Started in one step, it listens all the same; what it serves is the proxy.
        """
        self.service().startService()
        wire = connect(self.reactor.served, self.clock)
        wire.send("GET /-/ready HTTP/1.1")
        self.assertEqual(200, wire.code)

    def test_what_stays_is_not_looked_through(self) -> None:
        """
        The garbage collector is told to leave what was there at the start alone.
        """
        self.service().startService()
        hooks = [call for call, _, _ in self.reactor.whenRunningHooks]
        self.assertIn(gc.freeze, hooks)

    def test_as_many_clients_as_there_is_room_for(self) -> None:
        """
        How many clients may be connected follows from how many files may be open.
        """
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        service = self.service()
        service.startService()
        raised, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        ((_, site, _, _),) = self.reactor.tcpServers
        expected = min(10_000, raised * 3 // 4)
        self.assertEqual(expected, site.connections.most)  # type: ignore[attr-defined]

    def test_unforeseen(self) -> None:
        """
        What fails beside the start, and nobody foresaw, is in the log; it serves.
        """

        async def fail(self: object) -> None:
            raise ZeroDivisionError("oops")

        self.patch(Index, "try_to_connect", fail)
        self.service().startService()
        self.assertIn("a look at index.example has failed", self.lines)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual(1, len(self.reactor.tcpServers))

    def test_the_port_it_was_given(self) -> None:
        """
        With port 0 it says the one it got.
        """
        self.service(listen=("tcp:0:interface=127.0.0.1",)).startService()
        self.assertIn("http://127.0.0.1:4711/simple/", "\n".join(self.lines))

    def test_address_that_is_taken(self) -> None:
        """
        An address that cannot be had is an error that names it.
        """
        self.reactor.taken.add(8000)
        error = self.assertRaises(CannotListen, self.service().privilegedStartService)
        self.assertIn("tcp:8000", str(error))
        self.assertIn("Address in use", str(error))

    def test_socket_that_cannot_be_had(self) -> None:
        """
        Of a unix socket it is told why, without Twisted's lock beside it.
        """
        socket = Path(self.mktemp())
        gone, denied = (
            FileNotFoundError(2, "No", "1", None, "x.lock"),
            OSError(13, "No"),
        )
        for error, why in (
            (CannotListenError(None, socket, "Cannot acquire lock"), "another process"),
            (gone, "there is no such directory"),
            (CannotListenError(None, socket, gone), "there is no such directory"),
            (PermissionError(13, "Permission denied", "1", None, "x.lock"), "denied"),
            (CannotListenError(None, socket, denied), "No"),
        ):

            def listen(*args: Any, error: Exception = error, **named: Any) -> Any:
                raise error

            self.patch(self.reactor, "listenUNIX", listen)
            service = self.service(listen=(f"unix:{socket}",))
            said = str(self.assertRaises(CannotListen, service.privilegedStartService))
            self.assertIn(why, said)
            self.assertNotIn("lock", said)
            self.premises.leave()

    def test_directory_in_use(self) -> None:
        """
        There is one server a directory; the other says who has it.
        """
        first, second = self.service(), self.another()
        first.privilegedStartService()
        error = self.assertRaises(DirectoryInUse, second.privilegedStartService)
        self.assertEqual(str(os.getpid()), error.pid)
        self.assertIn(str(self.directory), str(error))
        self.assertEqual(1, len(self.reactor.tcpServers))

    def test_old_leftovers_are_removed(self) -> None:
        """
        What crashes left behind and nobody took up again is removed at start, in a
        thread; what is younger than a day is kept.
        """
        partials = self.directory / ".proxypypi" / "cache" / "partial" / "demo"
        partials.mkdir(parents=True)
        now = self.reactor.seconds()
        for name, age in [("old", 25 * 3600), ("young", 23 * 3600)]:
            (partials / name).write_bytes(b"x")
            os.utime(partials / name, (now - age, now - age))
        self.service().startService()
        self.assertEqual(["young"], [path.name for path in partials.iterdir()])
        self.assertIn("sweep", self.reactor.in_thread)

    def test_word_is_left(self) -> None:
        """
        It says in the directory what it asks of whom, for commands.
        """
        upstreams = (UpstreamSettings.from_url(INDEX_URL, projects=("d*",)),)
        self.service(upstreams=upstreams, private=("a",), deny=("b",)).startService()
        self.assertEqual(
            Asking(indexes={INDEX_URL: ("d*",)}, refused=("a", "b")),
            AskingStore.of(self.directory).load(),
        )
        self.assertIn("_leave_word", self.reactor.in_thread)

    def test_word_cannot_be_left(self) -> None:
        """
        Where that cannot be written, it serves all the same, and the log says so.
        """
        cache = self.directory / ".proxypypi" / "cache"
        cache.mkdir(parents=True)
        (cache / "asking").touch()
        self.service().startService()
        self.assertIn("commands cannot know what is asked here", "\n".join(self.lines))

    def test_what_is_too_much_goes(self) -> None:
        """
        With a bound, files beyond it are evicted at start, in a thread.
        """
        wheel = make_wheel("demo", payload=3000)
        self.index.add(wheel)
        self.get(f"/files/demo/{wheel.filename}")
        self.advance(100)
        self.start_proxy(max_size=1000)
        self.service().startService()
        self.assertEqual([], self.kept())
        self.assertIn("evict", self.threads.calls)

    def test_damaged_claims_are_told(self) -> None:
        """
        A claim whose record is damaged is reported at start, from a thread, and stays.
        """
        claim = self.directory / ".proxypypi" / "decisions" / "claims" / "demo.json"
        claim.parent.mkdir(parents=True)
        claim.touch()
        with capturedLogs() as logs:
            self.service().startService()
        said = [formatEvent(e) for e in logs if e["log_level"] is LogLevel.error]
        self.assertEqual(1, len(said))
        self.assertIn("the claim of demo is damaged", said[0])
        self.assertTrue(claim.exists())
        self.assertIn("check", self.reactor.in_thread)

    def test_damaged_tokens_are_told(self) -> None:
        """
        So is a token.
        """
        tokens = self.directory / ".proxypypi" / "decisions" / "tokens"
        tokens.mkdir(parents=True)
        (tokens / f"{'0' * 64}.json").touch()
        with capturedLogs() as logs:
            self.service().startService()
        said = [formatEvent(e) for e in logs if e["log_level"] is LogLevel.error]
        self.assertEqual(1, len(said))
        self.assertIn("a token is of no use", said[0])


class RereadTests(ServiceTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = Path(self.mktemp()).absolute()
        self.renew()
        self.endpoint = f"ssl:8443:{self.file}"

    def renew(self) -> None:
        made = Authority().vouch_for("proxy.example")
        self.file.write_bytes(made.dumpPEM())

    def started(self, *listen: str) -> ProxyService:
        service = self.service(listen=listen)
        service.startService()
        self.lines.clear()
        self.reactor.in_thread.clear()
        return service

    def test_renewed(self) -> None:
        """
        Certificates are read again, in a thread, for all who connect from then on.
        """
        self.started(self.endpoint, "tcp:8000")
        ((_, _, identity, _, _),) = self.reactor.sslServers
        before = identity.getContext()
        self.premises.reread()
        self.assertEqual(1, len(self.reactor.in_thread))
        self.assertIsNot(before, identity.getContext())
        self.assertIn(f"was read again: {self.endpoint}", "".join(self.lines))

    def test_bad(self) -> None:
        """
        If they cannot be used, the log has why, and the old ones stay.
        """
        self.started(self.endpoint)
        ((_, _, identity, _, _),) = self.reactor.sslServers
        before = identity.getContext()
        self.file.write_bytes(b"half of")
        self.premises.reread()
        self.assertIs(before, identity.getContext())
        (line,) = self.lines
        self.assertIn("the certificate stays the old one", line)
        self.assertIn(str(self.file), line)

    def test_none(self) -> None:
        """
        Without certificates there is nothing to do.
        """
        self.started("tcp:8000")
        self.premises.reread()
        self.assertEqual(["SIGHUP: there is nothing to read again"], self.lines)
        self.assertEqual([], self.reactor.in_thread)

    def test_no_http2(self) -> None:
        """
        HTTP/1.1 is all that is offered, whatever Twisted could do.
        """
        self.started(self.endpoint)
        ((_, site, _, _, _),) = self.reactor.sslServers
        self.assertEqual([b"http/1.1"], site.acceptableProtocols())


def _dial(site: Any) -> Wire:
    """
    Connect as a client does.
    """
    protocol = site.buildProtocol(None)
    transport = Pipe()
    protocol.makeConnection(transport)
    return Wire(transport, protocol)


class EndTestCase(ServiceTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("demo", payload=20_000)
        self.path = self.index.add(self.wheel)
        self.url = f"/files/demo/{self.wheel.filename}"

    def started(self, **settings: Any) -> ProxyService:
        service = self.service(**settings)
        service.startService()
        return service


class StopTests(EndTestCase):
    def test_idle(self) -> None:
        """
        With nothing to wait for it ends at once: ports first, then upstream, then the
        directory is free.
        """
        service = self.started()
        stopped = service.stopService()
        self.successResultOf(stopped)
        self.assertEqual(["port closed", "index closed"], self.reactor.notes)
        self.assertEqual([], self.reactor.getDelayedCalls())
        self.another().startService()

    def test_last_bytes_are_sent(self) -> None:
        """
        An answer has not come to its end before the connection has taken all of it.
        """
        service = self.started()
        ((_, site, _, _),) = self.reactor.tcpServers
        wire = _dial(site)
        wire.send("GET /-/health HTTP/1.1")
        self.assertEqual(b"ok\n", wire.body)
        stopped = service.stopService()
        self.assertTrue(wire.transport.disconnecting)
        self.assertNoResult(stopped)
        wire.hang_up()
        self.successResultOf(stopped)

    def test_uses_are_noted(self) -> None:
        """
        What was used since that was noted last is noted at the end.
        """
        service = self.started()
        for _ in range(2):
            self.get(self.url)
        self.successResultOf(service.stopService())
        uses = UseStore.of(self.directory).load()
        self.assertIsNotNone(uses.of(normalize("demo"), self.wheel.filename))

    def test_evicting_comes_to_an_end(self) -> None:
        """
        It is not waited for until all files have gone that are too much.
        """
        self.get(self.url)
        self.advance(100)
        self.start_proxy(max_size=1000)
        self.threads.hold("evict")
        service = self.started()
        self.successResultOf(service.stopService())
        self.threads.release()
        self.assertEqual(1, len(self.kept()))

    def test_running_transfers_finish(self) -> None:
        """
        A client gets all of its file; meanwhile the directory is ours.
        """
        self.index.fail(self.path, Fault(stall_at=9000, stall=5))
        service = self.started()
        transfer = self.start(self.url)
        stopped = service.stopService()
        self.assertNoResult(stopped)
        self.assertRaises(DirectoryInUse, self.another().startService)
        self.assertIn("waiting up to 30 s for running transfers", self.lines)
        self.advance(5)
        self.assertEqual(self.wheel.content, transfer.body)
        self.successResultOf(stopped)
        self.assertEqual(["port closed", "index closed"], self.reactor.notes)
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_who_asks_meanwhile(self) -> None:
        """
        While a transfer finishes, we listen, to say that this is the end: each answer
        is the last one of its connection, those with none hold nothing up, and nobody
        is let in when the last byte is out.
        """
        self.index.fail(self.path, Fault(stall_at=9000, stall=5))
        service = self.started()
        ((_, site, _, _),) = self.reactor.tcpServers
        before, silent = _dial(site), _dial(site)
        before.send("GET /simple/demo/ HTTP/1.1")
        self.flush()
        transfer = self.start(self.url)
        stopped = service.stopService()
        self.assertEqual([], self.reactor.notes)
        for path, code in (("/-/health", 200), ("/-/ready", 503), ("/simple/", 503)):
            wire = _dial(site)
            wire.send(f"GET {path} HTTP/1.1")
            self.assertEqual(code, wire.code, path)
            self.assertIn(b"stopping", wire.body)
            self.assertIn(b"\r\nConnection: close\r\n", wire.received)
            self.assertTrue(wire.transport.disconnecting)
            wire.hang_up()
        before.transport.clear()
        before.send("GET /simple/demo/ HTTP/1.1")
        self.assertEqual(503, before.code)
        self.assertIn(b"\r\nRetry-After: 2\r\n", before.received)
        before.hang_up()
        self.assertFalse(silent.transport.disconnecting)
        self.advance(5)
        self.assertEqual(self.wheel.content, transfer.body)
        self.assertEqual(["port closed"], self.reactor.notes)
        self.assertTrue(silent.transport.disconnecting)
        silent.hang_up()
        self.successResultOf(stopped)

    def test_listeners(self) -> None:
        """
        Who listens to what goes on is ended at once, and holds nothing up, not even one
        that does not read.
        """
        service = self.started()
        ((_, site, _, _),) = self.reactor.tcpServers
        reads, does_not = _dial(site), _dial(site)
        does_not.transport.room = 1
        for wire in (reads, does_not):
            wire.send("GET /-/events HTTP/1.1")
            self.assertEqual(200, wire.code)
        stopped = service.stopService()
        self.assertTrue(reads.body.endswith(b"\r\n0\r\n\r\n"))
        self.assertTrue(does_not.is_cut)
        does_not.hang_up()
        self.assertTrue(reads.transport.disconnecting)
        reads.hang_up()
        self.successResultOf(stopped)
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_fetches_finish(self) -> None:
        """
        A fetch that nobody follows any more is waited for, too.
        """
        self.index.fail(self.path, Fault(stall_at=9000, stall=5))
        service = self.started()
        transfer = self.start(self.url)
        transfer.hang_up()
        self.flush()
        stopped = service.stopService()
        self.assertNoResult(stopped)
        self.advance(5)
        self.successResultOf(stopped)
        self.assertEqual([f"demo/{self.wheel.filename}"], self.kept())

    def test_no_longer_than_that(self) -> None:
        """
        After the drain time, what still runs is cut off, and all is let go as usual.
        """
        self.index.fail(self.path, Fault(stall_at=9000))
        service = self.started(drain=7.0)
        transfer = self.start(self.url)
        stopped = service.stopService()
        self.reactor.advance(6.9)
        self.flush()
        self.assertNoResult(stopped)
        self.assertFalse(transfer.is_cut)
        self.reactor.advance(0.1)
        self.flush()
        self.assertTrue(transfer.is_cut)
        self.successResultOf(stopped)
        self.assertIn("transfers that still run are cut off", self.lines)
        self.assertEqual(["port closed", "index closed"], self.reactor.notes)
        self.another().startService()
        # What ends only now finds nobody waiting.
        self.advance_slowly(11)
        self.assertEqual([], self.flushLoggedErrors())

    def test_no_upstream(self) -> None:
        """
        Without upstream there is nothing to close.
        """
        self.start_proxy(None)
        service = self.started()
        self.successResultOf(service.stopService())
        self.assertEqual(["port closed"], self.reactor.notes)


class RetireTests(EndTestCase):
    def connect(self) -> Wire:
        return _dial(self.reactor.tcpServers[0][1])

    def retire(self, service: ProxyService) -> "Deferred[None]":
        return Deferred.fromCoroutine(service.retire())

    def test_retire(self) -> None:
        """
        When others take over, no new client is taken, and each of those that are here
        stays until its next answer.
        """
        service = self.started()
        wire = self.connect()
        retired = self.retire(service)
        self.assertEqual(["port closed"], self.reactor.notes)
        self.assertFalse(wire.transport.disconnecting)
        wire.send("GET /-/ready HTTP/1.1")
        self.assertEqual(200, wire.code)
        self.assertTrue(wire.transport.disconnecting)
        self.assertNoResult(retired)
        wire.hang_up()
        self.successResultOf(retired)
        self.assertEqual([], self.reactor.getDelayedCalls())
        self.successResultOf(service.stopService())
        self.assertEqual(["port closed", "index closed"], self.reactor.notes)

    def test_who_asks_nothing(self) -> None:
        """
        A client that asks for nothing more is ended when it has been idle for long, as
        ever.
        """
        service = self.started(drain=7.0)
        wire = self.connect()
        self.retire(service)
        self.reactor.advance(59.9)
        self.assertFalse(wire.transport.disconnecting)
        self.reactor.advance(0.1)
        self.assertTrue(wire.transport.disconnecting)

    def test_listeners(self) -> None:
        """
        Who listens to what goes on is ended at once. On the same connection they are
        told once more, and that it is the last time.
        """
        service = self.started()
        wire = self.connect()
        wire.send("GET /-/events HTTP/1.1")
        self.assertFalse(wire.received.endswith(b"\r\n0\r\n\r\n"))
        retired = self.retire(service)
        self.assertTrue(wire.received.endswith(b"\r\n0\r\n\r\n"))
        self.assertFalse(wire.transport.disconnecting)
        wire.transport.clear()
        wire.send("GET /-/events HTTP/1.1")
        self.assertIn(b"\r\nConnection: close\r\n", wire.received)
        self.assertIn(b"event: state", wire.received)
        self.assertTrue(wire.transport.disconnecting)
        wire.hang_up()
        self.successResultOf(retired)

    def test_long_transfers(self) -> None:
        """
        What a client is being sent is not cut off for an hour.
        """
        self.index.fail(self.path, Fault(stall_at=9000))
        service = self.started(drain=7.0)
        wire = self.connect()
        wire.send(f"GET {self.url} HTTP/1.1")
        self.flush()
        self.retire(service)
        self.reactor.advance(3599.0)
        self.assertFalse(wire.is_cut)
        self.reactor.advance(1.0)
        self.assertTrue(wire.is_cut)


class AssembleTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir()
        upstream = UpstreamSettings.from_url("http://index.example/simple/")
        self.settings = Settings(directory=self.directory, upstreams=(upstream,))

    def test_assemble(self) -> None:
        """
        From settings and a reactor comes a whole server, with upstream or without.
        """
        for settings, role in [
            (self.settings, b"It stands in for http://index.example/simple/"),
            (evolve(self.settings, upstreams=()), b"asks no one else"),
        ]:
            reactor = Reactor()
            service = assemble(settings, reactor)
            self.assertEqual(([], []), (reactor.tcpServers, reactor.tcpClients))
            service.startService()
            ((port, _, _, interface),) = reactor.tcpServers
            self.assertEqual((8000, "127.0.0.1"), (port, interface))
            wire = connect(reactor.served, reactor)
            wire.send("GET / HTTP/1.1")
            self.assertIn(role, wire.body)
            self.successResultOf(service.stopService())
