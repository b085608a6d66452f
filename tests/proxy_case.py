"""
The whole proxy in memory: its faces, its core and its directory, before a fake index.
"""

import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from attrs import define, field
from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH
from twisted.web.resource import IResource
from twisted.web.server import Site

from proxypypi.assembly import Proxy, build
from proxypypi.errors import CannotMake
from proxypypi.settings import Settings, UpstreamSettings
from proxypypi.store.catalogue import Order, make_list
from proxypypi.store.counts import Counts
from proxypypi.store.generations import Generations
from proxypypi.store.partials import Partial
from proxypypi.upstream.index import Index, make_index
from proxypypi.upstream.patience import Patience
from tests.distributions import BuiltDistribution
from tests.fake_index import JSON, FakeIndex

EXACTLY = Patience(jitter=lambda pause: pause)
INDEX_URL = "http://index.example/simple/"

_ROUNDS = 5  # of bytes to and fro, until nothing moves any more


class Transfer(Protocol):
    """
    What a client gets for a request, as far as it has come.

    :ivar code: :obj:`None` until the head is there.
    """

    def __init__(self) -> None:
        self.code: int | None = None
        self.phrase = ""
        self.headers = Headers()
        self._pieces: list[bytes] = []
        self._end: Failure | None = None
        self._hung_up = False
        self._failed = False  # before there was a head

    def begin(self, response: Any) -> None:
        self.code = response.code
        self.phrase = response.phrase.decode("ascii")
        self.headers = response.headers
        bodiless = response.request.method == b"HEAD" or response.code == 304
        if response.length is not UNKNOWN_LENGTH and not bodiless:
            # Of these, twisted.web keeps it to itself.
            self.headers.setRawHeaders("Content-Length", [str(response.length)])
        response.deliverBody(self)

    def fail(self, failure: Failure) -> None:
        self._failed = True

    def dataReceived(self, data: bytes) -> None:
        self._pieces.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._end = reason

    @property
    def body(self) -> bytes:
        return b"".join(self._pieces)

    @property
    def is_complete(self) -> bool:
        """
        Has the client all that it was promised?
        """
        return self._end is not None and self._end.check(ResponseDone) is not None

    @property
    def is_cut(self) -> bool:
        """
        Was the connection ended, and can the client tell that there is more?
        """
        ended = self._end is not None or self._failed
        return ended and not self.is_complete and not self._hung_up

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        values = self.headers.getRawHeaders(name)
        return ", ".join(values) if values else None

    def hang_up(self) -> None:
        transport: Any = self.transport
        self._hung_up = True
        transport.loseConnection()


class Pipe(StringTransport):
    """
    :ivar room: bytes; when it holds that many, it asks for a pause, as sockets do.
    """

    room: int | None = None

    def write(self, data: bytes) -> None:
        super().write(data)
        if self.room is not None and len(self.value()) >= self.room:
            producer: Any = self.producer
            producer.pauseProducing()


@define(eq=False)
class Wire:
    """
    A connection to a site whose every byte the test sees, and whose pace it sets.
    """

    transport: Pipe
    _protocol: Any

    def send(self, *lines: str) -> None:
        """
        A request: its first line, then its headers.
        """
        self.send_bytes("\r\n".join([*lines, "Host: proxy.example", "", ""]).encode())

    def send_bytes(self, data: bytes) -> None:
        self._protocol.dataReceived(data)

    @property
    def received(self) -> bytes:
        received: bytes = self.transport.value()
        return received

    @property
    def code(self) -> int:
        return int(self.received.split()[1])

    @property
    def phrase(self) -> str:
        return self.received.partition(b"\r\n")[0].decode("ascii").split(" ", 2)[2]

    @property
    def body(self) -> bytes:
        return self.received.partition(b"\r\n\r\n")[2]

    @property
    def is_cut(self) -> bool:
        return self.transport.disconnected

    def take(self, size: int) -> None:
        """
        Have room for so many bytes more; after them, take nothing for now.
        """
        self.transport.room = len(self.received) + size
        producer: Any = self.transport.producer
        producer.resumeProducing()

    def hang_up(self) -> None:
        self._protocol.connectionLost(Failure(connectionDone.value))


def connect(resource: IResource, clock: Clock) -> Wire:
    """
    :param resource: what the site at the other end of the connection serves.
    """
    site = Site(resource, reactor=clock)
    protocol: Any = site.buildProtocol(None)
    transport = Pipe()
    protocol.makeConnection(transport)
    return Wire(transport, protocol)


def make_list_here(order: str) -> "Deferred[None]":
    """
    Make a list in this process, at once.
    """
    try:
        make_list(msgspec.json.decode(order, type=Order))
    except OSError as e:
        return fail(CannotMake(reason=str(e)))
    return succeed(None)


