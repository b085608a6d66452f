"""
The pid file, from inside and from outside.

Whether a daemon runs is told by a lock of the kernel's on the pid file, never by the
number in it: that may be of a process long dead, or of another program by now.
"""

import errno
import fcntl
import os
import select
import signal
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import ClassVar

from attrs import define, field, frozen

from proxypypi.daemon import processes
from proxypypi.daemon.state import State, beside
from proxypypi.errors import AlreadyRunning, BadPidFile, NotOurs

_PAUSE = 0.02  # seconds between two looks
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_LONGEST = 64  # bytes of a pid file that are read
_LARGEST = 2**31 - 1  # pid, and milliseconds of a wait


@define(eq=False)
class Daemon:
    """
    A process that has a pid file locked, seen from outside.
    """

    pid: int
    _path: Path
    _fd: int
    _handle: int | None

    @property
    def state(self) -> State | None:
        return State.load(self._path, self.pid)

    def is_running(self) -> bool:
        return processes.is_locked(self._fd)

    def signal(self, number: int) -> None:
        """
        Send a signal, if it still runs.

        :raises NotOurs: the number is of another process.
        :raises OSError: we may not.
        """
        if not self.is_running():
            return
        if not self.is_holder():
            if self.is_running():
                raise NotOurs(path=str(self._path), pid=self.pid)
            return
        with suppress(ProcessLookupError):
            if self._handle is not None:
                signal.pidfd_send_signal(self._handle, number)
            else:
                os.kill(self.pid, number)

    def is_holder(self) -> bool:
        """
        Is it the process of that number that has the file locked, as far as we see?
        """
        has_open = processes.has_open(self.pid, self._fd)
        return self.state is not None if has_open is None else has_open

    def wait(self, seconds: float) -> bool:
        """
        Wait for its end.

        :returns: has it ended?
        """
        if self._handle is not None:
            poll = select.poll()
            poll.register(self._handle, select.POLLIN)
            return bool(poll.poll(min(seconds * 1000.0, _LARGEST)))
        for _ in range(int(seconds / _PAUSE)):
            if not self.is_running():
                return True
            time.sleep(_PAUSE)
        return not self.is_running()

    def clean_up(self) -> None:
        """
        Remove the files of one that had no time to do so itself.
        """
        if not self.is_running() and processes.is_at(self._path, self._fd):
            _remove(self._path)

    def close(self) -> None:
        os.close(self._fd)
        if self._handle is not None:
            os.close(self._handle)


@frozen
class Leftover:
    """
    A pid file that nobody has locked.

    :ivar pid: is dead, or another program's.
    :ivar alive: is there such a process?
    """

    pid: int
    alive: bool

    def __str__(self) -> str:
        if self.alive:
            return f"pid {self.pid} is another program"
        return f"pid {self.pid} is dead"


def find(path: Path) -> "Daemon | Leftover | None":
    """
    Look whether a daemon runs.

    :returns: :obj:`None` if there is no pid file. A daemon has to be closed.
    :raises BadPidFile: there is no number in it.
    :raises NotOurs: it is locked, but not by the process whose number it holds.
    :raises OSError: it cannot be read.
    """
    while True:
        try:
            fd = os.open(path, _READ)
        except FileNotFoundError:
            return None
        try:
            pid = _read_pid(path, fd)
            daemon = Daemon(pid, path, fd, processes.open_handle(pid))
        except BaseException:
            os.close(fd)
            raise
        if daemon.is_running():
            if daemon.is_holder():
                return daemon
            if daemon.is_running():
                daemon.close()
                raise NotOurs(path=str(path), pid=pid)
        with closing(daemon):
            if processes.is_at(path, fd):
                return Leftover(pid, processes.is_alive(pid))


@define(eq=False)
class PidFile:
    """
    The daemon's own pid file, held from its start to its end.
    """

    path: Path
    _fd: int | None = field(default=None, init=False)
    _tries: ClassVar[int] = 100

    def acquire(self) -> Leftover | None:
        """
        Write our pid, and have the file locked until we end, however we end. It is
        never there with less than the whole number in it.

        :returns: whose number was in it.
        :raises AlreadyRunning: another daemon has it.
        :raises BadPidFile: something else is in it; it is left alone.
        :raises NotOurs: a process that it does not name has it locked.
        :raises OSError: it cannot be written.
        """
        mine = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        try:
            self._fd = os.open(mine, flags, 0o644)
        except OSError as e:
            raise OSError(e.errno, e.strerror, str(self.path)) from e
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(self._fd, b"%d\n" % os.getpid())
            for _ in range(self._tries):
                try:
                    os.link(mine, self.path)
                    return None
                except FileExistsError:
                    replaced = self._replace(mine)
                if replaced is not None:
                    return replaced
                time.sleep(_PAUSE)
            raise TimeoutError(
                errno.ETIMEDOUT, "it changes all the time", str(self.path)
            )
        except BaseException:
            os.close(self._fd)
            self._fd = None
            raise
        finally:
            with suppress(FileNotFoundError):
                mine.unlink()

    def adopt(self) -> None:
        """
        Have it locked until we end; somebody else has written our pid into it.

        :raises OSError: it cannot be read, or others look at it all the time.
        """
        fd = os.open(self.path, _READ)
        try:
            for _ in range(self._tries):
                with suppress(BlockingIOError):
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._fd = fd
                    return
                time.sleep(_PAUSE)
            raise BlockingIOError(errno.EAGAIN, "another has it locked", str(self.path))
        finally:
            if self._fd != fd:
                os.close(fd)

    def _replace(self, mine: Path) -> Leftover | None:
        """
        :returns: :obj:`None` if the file that was there has changed meanwhile.
        """
        found = find(self.path)
        if isinstance(found, Daemon):
            with closing(found):
                raise AlreadyRunning(pid=found.pid)
        if found is None:
            return None
        with suppress(FileNotFoundError):
            fd = os.open(self.path, _READ)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if (
                    processes.is_at(self.path, fd)
                    and _read_pid(self.path, fd) == found.pid
                ):
                    mine.replace(self.path)
                    return found
            except BlockingIOError:
                pass  # somebody looks at it, or was faster
            finally:
                os.close(fd)
        return None

    def remove(self) -> None:
        """
        Remove it, and what lies beside it, if they are still ours. It stays locked: we
        have not ended yet.
        """
        if self._fd is not None and processes.is_at(self.path, self._fd):
            _remove(self.path)


def _remove(path: Path) -> None:
    for each in (beside(path), path):
        with suppress(OSError):
            each.unlink()


def _read_pid(path: Path, fd: int) -> int:
    try:
        content = os.read(fd, _LONGEST)
    except OSError as e:  # a directory, perhaps
        raise OSError(e.errno, e.strerror, str(path)) from e
    text = content.strip()
    pid = int(text) if text.isdigit() and len(text) <= 10 else 0
    if not 1 <= pid <= _LARGEST:
        raise BadPidFile(path=str(path), content=content.decode("ascii", "replace"))
    return pid
