"""
Tests for :mod:`proxypypi.store.lock`.
"""

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import DirectoryInUse
from proxypypi.store.lock import DirectoryLock
from tests.leaks import nothing_left_open

HOLD = """
import sys
from pathlib import Path
from proxypypi.store.lock import DirectoryLock
DirectoryLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


class DirectoryLockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.path = self.folder / ".proxypypi" / "lock"

    def lock(self) -> DirectoryLock:
        lock = DirectoryLock(self.path)
        self.addCleanup(lock.release)
        return lock

    def test_one_at_a_time(self) -> None:
        """
        While one has it no other gets it, and is told who has it, and what.
        """
        first, second = self.lock(), self.lock()
        first.acquire()
        with self.assertRaises(DirectoryInUse) as caught:
            second.acquire()
        error = caught.exception
        self.assertEqual(
            (str(self.folder), str(os.getpid())), (error.directory, error.pid)
        )
        self.assertEqual(
            f"another proxypypi (pid {os.getpid()}) already serves {self.folder}",
            str(error),
        )
        self.assertEqual(f"{os.getpid()}\n", self.path.read_text())

    def test_release(self) -> None:
        """
        Released it is free; to release what one does not have does nothing.
        """
        first, second = self.lock(), self.lock()
        first.release()
        first.acquire()
        first.release()
        second.acquire()
        first.release()
        with self.assertRaises(DirectoryInUse):
            first.acquire()

    def test_nobody_said(self) -> None:
        """
        A holder that left no number, or rubbish, is unknown, which is no other error.
        """
        first, second = self.lock(), self.lock()
        first.acquire()
        for content, pid in (
            (b"", "unknown"),
            (b" \n", "unknown"),
            (b"\xff", "\ufffd"),
        ):
            self.path.write_bytes(content)
            with self.assertRaises(DirectoryInUse, msg=repr(content)) as caught:
                second.acquire()
            self.assertEqual(pid, caught.exception.pid)

    def test_nothing_left_open(self) -> None:
        """
        Neither a refusal nor a release leaves a descriptor behind.
        """
        first, second = self.lock(), self.lock()
        with nothing_left_open():
            first.acquire()
            for _ in range(3):
                with self.assertRaises(DirectoryInUse):
                    second.acquire()
            first.release()

    def test_stale_number(self) -> None:
        """
        What an earlier server left, however long, does not matter, and is gone.
        """
        self.path.parent.mkdir(parents=True)
        self.path.write_text("999999999999999\n")
        self.lock().acquire()
        self.assertEqual(f"{os.getpid()}\n", self.path.read_text())

    def test_ends_with_its_process(self) -> None:
        """
        However a server ends, its directory is free.
        """
        with subprocess.Popen(
            [sys.executable, "-c", HOLD, str(self.path.absolute())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parent.parent,
        ) as holder:
            try:
                assert holder.stdout is not None
                self.assertEqual(b"held\n", holder.stdout.readline())
                with self.assertRaises(DirectoryInUse) as caught:
                    self.lock().acquire()
                self.assertEqual(str(holder.pid), caught.exception.pid)
            finally:
                holder.kill()
        self.lock().acquire()

    def test_cannot_be_made(self) -> None:
        """
        Where no file can be made, the error is the system's.
        """
        self.folder.write_bytes(b"")
        with self.assertRaises(OSError):
            self.lock().acquire()
