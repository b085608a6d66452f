"""
Small files, written whole or not at all.
"""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

_LOCKED_FOR = 1.0  # seconds for which somebody else's change is waited for
_LOOK = 0.01  # seconds between looks whether it is over


def write_atomically(
    path: Path,
    content: bytes,
    *,
    durable: bool = False,
    modified_at: float | None = None,
) -> None:
    """
    Replace a file. A reader sees the old content or the new, never a part of either.

    :param durable: come back only when a power cut would not lose it.
    :param modified_at: POSIX seconds, part of the new content; :obj:`None` for now.
    """
    if durable:
        make_folder(path.parent)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(
        dir=path.parent, prefix=".", suffix=".tmp", delete=False
    ) as beside:
        try:
            beside.write(content)
            beside.flush()
            if modified_at is not None:
                os.utime(beside.fileno(), (modified_at, modified_at))
            if durable:
                os.fsync(beside.fileno())
            os.rename(beside.name, path)
        except BaseException:
            os.unlink(beside.name)
            raise
    if durable:
        sync_directory(path.parent)


def open_file(path: str | Path) -> BinaryIO:
    """
    Open a file for reading, and wait for nobody.

    :raises OSError: it cannot be read, or is none: to open a FIFO in the usual way is
        to wait until somebody writes to it.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        os.close(fd)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise OSError(errno.EINVAL, "it is no file", str(path))
    return open(fd, "rb")


def read_if_there(path: Path) -> bytes | None:
    """
    A file's content; :obj:`None` if there is no such file, or something else.

    :raises OSError: it cannot be read.
    """
    try:
        with open_file(path) as opened:
            return opened.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def edition_of(path: Path) -> Hashable:
    """
    :returns: something else whenever a file was replaced; :obj:`None` if there is none.
    """
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as e:
        return e.errno or -1
    return status.st_mtime_ns, status.st_ino, status.st_size


def make_folder(path: Path) -> None:
    """
    Have a folder there, and those above it, such that a power cut does not take it, and
    with it all that was put into it since.
    """
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """
    Make the names in a directory survive a power cut.
    """
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """
    A context in which nobody else changes records in *folder*. Blocks, for a second at
    most: who takes longer has been stopped in the middle, and what it was about to
    write is worth less than that all others go on. On a volume that knows no such locks
    nobody waits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for _ in range(round(_LOCKED_FOR / _LOOK)):
            if _try_to_lock(fd):
                break
            time.sleep(_LOOK)
        yield
    finally:
        os.close(fd)


def _try_to_lock(fd: int) -> bool:
    """
    :returns: is there nothing to wait for?
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
