"""
Tests for :mod:`proxypypi.daemon`.
"""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from signal import SIGTERM

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from proxypypi import daemon
from proxypypi.daemon import Daemon, Leftover, PidFile, State, find
from proxypypi.errors import AlreadyRunning, BadPidFile, NotOurs, ProxypypiError

GARBAGE = (b"", b"\n", b"garbage\n", b"-1", b"0", b"12 34", b"1.5", b"\xff", b"9" * 20)


class DaemonTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.path = self.directory / "p.pid"

    def spawn(self) -> "subprocess.Popen[bytes]":
        """
        A program that has nothing to do with us, and ends when the test does.
        """
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=-1
        )

        def end() -> None:
            child.kill()
            child.communicate()

        self.addCleanup(end)
        return child

    def dead_pid(self) -> int:
        child = self.spawn()
        child.kill()
        child.wait()
        return child.pid

    def acquire(self) -> PidFile:
        pid_file = PidFile(self.path)
        self.assertIsNone(pid_file.acquire())

        def release() -> None:
            pid_file.remove()
            assert pid_file._fd is not None
            os.close(pid_file._fd)

        self.addCleanup(release)
        return pid_file

    def lock(self) -> None:
        fd = os.open(self.path, os.O_RDONLY)
        fcntl.flock(fd, fcntl.LOCK_EX)
        self.addCleanup(os.close, fd)

    def found(self) -> Daemon:
        found = find(self.path)
        assert isinstance(found, Daemon)
        self.addCleanup(found.close)
        return found


class FindTests(DaemonTestCase):
    def test_none(self) -> None:
        """
        Without a pid file, none runs.
        """
        self.assertIsNone(find(self.path))

    def test_running(self) -> None:
        """
        One that has its pid file locked runs, however often one looks.
        """
        self.acquire()
        for _ in range(3):
            found = self.found()
            self.assertEqual(os.getpid(), found.pid)
            self.assertTrue(found.is_running())
            self.assertFalse(found.wait(0.0))

    def test_leftover(self) -> None:
        """
        A number without a lock says nothing but that something was left over.
        """
        other, dead = self.spawn().pid, self.dead_pid()
        for pid, alive, word in ((other, True, "another"), (dead, False, "dead")):
            self.path.write_text(f"{pid}\n")
            found = find(self.path)
            self.assertEqual(Leftover(pid, alive), found)
            self.assertIn(word, str(found))
            self.assertIn(str(pid), str(found))

    def test_garbage(self) -> None:
        """
        What is no number is an error, locked or not.
        """
        for content in GARBAGE:
            self.path.write_bytes(content)
            error = self.assertRaises(BadPidFile, find, self.path)
            self.assertIn(str(self.path), str(error), content)
        self.lock()
        self.assertRaises(BadPidFile, find, self.path)

    def test_locked_by_another(self) -> None:
        """
        A lock of a process that the file does not name is an error.
        """
        for pid in (self.spawn().pid, self.dead_pid()):
            self.path.write_text(f"{pid}\n")
            self.lock()
            error = self.assertRaises(NotOurs, find, self.path)
            self.assertIn(str(pid), str(error))
            self.path.unlink()

    def test_no_file(self) -> None:
        """
        A directory is no pid file.
        """
        self.assertRaises(IsADirectoryError, find, self.directory)


