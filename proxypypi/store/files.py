"""
Small files, written whole or not at all.
"""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile


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


def read_if_there(path: Path) -> bytes | None:
    """
    A file's content; :obj:`None` if there is no such file, or a directory.
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def sync_directory(path: Path) -> None:
    """
    Make the names in a directory survive a power cut.
    """
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