@define(eq=False)
class Threads:
    """
    Runs blocking calls at once, or when told to.

    :ivar calls: names of the functions that were called.
    """

    calls: list[str] = field(factory=list, init=False)
    _held: "list[tuple[Deferred[Any], Callable[[], Any]]]" = field(
        factory=list, init=False
    )
    _holds: Callable[[str], bool] = field(default=lambda _: False, init=False)

    def hold(self, name: str = "") -> None:
        """
        :param name: of the only function that is not run at once; empty for any.
        """
        self._holds = lambda called: name in ("", called)

    def release(self) -> None:
        """
        Run what was held back, and all else from now on.
        """
        held, self._held = self._held, []
        self._holds = lambda _: False
        for waiting, call in held:
            maybeDeferred(call).chainDeferred(waiting)

    def step(self) -> None:
        """
        Run what was held back first, and hold back what comes of it.
        """
        waiting, call = self._held.pop(0)
        maybeDeferred(call).chainDeferred(waiting)

    def __call__(self, call: Callable[..., Any], *args: Any, **kw: Any) -> Any:
        self.calls.append(call.__name__)
        if not self._holds(call.__name__):
            return maybeDeferred(call, *args, **kw)
        waiting: Deferred[Any] = Deferred()
        self._held.append((waiting, lambda: call(*args, **kw)))
        return waiting


@define(eq=False)
class Disk:
    """
    What partial files lie on. Only use one at a time, and :meth:`restore` it.

    :ivar is_full: does it take nothing?
    :ivar room: bytes that it takes before it is; :obj:`None` for any.
    """

    is_full: bool = field(default=False, init=False)
    room: int | None = field(default=None, init=False)
    _write: Any = field(default=Partial.write, init=False)

    def __attrs_post_init__(self) -> None:
        disk = self

        def write(self: Partial, data: bytes) -> None:
            taken = len(data) if disk.room is None else min(disk.room, len(data))
            if not disk.is_full:
                disk._write(self, data[:taken])
                if disk.room is not None:
                    disk.room -= taken
            if disk.is_full or taken < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        Partial.write = write  # type: ignore[method-assign]

    def restore(self) -> None:
        Partial.write = self._write  # type: ignore[method-assign]


@define(eq=False)
class Process:
    """
    One of those that serve the directory, with its own clock, which is as late as all.

    :ivar _flush: has all bytes move, of all processes.
    """

    proxy: Proxy
    indexes: list[Index]
    clock: Clock
    upstream: RequestTraversalAgent
    _installers: RequestTraversalAgent
    _flush: Callable[[], None]

    def start(
        self,
        path: str,
        method: str = "GET",
        *,
        host: str = "proxy.example",
        scheme: str = "http",
        **headers: str,
    ) -> Transfer:
        """
        :param headers: ``If_None_Match="..."`` for ``If-None-Match: ...``.
        """
        transfer = Transfer()
        sent = Headers({k.replace("_", "-"): [v] for k, v in headers.items()})
        url = f"{scheme}://{host}{path}".encode("ascii")
        asked = self._installers.request(method.encode("ascii"), url, sent)
        asked.addCallbacks(transfer.begin, transfer.fail)
        self._flush()
        return transfer

    def get(self, path: str, method: str = "GET", **headers: str) -> Transfer:
        """
        :returns: an answer that must be there at once, and whole.
        """
        transfer = self.start(path, method, **headers)
        assert transfer.is_complete, f"{path}: no answer yet, or cut"
        return transfer

    def flush(self) -> None:
        self.upstream.flush()
        self._installers.flush()


