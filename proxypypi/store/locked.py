"""
Files that one process has at a time, and anybody may remove.
"""

import errno
import fcntl
import os
import stat
from pathlib import Path
from secrets import token_hex


def open_locked(path: Path) -> int:
    """
    Open a file, or make it, and lock it by a lock of the kernel's.

    :raises BlockingIOError: another process has it.
    """
    while True:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        fd = os.open(path, flags, 0o644)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "it is no file", str(path))
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between the two, whoever had it before may have removed it.
            if is_named(fd, path):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def open_new(path: Path) -> int:
    """
    Put a new file, which is locked from the start, in the place of one that is ours.
    """
    beside = path.with_name(f".{token_hex(8)}.new")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    fd = os.open(beside, flags, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.rename(beside, path)
    except BaseException:
        os.close(fd)
        os.unlink(beside)
        raise
    return fd


def is_held(path: Path) -> bool:
    """
    Has another process locked the file?

    :raises OSError: that cannot be told.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def is_named(fd: int, path: Path) -> bool:
    """
    Is the open file the one that has this name?
    """
    try:
        named = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    opened = os.fstat(fd)
    return (opened.st_dev, opened.st_ino) == (named.st_dev, named.st_ino)
