"""
What the kernel says of processes, and of the files they hold.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

_PROC = Path("/proc")


def is_locked(fd: int) -> bool:
    """
    Does another process have this open file locked?
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False


def is_at(path: Path, fd: int) -> bool:
    """
    Is it this open file that lies there?
    """
    try:
        return os.path.samestat(os.stat(path), os.fstat(fd))
    except FileNotFoundError:
        return False


def has_open(pid: int, fd: int) -> bool | None:
    """
    Does a process have this open file open, too?

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


def is_alive(pid: int) -> bool:
    """
    Is there such a process, and has it not ended? One that has stays a zombie until its
    parent looks at it, which some never do.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        status = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:  # not every system has it
        return True
    return not status.rpartition(b")")[2].startswith(b" Z")


def open_handle(pid: int) -> int | None:
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
