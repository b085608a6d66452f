"""
Starts the real program, a fake index and real installers, and ends them all again.

Everything waits for something to happen, none for time to pass; whatever is started
is ended and reaped when its test is over.
"""

import os
import shutil
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from random import randrange
from signal import SIGTERM
from typing import Any, cast

from attrs import define, field
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport, IReactorTime
from twisted.internet.protocol import ProcessProtocol, Protocol
from twisted.internet.task import LoopingCall, deferLater
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest, TestCase
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    ResponseDone,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IPolicyForHTTPS
from twisted.web.server import Site

import proxypypi
from tests.fake_index import FakeIndex

reactor: Any = _reactor

# With this in the environment no answer is given again: each is made anew.
_PLAIN = "TESTS_WITHOUT_HOT_ANSWERS"
_FIRST = (
    "from proxypypi.web.channel import Channel; "
    "from proxypypi.web.connections import ProxySite; ProxySite.protocol = Channel; "
    if os.environ.get(_PLAIN)
    else ""
)
_TWISTD = f"{_FIRST}from twisted.scripts.twistd import run; run()"
_PROXYPYPI = f"{_FIRST}import sys; from proxypypi.cli import main; sys.exit(main())"

TWISTD = (sys.executable, "-c", _TWISTD, "--nodaemon", "--pidfile=", "proxypypi")
"""
What starts the program by twistd, in the foreground.
"""

PROXYPYPI = (sys.executable, "-c", _PROXYPYPI, "run")
"""
What starts the program as the ``proxypypi`` script does.
"""

_NOT_FOR_CHILDREN = ("PIP_", "UV_", "PROXYPYPI_", "PYTHON", "VIRTUAL_ENV")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


async def until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """
    Wait for something to become true.

    :param what: is awaited, for the message.
    """
    deadline = reactor.seconds() + seconds
    while not holds():
        if reactor.seconds() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        await deferLater(reactor, 0.02)


def free_port() -> int:
    """
    A port of the loopback interface that nobody listens on, and that the system gives
    to nobody who does not ask for it.
    """
    while True:
        port = randrange(10_000, 30_000)
        with socket.socket() as s, suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port


class Child(ProcessProtocol):
    """
    A process and what it said.

    :ivar status: its exit status, or minus the signal that ended it; :obj:`None`
        while it runs.
    """

    def __init__(self, args: Sequence[str]) -> None:
        self.args = args
        self.stdout = ""
        self.stderr = ""
        self.status: int | None = None
        self._waiting: list[Deferred[int]] = []

    @property
    def output(self) -> str:
        return self.stdout + self.stderr

    @property
    def pid(self) -> int:
        pid: int = cast(IProcessTransport, self.transport).pid
        return pid

    def outReceived(self, data: bytes) -> None:
        self.stdout += data.decode(errors="replace")

    def errReceived(self, data: bytes) -> None:
        self.stderr += data.decode(errors="replace")

    def processEnded(self, reason: Failure) -> None:
        value: Any = reason.value
        self.status = -value.signal if value.signal else value.exitCode
        waiting, self._waiting = self._waiting, []
        for d in waiting:
            d.callback(self.status)

    def when_ended(self) -> "Deferred[int]":
        """
        :returns: its status, once it has ended.
        """
        d: Deferred[int] = Deferred(self._waiting.remove)
        if self.status is None:
            self._waiting.append(d)
        else:
            d.callback(self.status)
        return d

    async def ends(self, seconds: float) -> int:
        """
        Wait for its end; it is an error if that does not come in time.
        """
        try:
            return await self.when_ended().addTimeout(seconds, reactor)
        except TimeoutError as e:
            raise AssertionError(
                f"runs for more than {seconds} s: {self.args}\n{self.output}"
            ) from e

    def signal(self, name: str) -> None:
        """
        :param name: ``TERM``, ``KILL`` …; a process that has ended takes no harm.
        """
        with suppress(ProcessExitedAlready):
            cast(IProcessTransport, self.transport).signalProcess(name)

    def rss(self) -> int:
        """
        Bytes of memory it holds now, shared ones included.
        """
        for name in ("smaps_rollup", "status"):
            try:
                lines = Path(f"/proc/{self.pid}/{name}").read_text().splitlines()
            except OSError:
                continue
            for line in lines:
                if line.startswith(("Rss:", "VmRSS:")):
                    return int(line.split()[1]) * 1024
        raise SkipTest("this system does not tell how much memory a process holds")


