"""
What is wrong in the directory, and how it is put right. Blocks.
"""

import os
from collections.abc import Callable
from pathlib import Path

from attrs import field, frozen

from proxypypi.model import Finding, LocalFile
from proxypypi.names import NormalizedName
from proxypypi.store.files import sync_directory
from proxypypi.store.locked import open_locked
from proxypypi.store.publishing import local_file


@frozen(kw_only=True)
class Fault:
    """
    Something that is wrong, or that somebody should know.

    :ivar project: whose it is; :obj:`None` if it is no project's.
    :ivar mend: puts it right, and tells whether that was still to be done; raises
        :exc:`OSError` if it cannot. :obj:`None` if people have to.
    """

    finding: Finding
    project: NormalizedName | None = None
    mend: Callable[[], bool] | None = field(default=None, repr=False)


def remove_unchanged(file: LocalFile) -> bool:
    """
    Remove a file that was looked at, unless there is another one in its place by now,
    or none.

    :raises OSError: it stays.
    """
    path = Path(file.path)
    try:
        if local_file(path) != file:
            return False
        os.unlink(path)
    except FileNotFoundError:
        return False
    sync_directory(path.parent)
    return True


def remove_unheld(path: Path) -> bool:
    """
    Remove an unfinished file, unless a process has it.

    :raises OSError: it stays.
    """
    try:
        fd = open_locked(path)
    except BlockingIOError:
        return False
    try:
        os.unlink(path)
    finally:
        os.close(fd)
    return True
