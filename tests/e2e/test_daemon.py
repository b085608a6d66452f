"""
The daemon: each command in each state, and what becomes of downloads meanwhile.
"""

import contextlib
import fcntl
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import SkipTest

from proxypypi.daemon.pidfile import Daemon, find
from proxypypi.daemon.state import State
from tests.certificates import Authority
from tests.distributions import BuiltDistribution, make_wheel
from tests.e2e.harness import (
    PROXYPYPI,
    TWISTD,
    Child,
    EndToEndTestCase,
    Fetch,
    Server,
    free_port,
    reactor,
    until,
)
from tests.fake_index import Fault

MB = 1_000_000
STARTING = ("start", "condstart", "restart", "forcerestart")
COMMANDS = (*STARTING, "stop", "maybestop", "status")
TWISTD_DAEMON = tuple(word for word in TWISTD if word != "--nodaemon")

STARTED = r"\Aproxypypi \(pid {new}\) has started\Z"
NOT_RUNNING = r"\Aproxypypi is not running"
WAITED = (
    r"\Aproxypypi \(pid {old}\): waiting up to 30 s for running transfers\n"
    r"proxypypi \(pid {old}\) has stopped"
)
RESTARTED = WAITED + r"\nproxypypi \(pid {new}\) has started\Z"


@frozen
class Expected:
    """
    What a command does.

    :ivar stdout: a regular expression, with ``{old}`` for the pid that was in the file,
        and ``{new}`` for the one that is there now; without the last line's end.
    :ivar stderr: likewise.
    """

    status: int
    stdout: str = r"\A\Z"
    stderr: str = r"\A\Z"


NONE = {
    "start": Expected(0, STARTED),
    "condstart": Expected(0, STARTED),
    "restart": Expected(0, NOT_RUNNING + r"\nproxypypi \(pid {new}\) has started\Z"),
    "forcerestart": Expected(
        0, NOT_RUNNING + r"\nproxypypi \(pid {new}\) has started\Z"
    ),
    "stop": Expected(1, stderr=NOT_RUNNING + r"\Z"),
    "maybestop": Expected(0, NOT_RUNNING + r"\Z"),
    "status": Expected(3, NOT_RUNNING + r"\Z"),
}
RUNNING = {
    "start": Expected(1, stderr=r"\Aproxypypi \(pid {old}\) is already running\Z"),
    "condstart": Expected(0, r"\Aproxypypi \(pid {old}\) is already running\Z"),
    "restart": Expected(0, RESTARTED),
    "forcerestart": Expected(0, RESTARTED),
    "stop": Expected(0, WAITED + r"\Z"),
    "maybestop": Expected(0, WAITED + r"\Z"),
    "status": Expected(0, r"\Aproxypypi \(pid {old}\) is running\Z"),
}


def leftover(why: str) -> dict[str, Expected]:
    said = rf"pid {{old}} is {why}"
    warned = rf"left over: {said}\Z"
    return {
        name: Expected(
            expected.status,
            expected.stdout.replace(NOT_RUNNING + r"\Z", rf"{NOT_RUNNING}: {said}\Z"),
            warned
            if name in STARTING
            else expected.stderr.replace(
                NOT_RUNNING + r"\Z", rf"{NOT_RUNNING}: {said}\Z"
            ),
        )
        for name, expected in NONE.items()
    }


def refused(why: str) -> dict[str, Expected]:
    return dict.fromkeys(COMMANDS, Expected(1, stderr=rf"\Aproxypypi: [^\n]*{why}"))