class SignalTests(DaemonTestCase):
    def hold(self) -> "subprocess.Popen[bytes]":
        """
        A process that has the pid file.
        """
        source = (
            "import sys; from pathlib import Path\n"
            "from proxypypi.daemon import PidFile\n"
            "PidFile(Path(sys.argv[1])).acquire(); print(flush=True)\n"
            "sys.stdin.read()"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", source, str(self.path)], stdin=-1, stdout=-1
        )

        def end() -> None:
            child.kill()
            child.communicate()

        self.addCleanup(end)
        assert child.stdout is not None
        child.stdout.readline()
        return child

    def check_end(self) -> None:
        child = self.hold()
        found = self.found()
        self.assertEqual(child.pid, found.pid)
        found.signal(SIGTERM)
        self.assertEqual(-SIGTERM, child.wait(20))
        self.assertTrue(found.wait(20.0))
        self.assertFalse(found.is_running())
        found.signal(SIGTERM)
        self.assertEqual(Leftover(child.pid, False), find(self.path))
        State(pid=child.pid, addresses=(), drain=1.0).save(self.path)
        found.clean_up()
        self.assertEqual([], os.listdir(self.directory))

    def test_end(self) -> None:
        """
        It gets the signal and is waited for; one that was killed is cleaned up after.
        """
        self.check_end()

    def test_end_without_handles(self) -> None:
        """
        So it is where processes have nothing but numbers, and where nobody sees what
        they have open.
        """
        self.patch(daemon, "_open_handle", lambda pid: None)
        self.check_end()

    def test_unseen(self) -> None:
        """
        Where nobody sees what they have open, the file beside has to name it, too.
        """
        child = self.hold()
        self.patch(daemon, "_PROC", self.directory / "none")
        self.assertRaises(NotOurs, find, self.path)
        State(pid=child.pid, addresses=(), drain=1.0).save(self.path)
        self.assertEqual(child.pid, self.found().pid)

    def test_never_another(self) -> None:
        """
        If the number means another process by then, nothing is signalled.
        """
        self.hold()
        other = self.spawn()
        found = self.found()
        found.pid = other.pid
        self.assertRaises(NotOurs, found.signal, SIGTERM)
        self.assertIsNone(other.poll())

    def test_successor(self) -> None:
        """
        The files of one that came after are not cleaned up.
        """
        child = self.hold()
        found = self.found()
        child.kill()
        child.wait()
        self.path.unlink()
        self.hold()
        found.clean_up()
        self.assertTrue(self.path.exists())


class PidFileTests(DaemonTestCase):
    def test_acquire(self) -> None:
        """
        It holds the number, and nothing lies beside it; in the end it is gone.
        """
        pid_file = self.acquire()
        self.assertEqual(f"{os.getpid()}\n", self.path.read_text())
        self.assertEqual(["p.pid"], os.listdir(self.directory))
        State(pid=os.getpid(), addresses=(), drain=1.0).save(self.path)
        pid_file.remove()
        self.assertEqual([], os.listdir(self.directory))

    def test_replaced(self) -> None:
        """
        What was left over is replaced, and told.
        """
        for pid, alive in ((self.spawn().pid, True), (self.dead_pid(), False)):
            self.path.write_text(f"{pid}")
            pid_file = PidFile(self.path)
            self.assertEqual(Leftover(pid, alive), pid_file.acquire())
            self.assertEqual(os.getpid(), self.found().pid)
            pid_file.remove()
            assert pid_file._fd is not None
            os.close(pid_file._fd)

    def test_refused(self) -> None:
        """
        Whatever is in use, or cannot be told, stays as it is.
        """

        def garbage() -> None:
            self.path.write_bytes(b"garbage")

        def locked() -> None:
            self.path.write_text(f"{self.spawn().pid}")
            self.lock()

        cases: list[tuple[Callable[[], object], type[ProxypypiError]]] = [
            (garbage, BadPidFile),
            (locked, NotOurs),
            (self.acquire, AlreadyRunning),
        ]
        for prepare, error in cases:
            self.path.unlink(missing_ok=True)
            prepare()
            before = self.path.read_bytes()
            self.assertRaises(error, PidFile(self.path).acquire)
            self.assertEqual(before, self.path.read_bytes())
            self.assertEqual(["p.pid"], os.listdir(self.directory))

    def test_somebody_looks(self) -> None:
        """
        One who only looks does not keep a daemon from starting.
        """
        self.path.write_text(f"{self.dead_pid()}")
        fd = os.open(self.path, os.O_RDONLY)
        fcntl.flock(fd, fcntl.LOCK_SH)
        looks = []

        def look_away(seconds: float) -> None:
            looks.append(seconds)
            fcntl.flock(fd, fcntl.LOCK_UN)

        self.patch(time, "sleep", look_away)
        with closing(os.fdopen(fd)):
            self.assertIsNotNone(PidFile(self.path).acquire())
        self.assertEqual(1, len(looks))

    def test_removed_by_others(self) -> None:
        """
        A file that is not ours any more is left alone.
        """
        pid_file = self.acquire()
        self.path.unlink()
        self.path.write_text("1")
        pid_file.remove()
        self.assertEqual("1", self.path.read_text())

    def test_no_directory(self) -> None:
        """
        Where it cannot be, that is an error.
        """
        pid_file = PidFile(self.directory / "missing" / "p.pid")
        self.assertRaises(FileNotFoundError, pid_file.acquire)


