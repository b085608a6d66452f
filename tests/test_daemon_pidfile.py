"""
Tests for :mod:`proxypypi.daemon.pidfile`.
"""

import errno
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from signal import SIGTERM

from proxypypi.daemon import processes
from proxypypi.daemon.pidfile import Daemon, Leftover, PidFile, find
from proxypypi.daemon.state import State
from proxypypi.errors import AlreadyRunning, BadPidFile, NotOurs, ProxypypiError
from tests.daemon_case import DaemonTestCase

GARBAGE = (b"", b"\n", b"garbage\n", b"-1", b"0", b"12 34", b"1.5", b"\xff", b"9" * 20)


class PidFileTestCase(DaemonTestCase):
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


class FindTests(PidFileTestCase):
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
        A directory is no pid file, nor is a pipe, for which nobody waits.
        """
        error = self.assertRaises(IsADirectoryError, find, self.directory)
        self.assertEqual(str(self.directory), error.filename)
        os.mkfifo(self.path)
        self.assertRaises(BadPidFile, find, self.path)


class SignalTests(PidFileTestCase):
    def hold(self) -> "subprocess.Popen[bytes]":
        """
        A process that has the pid file.
        """
        source = (
            "import sys; from pathlib import Path\n"
            "from proxypypi.daemon.pidfile import PidFile\n"
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
        self.patch(processes, "open_handle", lambda pid: None)
        self.check_end()

    def test_unseen(self) -> None:
        """
        Where nobody sees what they have open, the file beside has to name it, too.
        """
        child = self.hold()
        self.patch(processes, "_PROC", self.directory / "none")
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


class PidFileTests(PidFileTestCase):
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

    def test_adopted(self) -> None:
        """
        One that others have written can be locked, while somebody looks, too, but not
        while somebody has it.
        """
        self.path.write_text(f"{os.getpid()}")
        fd = os.open(self.path, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        fcntl.flock(fd, fcntl.LOCK_SH)
        looks: list[float] = []
        self.patch(time, "sleep", looks.append)
        error = self.assertRaises(BlockingIOError, PidFile(self.path).adopt)
        self.assertEqual(str(self.path), error.filename)
        self.assertEqual(100, len(looks))
        self.patch(time, "sleep", lambda _: fcntl.flock(fd, fcntl.LOCK_UN))
        pid_file = PidFile(self.path)
        pid_file.adopt()
        assert pid_file._fd is not None
        self.addCleanup(os.close, pid_file._fd)
        self.assertEqual(os.getpid(), self.found().pid)

    def test_adopted_on_a_volume_without_locks(self) -> None:
        """
        Where it cannot be locked, that is told, and nothing stays open.
        """

        def refuse(fd: int, operation: int) -> None:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        self.path.write_text(f"{os.getpid()}")
        before = len(os.listdir("/dev/fd"))
        self.patch(fcntl, "flock", refuse)
        self.assertRaises(OSError, PidFile(self.path).adopt)
        self.assertEqual(before, len(os.listdir("/dev/fd")))

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
        Where it cannot be, that is an error, which names it.
        """
        path = self.directory / "missing" / "p.pid"
        error = self.assertRaises(FileNotFoundError, PidFile(path).acquire)
        self.assertEqual(str(path), error.filename)