class DaemonTestCase(EndToEndTestCase):
    timeout = 240

    def setUp(self) -> None:
        super().setUp()
        self.handles: dict[int, int] = {}
        self.addCleanup(self.end_daemons)

    async def end_daemons(self) -> None:
        """
        Kill what still runs of all that were started, and see it end.
        """
        for pid, handle in self.handles.items():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            await self.ended(pid)
            os.close(handle)

    def is_alive(self, pid: int) -> bool:
        """
        :param pid: of a daemon that was noted.
        """
        try:
            signal.pidfd_send_signal(self.handles[pid], 0)
        except ProcessLookupError:
            return False
        # One that nobody has reaped yet has ended, too.
        stat = Path(f"/proc/{pid}/stat")
        with contextlib.suppress(OSError):
            return stat.read_text().rpartition(")")[2].split()[0] != "Z"
        return False

    async def ended(self, pid: int) -> None:
        await until(lambda: not self.is_alive(pid), 10, f"the end of {pid}")

    async def says(self, child: Child, word: str) -> None:
        await until(lambda: word in child.output, 10, word)

    def note(self, pid_file: Path) -> int:
        """
        Have a daemon ended when the test is over.

        :returns: its pid.
        """
        pid = int(pid_file.read_text())
        if pid not in self.handles:
            self.handles[pid] = os.pidfd_open(pid)
        return pid

    def command(
        self, name: str, *options: str, door: Sequence[str] = PROXYPYPI[:-1]
    ) -> Child:
        return self.spawn_server(name, *options, door=door)

    async def done(self, name: str, *options: str) -> Child:
        child = self.command(name, *options)
        await child.ends(60)
        return child

    def files(self, at: Path) -> list[str]:
        return [
            *("-P", str(at / "p.pid"), "-l", str(at / "p.log")),
            *("-o", str(at / "p.out")),
        ]

    def options(self, at: Path, *more: str) -> list[str]:
        """
        What a daemon with its files in *at* is started with.
        """
        return [
            *self.files(at),
            *("--dir", str(self.directory), "--listen", "tcp:0:interface=127.0.0.1"),
            *("--index-url", self.index_url, *more),
        ]

    async def start(self, *more: str, command: str = "start") -> Server:
        """
        Start a daemon with its files in the test's directory.
        """
        child = await self.done(command, *self.options(self.work, *more))
        self.assertEqual(0, child.status, child.output)
        return self.server(child)

    def server(self, child: Child) -> Server:
        path = self.work / "p.pid"
        state = State.load(path, self.note(path))
        assert state is not None
        return Server(child, state.addresses[0])

    async def stop(self) -> Child:
        return await self.done("stop", "-P", str(self.work / "p.pid"))

    def pid(self) -> int:
        return self.note(self.work / "p.pid")

    def log(self) -> str:
        return (self.work / "p.log").read_text()

    def download(self, server: Server) -> tuple[Fetch, BuiltDistribution]:
        """
        Begin one that takes twelve seconds, longer than a command needs to begin.
        """
        wheel = make_wheel("big", payload=4 * MB)
        self.index.add(wheel)
        self.index.rate = MB // 3
        url = f"{server.url}/files/{wheel.project}/{wheel.filename}"
        return self.fetch(url, keep=False), wheel

    async def stalled(self, server: Server) -> Fetch:
        """
        A download that never ends, of a file that nobody has asked for before.
        """
        wheel = make_wheel(f"big-{len(self.index.projects)}", payload=4 * MB)
        path = self.index.add(wheel)
        self.index.fail(path, Fault(stall_at=MB), times=None)
        url = f"{server.url}/files/{wheel.project}/{wheel.filename}"
        fetch = self.fetch(url, keep=False)
        await until(lambda: fetch.received > 0, 20, "the first bytes")
        return fetch

    async def assert_whole(self, fetch: Fetch, wheel: BuiltDistribution) -> None:
        got = await fetch.done().addTimeout(30, reactor)
        self.assertEqual(
            (200, True, wheel.sha256), (got.code, got.complete, got.sha256), got.error
        )
        kept = self.directory / wheel.project / wheel.filename
        await until(kept.exists, 5, "the file")
        self.assertEqual(wheel.content, kept.read_bytes())


