"""
Files get their names in the directory: at once, and never in place of another.
"""

import errno
import os
from pathlib import Path

from proxypypi.model import LocalFile


def check_folder(folder: Path, directory: Path) -> None:
    """
    Can files be published there? Better known before they are fetched than after.

    :raises OSError: it is no folder, not writable, or a link that leads outside.
    """
    try:
        found = folder.resolve(strict=True)
    except FileNotFoundError:
        found = directory
    except RuntimeError as e:
        raise OSError(errno.ELOOP, f"{folder} leads round in circles") from e
    if not found.is_relative_to(directory):
        raise PermissionError(errno.EPERM, f"{folder} leads out of the directory")
    if not found.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"{folder} is no folder")
    if not os.access(found, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, f"{found} is not writable")


def give_name(path: Path, destination: Path) -> None:
    """
    Give a file its name. Unlike a rename, a link never replaces what is there.

    :raises FileExistsError: somebody put a file there meanwhile.
    """
    try:
        os.link(path, destination)
    except FileExistsError:
        raise
    except OSError as e:
        if e.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise
        # A volume without links, where a moment remains between look and rename.
        if os.path.lexists(destination):
            raise FileExistsError(errno.EEXIST, "exists", str(destination)) from e
        os.rename(path, destination)


def local_file(path: Path) -> LocalFile:
    """
    A file as it lies there now.

    :raises OSError: it does not.
    """
    status = os.stat(path)
    return LocalFile(
        filename=path.name,
        path=str(path),
        size=status.st_size,
        modified_at=status.st_mtime_ns,
        inode=status.st_ino,
        changed_at=status.st_ctime_ns,
    )
