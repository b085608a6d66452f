"""
Tests for :mod:`proxypypi.tap`.
"""

import io
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import twisted.internet
from twisted.application.service import IService, IServiceMaker
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase

from proxypypi import __version__
from proxypypi.daemon.processes import is_locked
from proxypypi.errors import CannotListen, DirectoryInUse
from proxypypi.manual import help_of
from proxypypi.options import OPTIONS, PREFIX
from proxypypi.service import ProxyService
from proxypypi.settings import DEFAULT_INDEX, Settings, UpstreamSettings
from proxypypi.store.lock import DirectoryLock
from proxypypi.tap import Background, Foreground, Options, makeService
from proxypypi.workers.service import Workers
from tests.pool import Pool

IN_TERMINAL = {"nodaemon": True, "pidfile": ""}


def indexes(*urls: str) -> tuple[UpstreamSettings, ...]:
    return tuple(map(UpstreamSettings.from_url, urls))


class DoorTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir()
        self.stderr = io.StringIO()
        self.patch(sys, "__stderr__", self.stderr)
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(PREFIX)
        }
        self.patch(os, "environ", self.environment)

    def parse(self, *arguments: str) -> Settings:
        options = Options()
        options.parseOptions(["--dir", str(self.directory), *arguments])
        return options.settings

    def refusal(self, call: Callable[[], object]) -> str:
        """
        What *call* says on stderr before it ends the program with status 1.
        """
        with self.assertRaises(SystemExit) as caught:
            call()
        said = self.stderr.getvalue()
        self.stderr.seek(0)
        self.stderr.truncate()
        self.assertEqual(1, caught.exception.code, said)
        self.assertTrue(said.startswith("proxypypi: ") and said.endswith("\n"), said)
        self.assertEqual(1, len(said.splitlines()), said)
        return said