class CommandTests(DaemonTestCase):
    """
    A table of each state: every command, its exit status and what it says.
    """

    def place(self, name: str) -> Path:
        """
        A directory of its own for each command; all serve directories of their own.
        """
        at = self.work / name
        (at / "cache").mkdir(parents=True)
        return at

    def arguments(self, name: str, at: Path) -> list[str]:
        if name in STARTING:
            return self.options(at, "--no-proxy", "--dir", str(at / "cache"))
        return ["-P", str(at / "p.pid")]

    async def check(
        self, table: dict[str, Expected], prepare: "Callable[[Path], Any]"
    ) -> None:
        """
        :param prepare: makes the state of a directory.
        """
        waiting = [
            Deferred.fromCoroutine(self.check_one(name, table[name], prepare))
            for name in COMMANDS
        ]
        await gatherResults(waiting, consumeErrors=True)

    async def check_one(
        self, name: str, expected: Expected, prepare: "Callable[[Path], Any]"
    ) -> None:
        at = self.place(name)
        made = prepare(at)
        if made is not None:
            await made
        path = at / "p.pid"
        old = path.read_text().strip() if path.exists() else "none"
        before = path.read_bytes() if path.exists() else None
        child = await self.done(name, *self.arguments(name, at))
        new = path.read_text().strip() if path.exists() else "none"
        told = f"{name}: {child.status}\n{child.stdout}---\n{child.stderr}"
        if expected.status == 0 and name in STARTING:
            self.note(path)
            self.assertIsInstance(self.look(path), Daemon, told)
        self.assertEqual(expected.status, child.status, told)
        for pattern, said in (
            (expected.stdout, child.stdout),
            (expected.stderr, child.stderr),
        ):
            pattern = pattern.replace("{old}", old).replace("{new}", new)
            self.assertRegex(said.removesuffix("\n"), pattern, told)
        if expected.status in (1, 3):
            self.assertEqual(before, path.read_bytes() if path.exists() else None)

    def look(self, path: Path) -> object:
        found = find(path)
        if isinstance(found, Daemon):
            found.close()
        return found

    async def start_in(self, at: Path) -> None:
        child = await self.done("start", *self.arguments("start", at))
        self.assertEqual(0, child.status, child.output)
        self.note(at / "p.pid")

    async def test_not_running(self) -> None:
        """
        Without a pid file.
        """
        await self.check(NONE, lambda at: None)

    async def test_running(self) -> None:
        """
        With a daemon that runs: what ends it ends it and leaves no file, what starts
        another starts another, and what does neither leaves it alone.
        """
        old: dict[str, int] = {}

        async def prepare(at: Path) -> None:
            await self.start_in(at)
            old[at.name] = self.note(at / "p.pid")

        await self.check(RUNNING, prepare)
        for name, pid in old.items():
            stays = name in ("start", "condstart", "status")
            self.assertEqual(stays, self.is_alive(pid), name)
            left = {file.name for file in (self.work / name).glob("p.pid*")}
            ends = name in ("stop", "maybestop")
            self.assertEqual(set() if ends else {"p.pid", "p.pid.json"}, left, name)

    async def test_dead_pid(self) -> None:
        """
        With the pid file of one that was killed.
        """

        async def prepare(at: Path) -> None:
            await self.start_in(at)
            pid = self.note(at / "p.pid")
            signal.pidfd_send_signal(self.handles[pid], signal.SIGKILL)
            await self.ended(pid)

        await self.check(leftover("dead"), prepare)

    async def test_pid_of_another_program(self) -> None:
        """
        With a pid file whose number is another program's by now: it is left alone.
        """
        other = self.spawn([sys.executable, "-c", "import signal; signal.pause()"])
        await self.check(
            leftover("another program"),
            lambda at: (at / "p.pid").write_text(f"{other.pid}\n") and None,
        )
        self.assertIsNone(other.status)

    async def test_garbage(self) -> None:
        """
        With what is no pid file at all.
        """
        await self.check(
            refused("no pid in .*'garbage"),
            lambda at: (at / "p.pid").write_text("garbage\n") and None,
        )

    async def test_empty(self) -> None:
        """
        With an empty file.
        """
        await self.check(
            refused("no pid in .*''"),
            lambda at: (at / "p.pid").write_bytes(b"") or None,
        )

    async def test_unreadable(self) -> None:
        """
        With a directory in its place, and with a file that we may not read.
        """
        (self.work / "p.pid").mkdir()
        (self.work / "q.pid").write_text("1\n")
        (self.work / "q.pid").chmod(0)
        cases = [("p.pid", "Is a directory")]
        if not os.access(self.work / "q.pid", os.R_OK):
            cases.append(("q.pid", "Permission denied"))
        for name, why in cases:
            for command in COMMANDS:
                at = ["-l", "p.log", "-o", "p.out", "-d", "cache", "-n", "-p0"]
                more = at if command in STARTING else []
                child = await self.done(command, "-P", name, *more)
                told = f"{command} {name}: {child.status}\n{child.output}"
                self.assertEqual((1, ""), (child.status, child.stdout), told)
                self.assertRegex(
                    child.stderr,
                    rf"\Aproxypypi: [^\n]*{why}[^\n]*{self.work / name}'\n\Z",
                    told,
                )

    async def test_link(self) -> None:
        """
        A link to where the pid file will be, is or was means that file to all of them.
        """
        link = self.work / "link"
        link.symlink_to("p.pid")
        other = ["-l", "p.log", "-o", "p.out", "-d", "cache", "-n", "-p0"]
        for command, status, said in (
            ("status", 3, NOT_RUNNING),
            ("start", 0, r"\(pid \d+\) has started"),
            ("status", 0, r"\(pid \d+\) is running\Z"),
            ("condstart", 0, "already running"),
            ("restart", 0, r"has stopped\nproxypypi \(pid \d+\) has started"),
            ("stop", 0, "has stopped"),
            ("stop", 1, NOT_RUNNING),
        ):
            more = other if command in STARTING else []
            child = await self.done(command, "-P", "link", *more)
            if (self.work / "p.pid").exists():
                self.pid()
            self.assertEqual(status, child.status, f"{command}\n{child.output}")
            self.assertRegex(child.output.removesuffix("\n"), said)
            self.assertTrue(link.is_symlink(), command)

    async def test_locked_by_another(self) -> None:
        """
        With a file that is locked, but not by the process that it names: nobody is
        signalled.
        """
        other = self.spawn([sys.executable, "-c", "import signal; signal.pause()"])

        def prepare(at: Path) -> None:
            (at / "p.pid").write_text(f"{other.pid}\n")
            fd = os.open(at / "p.pid", os.O_RDONLY)
            self.addCleanup(os.close, fd)
            fcntl.flock(fd, fcntl.LOCK_EX)

        await self.check(refused(f"names pid {other.pid}, but another"), prepare)
        self.assertIsNone(other.status)


