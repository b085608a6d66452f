"""
Files that people send, until they are checked.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from proxypypi.interfaces import IUpload, IUploadStore
from proxypypi.model import LocalFile
from proxypypi.names import NormalizedName
from proxypypi.store.files import make_folder, sync_directory
from proxypypi.store.locked import open_locked, open_new
from proxypypi.store.publishing import check_folder, give_name, local_file
from proxypypi.store.room import check_room


@implementer(IUpload)
@define(eq=False)
class Upload:
    """
    A file beside the directory's files, on the same volume. The kernel's lock says that
    it is not one that a crash left behind.
    """

    path: str
    _fd: int
    _directory: Path
    _in_thread: Callable[..., "Deferred[Any]"]

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def sync(self) -> "Deferred[None]":
        return self._in_thread(os.fsync, self._fd)

    def publish(
        self, name: NormalizedName, filename: str
    ) -> "Deferred[LocalFile | None]":
        return self._in_thread(self._publish, name, filename)

    def _publish(self, name: NormalizedName, filename: str) -> LocalFile | None:
        folder = self._directory / name
        check_folder(folder, self._directory)
        make_folder(folder)
        try:
            give_name(Path(self.path), folder / filename)
        except FileExistsError:
            return None
        with suppress(FileNotFoundError):
            os.unlink(self.path)
        sync_directory(folder)
        return local_file(folder / filename)

    def discard(self) -> None:
        if self._fd >= 0:
            with suppress(OSError):
                os.unlink(self.path)
            os.close(self._fd)
            self._fd = -1


@implementer(IUploadStore)
@define(eq=False)
class UploadStore:
    """
    :ivar _uploads: where unfinished files lie.
    :ivar _directory: where they go, each under its project's name.
    :ivar _min_free: as for :class:`proxypypi.store.partials.PartialStore`.
    """

    _uploads: Path
    _directory: Path
    _in_thread: Callable[..., "Deferred[Any]"]
    _min_free: int | None = field(default=0)

    def check_room(self, size: int) -> "Deferred[None]":
        if self._min_free == 0:
            return succeed(None)
        return self._in_thread(check_room, self._directory, size, self._min_free)

    def open(self) -> Upload:
        self._uploads.mkdir(parents=True, exist_ok=True)
        path = self._uploads / f"{token_hex(8)}.part"
        return Upload(str(path), open_new(path), self._directory, self._in_thread)

    def sweep(self) -> int:
        """
        Remove what crashes left behind: nobody will go on with it. Blocks.

        :returns: how many were removed.
        """
        removed = 0
        for path in self._uploads.glob("*.part"):
            with suppress(OSError):  # it is held, or went
                fd = open_locked(path)
                path.unlink()
                os.close(fd)
                removed += 1
        return removed