class OptionsTests(DoorTestCase):
    def test_defaults(self) -> None:
        """
        Without options all is as documented.
        """
        self.assertEqual(Settings(directory=self.directory), self.parse())

    def test_current_directory(self) -> None:
        """
        Without ``--dir`` it is the directory that we are in.
        """
        before = Path.cwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.directory)
        options = Options()
        options.parseOptions([])
        self.assertEqual(self.directory, options.settings.directory)

    def test_good(self) -> None:
        """
        What each option sets, in its long form and in its short one.
        """
        cases: list[tuple[str, str, object]] = [
            ("--listen tcp:1", "listen", ("tcp:1",)),
            ("--listen unix:p.sock --listen tcp:1", "listen", ("unix:p.sock", "tcp:1")),
            ("--port 8080", "listen", ("tcp:8080:interface=127.0.0.1",)),
            ("-p 0", "listen", ("tcp:0:interface=127.0.0.1",)),
            ("-p 65535", "listen", ("tcp:65535:interface=127.0.0.1",)),
            ("--bind 0.0.0.0", "listen", ("tcp:8000:interface=0.0.0.0",)),
            ("-b localhost -p 1", "listen", ("tcp:1:interface=localhost",)),
            ("-b ::1 -p 1", "listen", ("tcp6:1:interface=\\:\\:1",)),
            ("-b fe80::1%eth0", "listen", ("tcp6:8000:interface=fe80\\:\\:1%eth0",)),
            ("--no-proxy", "upstreams", ()),
            ("-n", "upstreams", ()),
            ("-n -i https://index.example/", "upstreams", ()),
            ("-i https://a.example/b", "upstreams", indexes("https://a.example/b/")),
            ("--index-url http://a.example/", "upstreams", indexes("http://a.example")),
            (
                "--extra-index-url http://a.example/ --extra-index-url http://b.example",
                "upstreams",
                indexes(DEFAULT_INDEX, "http://a.example/", "http://b.example/"),
            ),
            ("--index-ttl 0", "index_ttl", 0.0),
            ("--index-ttl=1.5", "index_ttl", 1.5),
            ("--workers 1", "workers", 1),
            ("--workers 64", "workers", 64),
            ("--drain 0", "drain", 0.0),
            ("--drain 5 --drain 7", "drain", 7.0),
        ]
        for line, attribute, value in cases:
            settings = self.parse(*line.split())
            self.assertEqual(value, getattr(settings, attribute), line)

    def test_rest_unchanged(self) -> None:
        """
        An option sets its own and nothing else.
        """
        settings = self.parse("--index-ttl", "5", "--port", "1")
        self.assertEqual(30.0, settings.drain)
        self.assertEqual(indexes(DEFAULT_INDEX), settings.upstreams)

    def test_directory(self) -> None:
        """
        The directory is made absolute, and free of links; the last one said counts.
        """
        link = Path(self.mktemp())
        link.symlink_to(self.directory)
        relative = os.path.relpath(self.directory)
        other = Path(self.mktemp())
        other.mkdir()
        for arguments in (
            ["--dir", relative],
            ["-d", str(link)],
            ["--cache", str(self.directory)],
            ["--dir", str(other), "--cache", relative],
            ["--cache", str(other), "--dir", relative],
        ):
            options = Options()
            options.parseOptions(arguments)
            self.assertEqual(self.directory, options.settings.directory, arguments)

    def test_bad(self) -> None:
        """
        A bad value ends the program; the message names the option, the value, and what
        is allowed.
        """
        cases: list[tuple[list[str], list[str]]] = [
            (["--port", "http"], ["--port", "'http'", "65535"]),
            (["--port", "65536"], ["--port", "'65536'", "65535"]),
            (["--port", "-1"], ["--port", "'-1'", "65535"]),
            (["--port="], ["--port", "''", "65535"]),
            (["--port", "8_0"], ["--port", "'8_0'", "65535"]),
            (["--port", "\u0661"], ["--port", "65535"]),
            (["--port", "9" * 5000], ["--port", "65535"]),
            (["--bind="], ["--bind", "''", "127.0.0.1"]),
            (["--bind", "no address"], ["--bind", "'no address'", "127.0.0.1"]),
            (["--bind", "a=b"], ["--bind", "'a=b'", "127.0.0.1"]),
            (["--bind", "1\\:2"], ["--bind", "127.0.0.1"]),
            (["--listen", "tcp:1", "-p", "1"], ["--listen", "--bind", "--port"]),
            (["--listen", "tcp:1", "-b", "::1"], ["--listen", "--bind", "--port"]),
            (["--index-url", "index.example"], ["--index-url", "'index.e", "https://"]),
            (["--index-url="], ["--index-url", "''", "https://"]),
            (["-i", "http://a/?b"], ["--index-url", "'http://a/?***'", "query"]),
            (["--index-ttl", "soon"], ["--index-ttl", "'soon'", "seconds", "600"]),
            (["--index-ttl="], ["--index-ttl", "''", "seconds", "600"]),
            (["--workers", "0"], ["--workers", "'0'", "1 to 64"]),
            (["--workers", "65"], ["--workers", "'65'", "1 to 64"]),
            (["--drain", "-1"], ["--drain", "'-1'", "seconds", "600"]),
            (["--drain", "nan"], ["--drain", "'nan'", "seconds", "600"]),
            (["--frobnicate"], ["--frobnicate: ", "no such option", " --cache, "]),
            (["-x"], ["-x: there is no such option; there are --bind, "]),
            (["--passwd=secret"], ["--passwd: there is no such option"]),
            (["--drain"], ["drain", "argument"]),
            (["--no-proxy=yes"], ["no-proxy", "argument"]),
            (["surplus"], ["'surplus'"]),
            (["http://me:secret@index.example/"], ["'http://***@index.example/'"]),
            (["--", "--drain"], ["'--drain'"]),
        ]
        for arguments, words in cases:
            said = self.refusal(partial(self.parse, *arguments))
            for word in words:
                self.assertIn(word, said, arguments)

    def test_bad_directory(self) -> None:
        """
        So does a directory that is none.
        """
        missing = self.directory / "missing"
        file = self.directory / "file"
        file.write_bytes(b"")
        for path, what in ((missing, "no such directory"), (file, "no directory")):
            said = self.refusal(partial(self.parse, "--cache", str(path)))
            for word in ("--dir", repr(str(path)), what):
                self.assertIn(word, said)
        self.assertFalse(missing.exists())

    def test_directory_not_writable(self) -> None:
        """
        So does one that cannot be written to, unless nothing need be.
        """
        asked: list[Any] = []

        def refuse(path: Any, mode: int) -> bool:
            asked.append((Path(path), mode & os.W_OK))
            return False

        self.patch(os, "access", refuse)
        said = self.refusal(self.parse)
        for word in ("--dir", repr(str(self.directory)), "writable", "--no-proxy"):
            self.assertIn(word, said)
        self.assertEqual([(self.directory, os.W_OK)], asked)
        self.assertEqual(self.directory, self.parse("--no-proxy").directory)

    def test_version(self) -> None:
        """
        ``--version`` prints ours, not Twisted's, and that is all.
        """
        stdout = io.StringIO()
        self.patch(sys, "stdout", stdout)
        with self.assertRaises(SystemExit) as caught:
            self.parse("--version")
        self.assertEqual(0, caught.exception.code)
        self.assertEqual(f"proxypypi {__version__}\n", stdout.getvalue())

    def test_help(self) -> None:
        """
        Every option is explained, with its default.
        """
        stdout = io.StringIO()
        self.patch(sys, "stdout", stdout)
        with self.assertRaises(SystemExit) as caught:
            self.parse("--help")
        self.assertEqual(0, caught.exception.code)
        text = stdout.getvalue()
        for option in OPTIONS:
            for name in option.names:
                self.assertIn(f" --{name}", text)
            said = "".join(help_of(option).split())
            self.assertIn(said, "".join(text.split()), option.name)
        self.assertIn(" --version", text)

    def test_several_errors(self) -> None:
        """
        All that is wrong is told at once, a line each.
        """
        self.environment["PROXYPYPI_INDEX_TTL"] = "soon"
        with self.assertRaises(SystemExit) as caught:
            self.parse("--drain", "nan", "--port", "http")
        self.assertEqual(1, caught.exception.code)
        self.assertEqual(
            [
                "proxypypi: --port: 'http' is not a port, which is a number up to 65535"
                " (on the command line)",
                "proxypypi: --drain: 'nan' is no number of seconds, such as 600 or 0.5"
                " (on the command line)",
                "proxypypi: PROXYPYPI_INDEX_TTL: 'soon' is no number of seconds, such "
                "as 600 or 0.5 (in the environment)",
            ],
            self.stderr.getvalue().splitlines(),
        )

    def test_other_places(self) -> None:
        """
        What the command line does not say is taken from the environment, and from the
        file that it names.
        """
        file = self.directory / "p.toml"
        file.write_text("drain = 5\nindex-ttl = 6\n")
        self.environment.update(
            PROXYPYPI_CONFIG=str(file), PROXYPYPI_DRAIN="7", PROXYPYPI_NO_PROXY="1"
        )
        settings = self.parse()
        self.assertEqual(
            (7.0, 6.0, ()), (settings.drain, settings.index_ttl, settings.upstreams)
        )