class StartTests(DaemonTestCase):
    async def check_failure(self, options: Sequence[str], *words: str) -> None:
        for command in ("start", "restart"):
            child = await self.done(command, *options)
            told = f"{command} {options}\n{child.stdout}---\n{child.stderr}"
            self.assertEqual(1, child.status, told)
            for word in words:
                self.assertIn(word, child.stderr, told)
            self.assertNotIn("Traceback", child.output, told)
            self.assertLess(len(child.stderr.splitlines()), 4, told)
            self.assertEqual([], list(self.work.glob("q.pid*")), told)

    async def test_failed(self) -> None:
        """
        A start that fails does so with status 1 and the reason on stderr, and leaves no
        pid file.
        """
        server = await self.start()
        port = server.url.rpartition(":")[2]
        other = self.work / "other"
        other.mkdir()
        q = ["-P", "q.pid", "-l", "q.log", "-o", "q.out"]
        free = ["-d", str(other), "-n"]
        for options, words in (
            ([*q, *free, "-p", port], [port, "in use"]),
            (
                [*q, "-d", str(self.directory), "-p", "0"],
                [str(self.directory), "already serves"],
            ),
            ([*q, *free, "-p", "http"], ["port", "http"]),
            ([*q, *free, "--frobnicate"], ["frobnicate"]),
            ([*q, *free, "-p0", "-o", "missing/q.out"], ["missing/q.out"]),
            ([*q, *free, "-p0", "-l", "missing/q.log"], ["missing/q.log"]),
            ([*q, *free, "-p0", "-P", "missing/q.pid"], ["missing/q.pid'"]),
        ):
            await self.check_failure(options, *words)
        self.assertEqual(200, (await self.get(f"{server.url}/-/health")).code)

    async def test_where_to_look(self) -> None:
        """
        The log is named if there is one.
        """
        for log, is_there in (("missing/q.log", False), ("q.log", True)):
            child = await self.done(
                *("start", "-P", "q.pid", "-l", log, "-o", "q.out", "-n"),
                *("-d", str(self.directory), "--listen", "unix:missing/p.sock"),
            )
            self.assertEqual(1, child.status)
            said = "there may be more in"
            self.assertEqual(is_there, said in child.stderr, child.stderr)

    async def test_missing_files(self) -> None:
        """
        Without its three files it does not start, and the error says which are missing.
        """
        for command in STARTING:
            child = await self.done(command, "-d", str(self.directory), "-l", "p.log")
            self.assertEqual(1, child.status)
            self.assertIn("needs -P/--pid and -o/--out", child.stderr)

    async def test_at_once(self) -> None:
        """
        Of several that start at the same time one does; the others say that it runs,
        and ``condstart`` is content with that.
        """
        names = ["start", "start", "condstart", "condstart"]
        children = [
            self.command(name, *self.options(self.work, "--no-proxy")) for name in names
        ]
        for child in children:
            await child.ends(60)
        pid = self.pid()
        told = [f"{child.status} {child.output}" for child in children]
        started = [f"proxypypi (pid {pid}) has started\n" in said for said in told]
        self.assertEqual(1, started.count(True), told)
        for name, child, is_it in zip(names, children, started, strict=True):
            if not is_it:
                self.assertEqual(name == "start", child.status == 1, told)
                self.assertIn(f"(pid {pid}) is already running\n", child.output, told)
        self.assertIsInstance(self.server(children[0]), Server)

    async def test_bad_options_end_nothing(self) -> None:
        """
        What cannot be started again is not ended.
        """
        await self.start()
        pid = self.pid()
        other = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(other.close)
        taken = other.getsockname()[1]
        for command in ("restart", "forcerestart"):
            for options, word in (
                (["-n", "-d", str(self.directory), "-p", str(taken)], "in use"),
                (["-n", "-d", str(self.directory), "--listen", "tcp:65536"], "port"),
                (["-p", "http"], "http"),
                (["-d", "missing"], "missing"),
                (["-n", "--listen", "tcp:1", "--listen", "x:1"], "'x:1'"),
            ):
                child = await self.done(command, *self.files(self.work), *options)
                self.assertEqual((1, ""), (child.status, child.stdout), child.output)
                self.assertIn(word, child.stderr)
                self.assertNotIn("Traceback", child.stderr)
        self.assertTrue(self.is_alive(pid))
        self.assertEqual(pid, self.pid())

    async def test_restart_in_place(self) -> None:
        """
        An address that the daemon itself has is free when it has ended.
        """
        server = await self.start()
        pid, port = self.pid(), server.url.rpartition(":")[2]
        options = ["-n", "-d", str(self.directory), "-p", port]
        child = await self.done("restart", *self.files(self.work), *options)
        self.assertEqual(0, child.status, child.output)
        self.assertNotEqual(pid, self.pid())
        self.assertEqual(200, (await self.get(f"{server.url}/-/health")).code)

    async def test_relative_paths(self) -> None:
        """
        Paths may be relative, and are then of the directory that it is started in.
        """
        child = await self.done(
            *("start", "-P", "p.pid", "-l", "p.log", "-o", "p.out"),
            *("-d", "cache", "-n", "-p", "0"),
        )
        self.assertEqual(0, child.status, child.output)
        server = self.server(child)
        self.drop("alpha-1.0.tar.gz", b"")
        self.assertEqual(200, (await self.get(f"{server.url}/-/health")).code)
        self.assertTrue((self.directory / ".proxypypi").is_dir())
        self.assertIn("listening", self.log())
        self.assertEqual(0, (await self.done("stop", "-P", "p.pid")).status)
        self.assertFalse((self.work / "p.pid").exists())

    async def test_streams(self) -> None:
        """
        What it prints goes to the file of ``-o``, and it holds nothing of its caller's.
        """
        await self.start()
        fds = Path(f"/proc/{self.pid()}/fd")
        if not fds.is_dir():
            raise SkipTest("this system does not show what a process has open")
        out = str(self.work / "p.out")
        self.assertEqual(
            [os.devnull, out, out], [os.readlink(fds / n) for n in ("0", "1", "2")]
        )
        targets = [os.readlink(fd) for fd in fds.iterdir()]
        for target in targets:
            if target.startswith("pipe:"):
                self.assertEqual(2, targets.count(target), "it has both ends itself")

    async def test_hang_up(self) -> None:
        """
        HUP leaves it running.
        """
        server = await self.start()
        os.kill(self.pid(), signal.SIGHUP)
        await until(lambda: "SIGHUP" in self.log(), 10, "a word on it")
        self.assertEqual(200, (await self.get(f"{server.url}/-/health")).code)