@define(eq=False)
class Fetch(Protocol):
    """
    A request of ours, as it goes on.

    :ivar code: of the answer; :obj:`None` until its head is here.
    :ivar length: of the body, as the head says it; :obj:`None` if it does not.
    :ivar received: bytes of the body that are here.
    :ivar body: what is here of the body, if it is kept.
    :ivar complete: has all come that was announced? :obj:`None` while it is coming.
    :ivar first_byte_after: seconds from the request to the first byte of the body.
    :ivar ended_after: seconds from the request to the end.
    """

    url: str
    _keep: bool
    _started_at: float
    code: int | None = field(default=None, init=False)
    headers: Headers = field(factory=Headers, init=False)
    length: int | None = field(default=None, init=False)
    received: int = field(default=0, init=False)
    body: bytes = field(default=b"", init=False, repr=False)
    complete: bool | None = field(default=None, init=False)
    error: str = field(default="", init=False)
    first_byte_after: float | None = field(default=None, init=False)
    ended_after: float | None = field(default=None, init=False)
    _digest: Any = field(factory=sha256, init=False)
    _request: "Deferred[Any] | None" = field(default=None, init=False)
    _waiting: "list[Deferred[Fetch]]" = field(factory=list, init=False)

    @property
    def sha256(self) -> str:
        digest: str = self._digest.hexdigest()
        return digest

    def header(self, name: str) -> str | None:
        return self.headers.getRawHeaders(name, [None])[0]

    def done(self) -> "Deferred[Fetch]":
        """
        :returns: this, once it has ended, well or not.
        """
        d: Deferred[Fetch] = Deferred(self._waiting.remove)
        if self.complete is None:
            self._waiting.append(d)
        else:
            d.callback(self)
        return d

    def hang_up(self) -> None:
        """
        Go away without waiting for the end.
        """
        if self.complete is None:
            if self.transport is not None:
                self.transport.loseConnection()
            elif self._request is not None:
                self._request.cancel()

    def begin(self, request: "Deferred[Any]") -> None:
        self._request = request
        request.addCallbacks(self._head, self._end)
        request.addErrback(self._end)

    def _head(self, response: Any) -> None:
        self.code = response.code
        self.headers = response.headers
        said = self.header("Content-Length")  # only in answers to HEAD
        if said is not None:
            self.length = int(said)
        elif isinstance(response.length, int):
            self.length = response.length
        response.deliverBody(self)

    def dataReceived(self, data: bytes) -> None:
        if self.first_byte_after is None:
            self.first_byte_after = reactor.seconds() - self._started_at
        self.received += len(data)
        self._digest.update(data)
        if self._keep:
            self.body += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._end(reason)

    def _end(self, reason: Failure | None) -> None:
        if reason is None or self.complete is not None:
            return
        self.complete = reason.check(ResponseDone) is not None
        self.error = "" if self.complete else repr(reason.value)
        self.ended_after = reactor.seconds() - self._started_at
        waiting, self._waiting = self._waiting, []
        for d in waiting:
            d.callback(self)


@define(eq=False)
class Server:
    """
    The real program under way.

    :ivar url: its address, without a final slash.
    """

    child: Child
    url: str

    async def stop(self, seconds: float = 40.0) -> None:
        """
        End it, which has to succeed.
        """
        self.child.signal("TERM")
        await self.ends(seconds)

    async def ends(self, seconds: float) -> None:
        """
        Wait for its end after a TERM; an error of its own is one.
        """
        status = await self.child.ends(seconds)
        # twistd, having shut down in order, ends by the signal that told it to.
        if status not in (0, -SIGTERM):
            raise AssertionError(f"ended with {status}:\n{self.child.output}")