class StateTests(DaemonTestCase):
    def test_round_trip(self) -> None:
        """
        What is written is read, by whoever asks for the same process.
        """
        state = State(pid=7, addresses=("http://a:1", "unix:/b"), drain=0.5)
        state.save(self.path)
        self.assertEqual(["p.pid.json"], os.listdir(self.directory))
        self.assertEqual(state, State.load(self.path, 7))
        self.assertIsNone(State.load(self.path, 8))

    def test_damaged(self) -> None:
        """
        What is missing or damaged is not known.
        """
        self.assertIsNone(State.load(self.path, 7))
        for content in ("", "[]", "{}", '{"pid": 7}', '{"pid": []}', "7", "\0"):
            (self.directory / "p.pid.json").write_text(content)
            self.assertIsNone(State.load(self.path, 7), content)


class DetachTests(DaemonTestCase):
    def detach(self, body: str) -> tuple[str, str]:
        """
        Run *body* in the background of a process of its own, and wait for the end of
        both.

        :returns: what went to stdout, which is the file, too, and to stderr.
        """
        source = f"""
import os, sys
from proxypypi.daemon import detach
def run(started):
    {body}
print(detach(run, os.dup(1)) is not None)
"""
        args = [sys.executable, "-c", source]
        done = subprocess.run(args, capture_output=True, timeout=60, check=True)
        return done.stdout.decode(), done.stderr.decode()

    def test_started(self) -> None:
        """
        One that says that it has started has. Its errors come to the caller until then,
        and go to the file after that, with all else that it prints.
        """
        body = (
            "os.write(1, b'1'); os.write(2, b'2'); started(); "
            "os.write(1, b'3'); os.write(2, b'4')"
        )
        out, err = self.detach(body)
        self.assertEqual("2", err)
        self.assertEqual("134", "".join(filter(str.isdigit, out)))
        self.assertIn("True\n", out)

    def test_failed(self) -> None:
        """
        One that ends before has not, and its reason is on the caller's stderr.
        """
        for body, reason in (
            ("sys.exit(0)", ""),
            ("sys.stderr.write('reason'); sys.exit(1)", "reason"),
            ("raise ValueError('reason')", "ValueError: reason"),
            ("os.kill(os.getpid(), 9)", ""),
        ):
            out, err = self.detach(body)
            self.assertEqual("False\n", out, body)
            self.assertIn(reason, err)
            self.assertEqual(not reason, not err, body)


class SightTests(DaemonTestCase):
    def test_seen(self) -> None:
        """
        A file that we have open is seen, one that we have not is not.
        """
        if not Path("/proc/self/fd").is_dir():
            raise SkipTest("this system does not show what a process has open")
        path = Path(self.mktemp())
        path.touch()
        fd = os.open(path, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        self.assertIs(True, daemon._has_open(os.getpid(), fd))
        self.assertIs(False, daemon._has_open(self.spawn().pid, fd))
        self.assertIs(False, daemon._has_open(self.dead_pid(), fd))