class StatusTests(DaemonTestCase):
    async def status_says(self, pattern: str) -> None:
        child = await self.done("status", "-P", str(self.work / "p.pid"))
        self.assertEqual((0, ""), (child.status, child.stderr), child.output)
        self.assertEqual(1, len(child.stdout.splitlines()), child.stdout)
        self.assertRegex(child.stdout, pattern)

    async def test_degraded(self) -> None:
        """
        It says what the health route says.
        """
        server = await self.start()
        self.index.down = True
        await self.get(f"{server.url}/simple/alpha/")
        await self.status_says(r"\(pid \d+\) is running, degraded: \w")

    async def test_unix(self) -> None:
        """
        Which it asks by a unix socket, too, by any address, and by TLS, whatever the
        certificate.
        """
        pem = Authority().vouch_for("proxy.example").dumpPEM()
        (self.work / "p.pem").write_bytes(pem)
        tls = "ssl:0:privateKey=p.pem:certKey=p.pem"
        for endpoint in ("unix:p.sock", "tcp:0", "tcp6:0", tls):
            child = await self.done(
                *("start", *self.files(self.work), "-n", "-d", str(self.directory)),
                *("--listen", endpoint),
            )
            self.assertEqual(0, child.status, child.output)
            self.pid()
            await self.status_says(r"is running\n\Z")
            await self.stop()

    async def test_no_answer(self) -> None:
        """
        It does not wait long for an answer.
        """
        server = await self.start()
        os.kill(self.pid(), signal.SIGSTOP)
        await self.status_says(rf"is running, but does not answer at {server.url}\n\Z")

    async def test_damaged(self) -> None:
        """
        What the daemon left for it may be missing or damaged.
        """
        await self.start()
        (self.work / "p.pid.json").write_text("{")
        await self.status_says("is running, but has not said where")
        (self.work / "p.pid.json").unlink()
        await self.status_says("is running, but has not said where")
        self.assertEqual(0, (await self.stop()).status)