class EndToEndTestCase(TestCase):
    """
    A fake index on loopback, an empty directory, and what it takes to use them.

    :ivar trust: whom requests of ours by https believe.
    """

    timeout = 60
    trust: IPolicyForHTTPS = BrowserLikePolicyForHTTPS()

    def setUp(self) -> None:
        self.work = Path(self.mktemp()).absolute()
        self.directory = self.work / "cache"
        self.directory.mkdir(parents=True)
        (self.work / "home").mkdir()
        self.index = FakeIndex(clock=cast(IReactorTime, reactor))
        self.index_url = self.serve_index()

    def serve_index(self, index: FakeIndex | None = None) -> str:
        """
        Let an index listen on a port of its own, one more each time.

        :param index: :obj:`None` for the one that there is from the start.
        :returns: the address of its project list.
        """
        index = index or self.index
        factory: Any = WrappingFactory(Site(index))
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")

        async def stop() -> None:
            await port.stopListening()
            for protocol in list(factory.protocols):
                protocol.transport.abortConnection()
            await until(lambda: not factory.protocols, 5.0, "the index's end")

        self.addCleanup(stop)
        return f"http://127.0.0.1:{port.getHost().port}{index.base}"

    # Processes.

    def user_environment(self) -> dict[str, str]:
        """
        The environment with all that this machine's user has configured, but without
        what trial tells those who run tests side by side.
        """
        return {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    def environment(self, **more: str) -> dict[str, str]:
        """
        An environment that is free of what this machine's user has configured.
        """
        home = str(self.work / "home")
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_NOT_FOR_CHILDREN) and name.upper() not in _PROXIES
        }
        return {
            **kept,
            "HOME": home,
            "XDG_CACHE_HOME": f"{home}/cache",
            "XDG_CONFIG_HOME": f"{home}/config",
            "XDG_DATA_HOME": f"{home}/data",
            "PIP_CONFIG_FILE": os.devnull,
            "UV_NO_CONFIG": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "PYTHONDONTWRITEBYTECODE": "1",
            **more,
        }

    def spawn(self, args: Sequence[str], env: Mapping[str, str] | None = None) -> Child:
        """
        Start a process; it is killed at the end of the test, if it still runs.

        :param env: all of its environment; :obj:`None` for :meth:`environment`.
        """
        child = Child(args)
        reactor.spawnProcess(
            child,
            args[0],
            args,
            env=dict(self.environment() if env is None else env),
            path=str(self.work),
        )

        async def end() -> None:
            child.signal("KILL")
            await child.ends(10.0)

        self.addCleanup(end)
        return child

    async def run_command(
        self,
        args: Sequence[str],
        env: Mapping[str, str] | None = None,
        seconds: float = 60.0,
    ) -> Child:
        """
        Run a command to its end.
        """
        child = self.spawn(args, env)
        await child.ends(seconds)
        return child

    def spawn_server(
        self, *options: str, door: Sequence[str] = TWISTD, **more: str
    ) -> Child:
        """
        Start the program, whatever becomes of it.

        :param options: after those of twistd.
        :param more: for its environment.
        """
        root = str(Path(proxypypi.__file__).parents[1])
        env = self.environment(PYTHONPATH=root, PYTHONUNBUFFERED="1", **more)
        return self.spawn([*door, *options], env)

    async def start_server(
        self,
        *options: str,
        door: Sequence[str] = TWISTD,
        directory: Path | None = None,
        index_url: str | None = None,
        **more: str,
    ) -> Server:
        """
        Start the program on a free port of loopback and wait until it is ready.

        :param options: beside the directory, the port and the index.
        :param index_url: :obj:`None` for that of the fake index.
        :param more: for its environment.
        """
        port = free_port()
        child = self.spawn_server(
            *("--dir", str(directory or self.directory)),
            *("--listen", f"tcp:{port}:interface=127.0.0.1"),
            *("--index-url", index_url or self.index_url),
            *options,
            door=door,
            **more,
        )
        server = Server(child, f"http://127.0.0.1:{port}")
        await self.ready(server)
        return server

    async def ready(self, server: Server, seconds: float = 20.0) -> None:
        """
        Wait until a server that was started says that it is ready.
        """
        deadline = reactor.seconds() + seconds
        while (await self.get(f"{server.url}/-/ready")).code != 200:
            if server.child.status is not None:
                raise AssertionError(f"ended at once:\n{server.child.output}")
            if reactor.seconds() > deadline:
                raise AssertionError(f"never ready:\n{server.child.output}")
            await deferLater(reactor, 0.05)

    # Requests.

    def fetch(
        self,
        url: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        keep: bool = True,
    ) -> Fetch:
        """
        Start a request on a connection of its own; redirects are not followed.

        :param keep: the body; its digest is there in any case.
        """
        pool = HTTPConnectionPool(reactor, persistent=False)
        agent: Any = Agent(reactor, self.trust, pool=pool)
        sent = Headers({name: [value] for name, value in (headers or {}).items()})
        fetch = Fetch(url, keep, reactor.seconds())
        fetch.begin(agent.request(method.encode(), url.encode(), sent))

        async def end() -> None:
            fetch.hang_up()
            await fetch.done()

        self.addCleanup(end)
        return fetch

    async def get(
        self, url: str, method: str = "GET", seconds: float = 30.0, **headers: str
    ) -> Fetch:
        """
        A whole request. If it fails, that is in the result.

        :param headers: with underscores for the dashes.
        """
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        fetch = self.fetch(url, method, sent)
        try:
            return await fetch.done().addTimeout(seconds, reactor)
        except TimeoutError as e:
            raise AssertionError(f"no answer within {seconds} s: {url}") from e

    def watch_memory(self, server: Server) -> Callable[[], int]:
        """
        Look at the memory that a server holds, again and again.

        :returns: gives the most bytes it held until now.
        """
        most = [server.child.rss()]

        def look() -> None:
            if server.child.status is None:
                most[0] = max(most[0], server.child.rss())

        looking = LoopingCall(look)
        looking.start(0.02)
        self.addCleanup(looking.stop)
        return lambda: most[0]

    # Installers.

    async def pip_install(
        self,
        pip: str,
        index_url: str,
        *requirements: str,
        options: Sequence[str] = (),
        seconds: float = 60.0,
    ) -> Path:
        """
        Install by pip into a new directory, with no cache of its own.

        :param pip: where :func:`tests.e2e.pips.fetch` put it.
        :returns: that directory.
        """
        return await self._install(
            [
                *(sys.executable, f"{pip}/pip", "--isolated", "install"),
                *("--no-cache-dir", "--disable-pip-version-check"),
                *("--index-url", index_url, *options),
            ],
            requirements,
            seconds,
        )

    async def uv_install(
        self,
        index_url: str,
        *requirements: str,
        options: Sequence[str] = (),
        seconds: float = 60.0,
    ) -> Path:
        """
        Install by uv into a new directory, with no cache of its own.

        :returns: that directory.
        """
        beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        uv = shutil.which("uv", path=beside)
        if uv is None:
            raise SkipTest("there is no uv here: install the extra 'test'")
        return await self._install(
            [
                *(uv, "pip", "install", "--no-cache", "--python", sys.executable),
                *("--default-index", index_url, *options),
            ],
            requirements,
            seconds,
        )

    async def _install(
        self, command: list[str], requirements: Sequence[str], seconds: float
    ) -> Path:
        target = Path(self.mktemp()).absolute()
        child = await self.run_command(
            [*command, "--target", str(target), *requirements], seconds=seconds
        )
        self.assertEqual(0, child.status, f"{command}\n{child.output}")
        return target

    def assert_installed(self, target: Path, **versions: str) -> None:
        """
        The fake distributions' modules are there, in these versions.
        """
        for module, version in versions.items():
            self.assertEqual(
                f"VERSION = {version!r}\n", (target / f"{module}.py").read_text()
            )

    # The directory.

    def drop(self, path: str, content: bytes) -> Path:
        """
        Put a private file into the directory.

        :param path: below the directory.
        """
        file = self.directory / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        return file

    def kept(self) -> set[str]:
        """
        Names of all files that people see in the directory.
        """
        return {
            path.name
            for path in self.directory.rglob("*")
            if path.is_file() and ".proxypypi" not in path.parts
        }