class Reactor(MemoryReactorClock):
    """
    A reactor in memory, with threads of a sort.

    :ivar error: what listening fails with; :obj:`None` if it does not.
    """

    error: Exception | None = None

    def __init__(self) -> None:
        super().__init__()
        self.pool = Pool()

    def getThreadPool(self) -> Pool:
        return self.pool

    def callInThread(self, call: Any, *arguments: Any) -> None:
        call(*arguments)

    def callFromThread(self, call: Any, *arguments: Any) -> None:
        call(*arguments)

    def listenTCP(self, *arguments: Any, **more: Any) -> Any:
        if self.error is not None:
            raise self.error
        return super().listenTCP(*arguments, **more)


class MakeServiceTests(DoorTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.reactor = Reactor()
        self.patch(twisted.internet, "reactor", self.reactor)

    def make(self, *arguments: str, parent: Any = None) -> IService:
        """
        :param parent: the options of what starts it.
        """
        options = Options()
        options.parent = parent
        options.parseOptions(["--dir", str(self.directory), *arguments])
        return makeService(options)

    def start(self, service: Any) -> None:
        service.privilegedStartService()
        service.startService()
        self.addCleanup(service.stopService)

    def listening(self) -> list[tuple[int, str]]:
        return [(port, interface) for port, _, _, interface in self.reactor.tcpServers]

    def test_plugin(self) -> None:
        """
        twistd finds it, once, and learns its options and service from here.
        """
        makers: list[Any] = list(getPlugins(IServiceMaker))
        (maker,) = (m for m in makers if m.tapname == "proxypypi")
        self.assertEqual("proxypypi.tap", maker.module)
        self.assertIs(Options, maker.options)
        self.assertIs(makeService, maker.makeService)
        self.assertTrue(maker.description)

    def test_listens(self) -> None:
        """
        Nothing listens until it is started; then all it was told to does.
        """
        service = self.make("--listen", "tcp:1:interface=\\:\\:1", "--listen", "tcp:2")
        self.assertIsInstance(service, ProxyService)
        self.assertEqual([], self.listening())
        self.start(service)
        self.assertEqual([(1, "::1"), (2, "")], self.listening())

    def test_short_form(self) -> None:
        """
        ``--bind`` and ``--port`` mean what they say, of IPv6 too.
        """
        self.start(self.make("--bind", "::1", "--port", "1", "--no-proxy"))
        self.assertEqual([(1, "::1")], self.listening())

    def test_upstream_connection(self) -> None:
        """
        A start connects to the upstream once, to see whether that is possible.
        """
        self.start(self.make())
        self.assertEqual([(8000, "127.0.0.1")], self.listening())
        self.assertEqual(1, len(self.reactor.tcpClients))

    def test_no_upstream(self) -> None:
        """
        Without one, to nobody.
        """
        self.start(self.make("--no-proxy"))
        self.assertEqual([], self.reactor.tcpClients + self.reactor.sslClients)

    def test_bad_endpoint(self) -> None:
        """
        What is no endpoint ends the program before anything listens.
        """
        for endpoint in ("nonsense:1", "tcp:http", "tcp", "", "ssl:x"):
            listen = ("--listen", "tcp:1", "--listen", endpoint)
            said = self.refusal(partial(self.make, *listen))
            self.assertIn(f"--listen: {endpoint!r} is no server endpoint", said)
        self.environment["PROXYPYPI_LISTEN"] = "tcp:1 nonsense:1"
        said = self.refusal(self.make)
        self.assertIn("PROXYPYPI_LISTEN: 'nonsense:1' is no server endpoint", said)
        self.assertEqual([], self.listening())

    def test_workers(self) -> None:
        """
        With several processes, this one is their parent.
        """
        service = self.make("--workers", "2")
        self.assertIsInstance(service, Workers)
        self.assertEqual([], self.listening())

    def test_bad_with_workers(self) -> None:
        """
        What several processes cannot serve ends the program before anything listens.
        """
        listen = ("--listen", "tcp:1", "--listen", "haproxy:tcp:2")
        said = self.refusal(partial(self.make, "--workers", "2", *listen))
        self.assertIn("--listen: 'haproxy:tcp:2' cannot be served by several", said)
        self.assertEqual([], self.listening())

    def test_bad_certificate(self) -> None:
        """
        So does a certificate that cannot be had.
        """
        endpoint = "ssl:1:privateKey=none.pem"
        said = self.refusal(partial(self.make, "--listen", endpoint))
        self.assertIn(f"--listen: {endpoint}: ", said)
        self.assertIn("none.pem': No such file", said)
        self.assertEqual([], self.listening())

    def test_bad_environment(self) -> None:
        """
        So does what the environment says of outbound connections, if it cannot be used.
        """
        self.environment["HTTP_PROXY"] = "ftp://proxy.example/"
        self.environment.pop("http_proxy", None)
        self.assertIn("HTTP_PROXY: 'ftp://proxy.example/'", self.refusal(self.make))

    def test_foreground(self) -> None:
        """
        In a terminal a start that fails is one line and status 1.
        """
        service = self.make(parent=IN_TERMINAL)
        self.assertIsInstance(service, Foreground)
        self.reactor.error = CannotListenError("127.0.0.1", 8000, OSError(98, "in use"))
        said = self.refusal(service.privilegedStartService)
        self.assertIn("cannot listen on tcp:8000:interface=127.0.0.1", said)
        self.assertIn("in use", said)

    def test_directory_in_use(self) -> None:
        """
        So is a directory that another server has, and one that takes no lock.
        """
        lock = DirectoryLock(self.directory / ".proxypypi" / "lock")
        lock.acquire()
        self.addCleanup(lock.release)
        said = self.refusal(self.make(parent=IN_TERMINAL).privilegedStartService)
        self.assertIn(str(self.directory), said)
        self.assertIn(str(os.getpid()), said)
        self.assertEqual([], self.listening())
        lock.release()
        self.patch(os, "open", self.refuse_to_open)
        said = self.refusal(self.make(parent=IN_TERMINAL).privilegedStartService)
        self.assertIn("Read-only", said)

    def refuse_to_open(self, *arguments: Any) -> int:
        raise OSError(30, "Read-only file system")

    def in_background(self) -> tuple[Any, Any]:
        """
        :returns: a service that does not start, and what twistd hears of that.
        """
        for name in ("stderr", "pid"):
            (self.directory / name).touch()
        stderr = self.enterContext((self.directory / "stderr").open("w"))
        self.patch(sys, "__stderr__", stderr)
        reading, writing = os.pipe()
        self.addCleanup(os.close, writing)
        twistd = {
            "nodaemon": False,
            "pidfile": str(self.directory / "pid"),
            "statusPipe": writing,
        }
        service = self.make(parent=twistd)
        self.reactor.error = CannotListenError("", 8000, OSError(98, "in use" * 50))
        return service, self.enterContext(open(reading, "rb", buffering=0))

    def test_background(self) -> None:
        """
        In the background it is one line on the stderr of before, however long, and one
        in the log; twistd only hears that there is no start.
        """
        service, pipe = self.in_background()
        self.assertIsInstance(service, Background)
        self.patch(sys, "__stderr__", None)
        with capturedLogs() as events, self.assertRaises(SystemExit) as caught:
            service.privilegedStartService()
        self.assertEqual(1, caught.exception.code)
        said = (
            "cannot listen on tcp:8000:interface=127.0.0.1: [Errno 98] " + "in use" * 50
        )
        self.assertEqual(
            f"proxypypi: {said}\n", (self.directory / "stderr").read_text()
        )
        self.assertEqual([said], [formatEvent(event) for event in events])
        self.assertEqual(b"1 it has not started", pipe.read(100))
        self.assertFalse((self.directory / "pid").exists())

    def test_background_alone(self) -> None:
        """
        Nobody may be left who could read it, and the pid file may be gone.
        """
        service, pipe = self.in_background()
        os.unlink(self.directory / "pid")
        reading, writing = os.pipe()
        os.close(reading)
        os.dup2(writing, service._stderr)
        os.close(writing)
        self.assertRaises(SystemExit, service.privilegedStartService)
        self.assertEqual(b"1 it has not started", pipe.read(100))

    def test_background_starts(self) -> None:
        """
        One that starts keeps nothing of its caller's stderr, or never had it.
        """
        with open(os.devnull, "w") as stderr:
            for stream in (stderr, None):
                self.patch(sys, "__stderr__", stream)
                service: Any = self.make(parent={"nodaemon": False, "pidfile": ""})
                service.privilegedStartService()
                self.assertRaises(OSError, os.fstat, service._stderr)
                self.successResultOf(service.stopService())
        self.assertEqual([(8000, "127.0.0.1")] * 2, self.listening())

    def test_pid_file(self) -> None:
        """
        The pid file that twistd has written is locked when it is started.
        """
        path = self.directory / "p.pid"
        path.write_text(str(os.getpid()))
        service = self.make(parent={"nodaemon": True, "pidfile": str(path)})
        file = self.enterContext(path.open())
        self.assertFalse(is_locked(file.fileno()))
        self.start(service)
        self.assertTrue(is_locked(file.fileno()))

    def test_other_runners(self) -> None:
        """
        Whatever else than twistd starts it gets the error itself.
        """
        parents: tuple[Any, ...] = (None, {})
        for parent in parents:
            service = self.make(parent=parent)
            self.assertIsInstance(service, ProxyService)
            self.reactor.error = CannotListenError("", 8000, OSError(98, "in use"))
            with self.assertRaises(CannotListen) as caught:
                service.privilegedStartService()
            said = str(caught.exception)
            self.assertIn("cannot listen on tcp:8000:interface=127.0.0.1", said)
            self.assertIn("in use", said)
            with self.assertRaises(DirectoryInUse):
                self.make(parent=parent).privilegedStartService()
            self.successResultOf(service.stopService())

    def test_lock_ends_with_service(self) -> None:
        """
        A server that has stopped leaves its directory to the next.
        """
        first = self.make()
        first.privilegedStartService()
        first.startService()
        self.successResultOf(first.stopService())
        self.start(self.make())