class DownloadTests(DaemonTestCase):
    async def check(self, command: str, status: int, ends: bool) -> None:
        server = await self.start()
        pid = self.pid()
        fetch, wheel = self.download(server)
        await until(lambda: fetch.received > 0, 20, "the first bytes")
        options = self.options(self.work) if command in STARTING else []
        child = self.command(command, "-P", str(self.work / "p.pid"), *options)
        await self.assert_whole(fetch, wheel)
        self.assertEqual(status, await child.ends(30), child.output)
        self.assertEqual(not ends, self.is_alive(pid))
        if command in STARTING:
            again = self.server(child)
            url = fetch.url.replace(server.url, again.url)
            got = await self.get(url)
            self.assertEqual((200, wheel.content), (got.code, got.body))
        self.assertEqual(1, len(self.index.asked(f"/files/big/{wheel.filename}")))
        self.assertEqual(ends, "waiting up to 30 s" in self.log())
        self.assertNotIn("Traceback", self.log())

    async def test_start(self) -> None:
        """
        Another start disturbs no download.
        """
        await self.check("start", 1, ends=False)

    async def test_stop(self) -> None:
        """
        A stop waits for it.
        """
        await self.check("stop", 0, ends=True)

    async def test_restart(self) -> None:
        """
        So does a restart, and then there is a server with the file.
        """
        await self.check("restart", 0, ends=True)

    async def test_forcerestart(self) -> None:
        """
        And one by force, as long as it ends in time.
        """
        await self.check("forcerestart", 0, ends=True)

    async def check_forced(self, freeze: bool) -> None:
        """
        Restart by force under a download that outlasts the drain; the next request for
        the file, at the new server, takes it up where it was.
        """
        server = await self.start("--drain", "0.5")
        wheel = make_wheel("big", payload=4 * MB)
        path = self.index.add(wheel)
        self.index.fail(path, Fault(stall_at=2 * MB))
        address = f"/files/{wheel.project}/{wheel.filename}"
        fetch = self.fetch(server.url + address, keep=False)
        await until(lambda: fetch.received > MB, 20, "the middle")
        pid = self.pid()
        if freeze:
            os.kill(pid, signal.SIGSTOP)
        child = await self.done("forcerestart", *self.options(self.work))
        self.assertEqual((0, ""), (child.status, child.stderr), child.output)
        said = "was killed" if freeze else "has stopped"
        self.assertIn(f"(pid {pid}) {said}\n", child.stdout)
        self.assertFalse(self.is_alive(pid))
        self.assertFalse((await fetch.done()).complete)
        self.assertEqual(set(), self.kept())
        server = self.server(child)
        got = await self.get(f"{server.url}/local/big/")
        self.assertNotIn(wheel.filename.encode(), got.body)
        await self.assert_whole(self.fetch(server.url + address), wheel)
        first, second = self.index.asked(path)
        self.assertIsNone(first.header("Range"))
        self.assertRegex(second.header("Range") or "", r"\Abytes=[1-9]\d*-\Z")

    async def test_forcerestart_cuts_off(self) -> None:
        """
        What takes longer than ``--drain`` is cut off; nothing partial is served, and
        what is there already is not fetched again.
        """
        await self.check_forced(freeze=False)

    async def test_forcerestart_kills(self) -> None:
        """
        So it is if the daemon has to be killed.
        """
        await self.check_forced(freeze=True)

    async def test_two_stops(self) -> None:
        """
        A second stop does not hurry the first one; meanwhile the status is that it is
        about to end.
        """
        server = await self.start()
        fetch, wheel = self.download(server)
        await until(lambda: fetch.received > 0, 20, "the first bytes")
        path = self.work / "p.pid"
        pid = self.pid()
        stops = [self.command("stop", "-P", str(path))]

        def stopping() -> bool:
            state = State.load(path, pid)
            return state is not None and state.stopping

        await until(stopping, 20, "the begin of the end")
        stops.append(self.command("stop", "-P", str(path)))
        status = self.command("status", "-P", str(path))
        await self.assert_whole(fetch, wheel)
        self.assertEqual(0, await status.ends(30), status.output)
        self.assertIn("is running, but about to end", status.stdout)
        for stop in stops:
            self.assertEqual(0, await stop.ends(30), stop.output)

    async def test_drain_has_an_end(self) -> None:
        """
        What takes longer than ``--drain`` is cut off, and the stop has succeeded.
        """
        server = await self.start("--drain", "0.5")
        fetch = await self.stalled(server)
        child = await self.stop()
        self.assertEqual(0, child.status, child.output)
        self.assertIn("waiting up to 0.5 s", child.stdout)
        self.assertFalse((await fetch.done()).complete)
        self.assertIn("cut off", self.log())
        for word in ("Traceback", "Unhandled", "Failure"):
            self.assertNotIn(word, self.log())

    async def test_frozen(self) -> None:
        """
        Of one that does not end, ``stop`` says so and fails; ``forcerestart`` kills it.
        """
        await self.start("--drain", "0")
        pid = self.pid()
        os.kill(pid, signal.SIGSTOP)
        child = await self.stop()
        self.assertEqual(1, child.status, child.output)
        self.assertIn(f"(pid {pid}) still runs", child.stderr)
        self.assertTrue(self.is_alive(pid))
        child = await self.done("forcerestart", *self.options(self.work))
        self.assertEqual((0, ""), (child.status, child.stderr), child.output)
        self.assertIn(f"(pid {pid}) was killed\n", child.stdout)
        self.assertNotEqual(pid, self.pid())
        self.assertFalse(self.is_alive(pid))


