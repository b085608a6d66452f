"""
A daemon: its pid file, what it leaves beside that, how it is put into the background
and how it is ended.

Whether one runs is told by a lock of the kernel's on the pid file, never by the number
in it: that may be of a process long dead, or of another program by now.
"""

import errno
import fcntl
import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from attrs import asdict, define, field, frozen

from proxypypi.errors import AlreadyRunning, BadPidFile, NotOurs

_PROC = Path("/proc")
_PAUSE = 0.02  # seconds between two looks
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_LONGEST = 64  # bytes of a pid file that are read
_LARGEST = 2**31 - 1  # pid, and milliseconds of a wait


@frozen(kw_only=True)
class State:
    """
    What a daemon leaves beside its pid file.

    :ivar addresses: where it listens, such as ``http://127.0.0.1:8000`` or
        ``unix:/run/p.sock``.
    :ivar drain: seconds it may take to end.
    :ivar stopping: has it begun to?
    """

    pid: int
    addresses: tuple[str, ...]
    drain: float
    stopping: bool = False

    @classmethod
    def load(cls, pid_file: Path, pid: int) -> "State | None":
        """
        :returns: :obj:`None` if it is missing, damaged, or of another daemon.
        """
        try:
            said = json.loads(_beside(pid_file).read_bytes())
            state = cls(
                pid=int(said["pid"]),
                addresses=tuple(map(str, said["addresses"])),
                drain=float(said["drain"]),
                stopping=bool(said["stopping"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return state if state.pid == pid else None

    def save(self, pid_file: Path) -> None:
        """
        Write it; a reader sees the old one or the new one.
        """
        path = _beside(pid_file)
        temporary = path.with_name(f".{path.name}.{self.pid}")
        temporary.write_text(json.dumps({"version": 1} | asdict(self)) + "\n")
        temporary.replace(path)


def _beside(pid_file: Path) -> Path:
    return pid_file.with_name(pid_file.name + ".json")


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
        return _is_locked(self._fd)

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
        has_open = _has_open(self.pid, self._fd)
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
        if not self.is_running() and _is_at(self._path, self._fd):
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
            daemon = Daemon(pid, path, fd, _open_handle(pid))
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
            if _is_at(path, fd):
                return Leftover(pid, _is_alive(pid))


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
        self._fd = os.open(
            mine, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644
        )
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
                if _is_at(self.path, fd) and _read_pid(self.path, fd) == found.pid:
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
        if self._fd is not None and _is_at(self.path, self._fd):
            _remove(self.path)


def _remove(path: Path) -> None:
    for each in (_beside(path), path):
        with suppress(OSError):
            each.unlink()


def _read_pid(path: Path, fd: int) -> int:
    try:
        content = os.pread(fd, _LONGEST, 0)
    except OSError as e:  # a directory, perhaps
        raise OSError(e.errno, e.strerror, str(path)) from e
    text = content.strip()
    pid = int(text) if text.isdigit() and len(text) <= 10 else 0
    if not 1 <= pid <= _LARGEST:
        raise BadPidFile(path=str(path), content=content.decode("ascii", "replace"))
    return pid


def _is_locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False


def _is_at(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(fd))
    except FileNotFoundError:
        return False


def _has_open(pid: int, fd: int) -> bool | None:
    """
    :returns: :obj:`None` if this system, or our lack of rights, does not let us see.
    """
    if not (_PROC / "self" / "fd").is_dir():
        return None
    ours = os.fstat(fd)
    try:
        for entry in os.scandir(_PROC / str(pid) / "fd"):
            with suppress(FileNotFoundError):
                if os.path.samestat(entry.stat(), ours):
                    return True
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:
        return None
    return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _open_handle(pid: int) -> int | None:
    """
    :returns: what goes on to mean this process when its number means another.
    """
    opening: Any = getattr(os, "pidfd_open", None)
    if opening is None:
        return None
    try:
        handle: int = opening(pid)
    except OSError:
        return None  # no such process, or a kernel that does not know of it
    return handle


def detach(run: Callable[[Callable[[], None]], None], out: int) -> int | None:
    """
    Run something in the background, in a session of its own, and wait until it says
    that it has started.

    Until then its errors go to our stderr, and from then on to *out*, as all it prints.

    :param run: is given what to call once it has started. If it ends before that, it
        has failed, and said why.
    :param out: a file descriptor.
    :returns: its pid, or :obj:`None` if it has not started.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _become_daemon(run, out, writing)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return int(said) if said else None


def _become_daemon(
    run: Callable[[Callable[[], None]], None], out: int, writing: int
) -> NoReturn:
    status = 1
    try:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.dup2(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), 0)
        os.dup2(out, 1)

        def started() -> None:
            os.dup2(out, 2)
            os.write(writing, b"%d" % os.getpid())
            os.close(writing)

        run(started)
        status = 0
    except SystemExit as e:
        status = e.code if isinstance(e.code, int) else 1
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                stream.flush()
        os._exit(status)