class ProxyTestCase(SynchronousTestCase):
    """
    ``self.index`` is the upstream, ``self.directory`` what people see.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(time.time())
        self.index = FakeIndex(clock=self.clock)
        self.threads = Threads()
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir()
        self.start_proxy()

    def start_proxy(self, index_url: str | None = INDEX_URL, **more: Any) -> None:
        """
        Have a new one, that knows what is on disk and no more.

        :param more: as for :meth:`make_process`.
        """
        self.process = self.make_process(index_url, clock=self.clock, **more)
        self.processes = [self.process]
        self.proxy, self.indexes = self.process.proxy, self.process.indexes

    def start_another(self, **more: Any) -> Process:
        """
        Have one more process serve the directory.

        :param more: as for :meth:`make_process`.
        """
        clock = Clock()
        clock.advance(self.clock.seconds())
        self.processes.append(self.make_process(clock=clock, **more))
        return self.processes[-1]

    def make_process(
        self,
        index_url: str | None = INDEX_URL,
        *,
        clock: Clock,
        generations: Generations | None = None,
        upstreams: Sequence[UpstreamSettings] = (),
        index_ttl: float = 600.0,
        min_free: int | None = 0,
        **more: Any,
    ) -> Process:
        """
        :param index_url: :obj:`None` for a proxy that asks nobody.
        :param upstreams: in place of that address.
        :param more: settings.
        """
        if not upstreams and index_url is not None:
            upstreams = [UpstreamSettings.from_url(index_url)]
        settings = Settings(
            directory=self.directory,
            upstreams=tuple(upstreams),
            index_ttl=index_ttl,
            min_free=min_free,
            **more,
        )
        counts = Counts.alone(settings.upstream_names)
        upstream_agent = RequestTraversalAgent(self.network())
        indexes: list[Index] = [
            make_index(upstream, upstream_agent, clock, EXACTLY, counts)
            for upstream in settings.upstreams
        ]
        proxy = build(
            *(settings, clock, indexes, self.threads, make_list_here),
            *(generations, counts),
        )
        installers = RequestTraversalAgent(proxy.faces)
        return Process(proxy, indexes, clock, upstream_agent, installers, self.flush)

    def network(self) -> IResource:
        """
        All that the proxy can reach.
        """
        return self.index

    def crash(self) -> None:
        """
        The proxy is killed: a new one finds what was on disk at this moment.
        """
        left = Path(self.mktemp()).resolve()
        shutil.copytree(self.directory, left)
        self.directory = left
        self.start_proxy()

    def kill(self, process: Process) -> None:
        """
        Nothing more happens in a process, and the kernel's locks are free.
        """
        self.processes.remove(process)
        cache = f"{self.directory}/.proxypypi/cache/"
        for fd in os.listdir("/proc/self/fd"):
            with suppress(OSError):
                if os.readlink(f"/proc/self/fd/{fd}").startswith(cache):
                    fcntl.flock(int(fd), fcntl.LOCK_UN)

    def start(self, path: str, method: str = "GET", **more: str) -> Transfer:
        """
        :param more: as for :meth:`Process.start`.
        """
        return self.process.start(path, method, **more)

    def get(self, path: str, method: str = "GET", **headers: str) -> Transfer:
        """
        :returns: an answer that must be there at once, and whole.
        """
        return self.process.get(path, method, **headers)

    def page(self, name: str, route: str = "simple") -> dict[str, Any]:
        answer = self.get(f"/{route}/{name}/", Accept=JSON)
        self.assertEqual(200, answer.code)
        page: dict[str, Any] = answer.json
        return page

    def files(self, name: str, route: str = "simple") -> Mapping[str, Any]:
        """
        The files that a project's page lists, by name.
        """
        return {file["filename"]: file for file in self.page(name, route)["files"]}

    def connect(self) -> Wire:
        return connect(self.proxy.faces, self.clock)

    def flush(self) -> None:
        for _ in range(_ROUNDS):
            for process in self.processes:
                process.flush()

    def advance(self, seconds: float) -> None:
        for process in self.processes:
            process.clock.advance(seconds)
        self.flush()

    def advance_slowly(self, seconds: float) -> None:
        """
        With time for bytes to move at every tenth of a second.
        """
        for _ in range(round(seconds * 10)):
            self.advance(0.1)

    def drop(
        self,
        built: BuiltDistribution,
        folder: str = "",
        *,
        filename: str = "",
        settled: bool = True,
    ) -> Path:
        """
        Somebody puts a file into the directory, or in place of one there.

        :param folder: a sub-directory of it.
        :param filename: in place of the file's own.
        :param settled: go on to a time when it has been there for long enough.
        """
        path = self.directory / folder / (filename or built.filename)
        with self.change():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(built.content)
        if settled:
            self.settle()
        return path

    def remove(self, path: Path) -> None:
        """
        Somebody removes a file, and a second passes.
        """
        with self.change():
            path.unlink()
        self.settle()

    def change(self) -> "_Change":
        """
        A context in which to change the directory.
        """
        return _Change(self.directory)

    def settle(self, ahead: float = 1.1) -> None:
        """
        Have the clock go so many seconds ahead of that of the files, which no test can
        hold: what was put there until now is taken for whole a second later.
        """
        self.advance(max(0.0, time.time() - self.clock.seconds()) + ahead)

    def kept(self) -> list[str]:
        """
        The files in the directory, the proxy's own left out.
        """
        return sorted(
            str(path.relative_to(self.directory))
            for path in self.directory.rglob("*")
            if path.is_file() and ".proxypypi" not in path.parts
        )

    def partials(self) -> list[str]:
        """
        The names of files that were not fetched to their end.
        """
        partials = self.directory / ".proxypypi" / "cache" / "partial"
        return sorted(p.name for p in partials.rglob("*") if p.is_file())


@define
class _Change:
    """
    Sees to it that the directory's own times tell that it was changed: in memory, all
    that a test does happens within one tick of the file system's clock.
    """

    _directory: Path
    _before: int = field(default=0, init=False)

    def __enter__(self) -> None:
        self._before = self._directory.stat().st_mtime_ns

    def __exit__(self, *_: object) -> None:
        status = self._directory.stat()
        if status.st_mtime_ns <= self._before:
            later = self._before + 1_000_000
            os.utime(self._directory, ns=(status.st_atime_ns, later))