class SecondSignalTests(DaemonTestCase):
    async def check(self, send: Callable[[str], None], log: Callable[[], str]) -> None:
        send("TERM")
        await until(lambda: "waiting up to 60 s" in log(), 10, "the first")
        send("TERM")
        send("TERM")

    async def test_daemon(self) -> None:
        """
        A second TERM ends it at once, and with no traceback.
        """
        server = await self.start("--drain", "60")
        fetch = await self.stalled(server)
        pid = self.pid()

        def send(name: str) -> None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, getattr(signal, f"SIG{name}"))

        await self.check(send, self.log)
        await self.ended(pid)
        self.assertFalse((await fetch.done()).complete)
        for word in ("Traceback", "Unhandled", "Failure"):
            self.assertNotIn(word, self.log())
        self.assertEqual([], list(self.work.glob("p.pid*")))

    async def test_foreground(self) -> None:
        """
        So it does in the foreground, by INT as well, even if both come at once.
        """
        for door in (TWISTD, PROXYPYPI):
            for first, second in (("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")):
                server = await self.start_server("--drain", "60", door=door)
                fetch = await self.stalled(server)
                server.child.signal(first)
                if first == second:  # of which the kernel would make one
                    await self.says(server.child, "waiting up to 60 s")
                server.child.signal(second)
                status = await server.child.ends(10)
                self.assertIn(status, (0, -signal.SIGTERM, -signal.SIGINT))
                got = await fetch.done()
                told = f"{first} {second} {got}\n{server.child.output}"
                self.assertFalse(got.complete, told)
                for word in ("Traceback", "Unhandled", "Failure"):
                    self.assertNotIn(word, server.child.output, told)

    async def test_hang_up(self) -> None:
        """
        HUP ends none of them, unless it has lost its terminal.
        """
        for door in (TWISTD, PROXYPYPI):
            server = await self.start_server(door=door)
            server.child.signal("HUP")
            await self.says(server.child, "SIGHUP")
            await self.ready(server)
            await server.stop()


class TwistdTests(DaemonTestCase):
    """
    twistd's own way into the background.
    """

    def twistd(self, *options: str) -> Child:
        return self.spawn_server(*options, door=[*TWISTD_DAEMON[:3]])

    async def test_runs(self) -> None:
        """
        It takes relative paths, and is ended by a TERM.
        """
        port = free_port()
        child = self.twistd(
            *("--pidfile=p.pid", "--logfile=p.log", "proxypypi", "--dir", "cache"),
            *("-n", "-p", str(port)),
        )
        self.assertEqual(0, await child.ends(30), child.output)
        pid = self.pid()
        await self.ready(Server(child, f"http://127.0.0.1:{port}"))
        self.assertTrue((self.directory / ".proxypypi").is_dir())
        os.kill(pid, signal.SIGHUP)
        await until(lambda: "SIGHUP" in self.log(), 10, "a word on it")
        os.kill(pid, signal.SIGTERM)
        await self.ended(pid)
        self.assertFalse((self.work / "p.pid").exists())
        self.assertNotIn("Traceback", self.log())

    async def test_failed(self) -> None:
        """
        If it cannot start, all of the reason is on stderr, and in the log if there is
        one by then, with no traceback; its pid file is gone.
        """
        other = self.work / ("other" * 40)
        free = self.work / "free"
        for directory in (other, free):
            directory.mkdir()
        server = await self.start("--dir", str(other))
        port = server.url.rpartition(":")[2]
        taken = f"cannot listen on tcp:{port}:interface=127.0.0.1: "
        for options, reason, is_logged in (
            (["-d", str(free), "-n", "-p", port], rf"{taken}.*in use", True),
            (
                ["-d", str(free), "-n", "--listen", f"unix:{'x' * 200}"],
                "too long",
                True,
            ),
            (
                ["-d", str(other), "-n", "-p", "0"],
                rf"another proxypypi \(pid {self.pid()}\) already serves {other}",
                True,
            ),
            (["-d", "missing"], "--dir: '.*missing': there is no such .*", False),
            (["-p", "http"], "--port: 'http' is not a port.*", False),
        ):
            child = self.twistd(
                "--pidfile=q.pid", "--logfile=q.log", "proxypypi", *options
            )
            self.assertEqual(1, await child.ends(30), child.output)
            self.assertFalse((self.work / "q.pid").exists(), options)
            first, *rest = child.stderr.splitlines()
            self.assertRegex(first, rf"\Aproxypypi: .*{reason}\Z", child.stderr)
            self.assertEqual(2 if is_logged else 0, len(rest), child.stderr)
            log = self.work / "q.log"
            if is_logged:
                self.assertIn(first.removeprefix("proxypypi: "), log.read_text())
                self.assertNotIn("Traceback", log.read_text())
                log.unlink()

    async def test_commands(self) -> None:
        """
        To our commands it is a daemon like any other.
        """
        child = self.twistd(
            *("--pidfile=p.pid", "--logfile=p.log", "proxypypi", "--dir", "cache"),
            *("-n", "-p", "0"),
        )
        self.assertEqual(0, await child.ends(30), child.output)
        pid, beside = self.pid(), self.work / "p.pid.json"
        await until(beside.exists, 10, "what is said beside the pid file")
        child = await self.done("status", "-P", "p.pid")
        expected = (0, f"proxypypi (pid {pid}) is running\n")
        self.assertEqual(expected, (child.status, child.stdout), child.output)
        child = await self.done("condstart", *self.options(self.work))
        self.assertEqual(0, child.status, child.output)
        self.assertIn("is already running", child.output)
        child = await self.stop()
        self.assertEqual(0, child.status, child.output)
        self.assertIn(f"(pid {pid}) has stopped", child.output)
        self.assertFalse(self.is_alive(pid))
        self.assertFalse((self.work / "p.pid").exists() or beside.exists())
        self.assertNotIn("Traceback", self.log())


class SocketActivationTests(DaemonTestCase):
    async def test_inherited_socket(self) -> None:
        """
        It takes over a listening socket, as systemd hands it on: whoever has connected
        before is served, too.
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
        for endpoint in ("systemd:domain=INET:index=0", "systemd:domain=INET:name=web"):
            child = self.spawn_server(
                *("-d", str(self.directory), "-n", "--listen", endpoint),
                door=[sys.executable, "-c", activate],
            )
            await self.says(child, "\n")
            found = re.search(r"port (\d+)", child.stdout)
            assert found is not None
            server = Server(child, f"http://127.0.0.1:{found[1]}")
            got = await self.get(f"{server.url}/-/health")
            self.assertEqual((200, b"ok\n"), (got.code, got.body), child.output)
            await server.stop()
