"""
Files that are being fetched, until they are whole.
"""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from proxypypi.interfaces import IPartial, IPartialStore
from proxypypi.model import Fate, Fetching, LocalFile
from proxypypi.names import NormalizedName, is_distribution
from proxypypi.store.files import sync_directory
from proxypypi.store.locked import is_held, is_named, open_locked, open_new
from proxypypi.store.publishing import check_folder, give_name, local_file
from proxypypi.store.room import check_room

_PIECE = 1024 * 1024  # bytes

# In the mode of a file that has no name any more, and no other use for it: whoever has
# it open is told by that why it was removed.
_UNKEPT = stat.S_IXUSR


@implementer(IPartial)
@define(eq=False)
class Partial:
    """
    A file beside the directory's files, on the same volume.

    The kernel's lock says that somebody works on it, so that one left by a crash is
    free. Other processes follow its growth; when the lock is free, what names the file
    has tells them what it has come to.
    """

    fd: int
    size: int
    is_ours: bool
    _path: Path
    _destination: Path
    _in_thread: Callable[..., "Deferred[Any]"]

    def look(self) -> Fate:
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fate = Fate.GROWING
        else:
            fate = self._take_up()
        self.size = os.fstat(self.fd).st_size
        return fate

    def _take_up(self) -> Fate:
        """
        Whoever had it has let go of it, for good or because it is no more.
        """
        try:
            if is_named(self.fd, self._destination):
                self._remove()
                return Fate.PUBLISHED
            if not is_named(self.fd, self._path):
                unkept = os.fstat(self.fd).st_mode & _UNKEPT
                return Fate.UNKEPT if unkept else Fate.LOST
            os.lseek(self.fd, 0, os.SEEK_END)
            self.is_ours = True
            return Fate.LEFT
        finally:
            if not self.is_ours:
                fcntl.flock(self.fd, fcntl.LOCK_UN)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self.fd, view) :]

    def restart(self) -> None:
        fd = open_new(self._path)
        os.close(self.fd)
        self.fd, self.size = fd, 0

    def publish(self) -> "Deferred[LocalFile | None]":
        return self._in_thread(self._publish)

    def _publish(self) -> LocalFile | None:
        os.fsync(self.fd)
        self._destination.parent.mkdir(exist_ok=True)
        try:
            try:
                give_name(self._path, self._destination)
            except FileNotFoundError:  # somebody emptied the cache meanwhile
                self._copy()
        except FileExistsError:
            return None
        finally:
            self._remove()
        sync_directory(self._destination.parent)
        return local_file(self._destination)

    def _copy(self) -> None:
        """
        Publish what has lost its name: the same bytes, under a new one.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path, "xb") as copy:
            offset = 0
            while data := os.pread(self.fd, _PIECE, offset):
                copy.write(data)
                offset += len(data)
            copy.flush()
            os.fsync(copy.fileno())
        try:
            give_name(self._path, self._destination)
        finally:
            self._path.unlink(missing_ok=True)

    def discard(self) -> None:
        if self.is_ours:
            self._remove()
            self.release()

    def give_up(self) -> None:
        if self.is_ours:
            self._remove()
            with suppress(OSError):  # then they take it for lost
                if not os.fstat(self.fd).st_nlink:  # and not published after all
                    os.fchmod(self.fd, stat.S_IRUSR | _UNKEPT)
            self.release()

    def release(self) -> None:
        if self.is_ours:
            self.is_ours = False
            fcntl.flock(self.fd, fcntl.LOCK_UN)

    def _remove(self) -> None:
        with suppress(OSError):  # the disk may be what is wrong
            if is_named(self.fd, self._path):
                os.unlink(self._path)

    def close(self) -> None:
        self.release()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


@implementer(IPartialStore)
@define(eq=False)
class PartialStore:
    """
    :ivar _partials: where unfinished files lie.
    :ivar _directory: where finished ones go, each under its project's name.
    :ivar _min_free: bytes of the volume that they must leave free, 0 for none;
        :obj:`None` for :func:`proxypypi.store.room.usual`.
    """

    _partials: Path
    _directory: Path
    _in_thread: Callable[..., "Deferred[Any]"]
    _min_free: int | None = 0

    def check_room(self, size: int) -> "Deferred[None]":
        if self._min_free == 0:
            return succeed(None)
        return self._in_thread(check_room, self._directory, size, self._min_free)

    def open(self, name: NormalizedName, filename: str, tag: str) -> Partial:
        check_folder(self._directory / name, self._directory)
        path = self._partials / name / f"{filename}.{tag}"
        path.parent.mkdir(parents=True, exist_ok=True)
        fd, is_ours = _open(path)
        return Partial(
            fd=fd,
            size=os.lseek(fd, 0, os.SEEK_END),
            is_ours=is_ours,
            path=path,
            destination=self._directory / name / filename,
            in_thread=self._in_thread,
        )

    def is_there(self, name: NormalizedName, filename: str) -> bool:
        path = self._directory / name / filename
        return is_distribution(filename) and path.is_file() and not path.is_symlink()

    def under_way(self) -> Iterator[Fetching]:
        """
        What is being fetched, by whichever process. Blocks.
        """
        for project in _names_in(self._partials):
            for name in _names_in(self._partials / project):
                path = self._partials / project / name
                with suppress(OSError):  # it has just gone, or is no file
                    if name[0] != "." and is_held(path):
                        filename = name.rpartition(".")[0]
                        got = path.stat().st_size
                        yield Fetching(project=project, filename=filename, got=got)

    def sweep(self, older_than: float) -> int:
        """
        Remove what crashes left behind and nobody took up again. Blocks.

        :param older_than: POSIX seconds; younger ones are left for their next attempt.
        :returns: how many were removed.
        """
        removed = 0
        for path, _ in self.left_over(older_than):
            with suppress(OSError):
                path.unlink()
                removed += 1
        return removed

    def left_over(self, older_than: float) -> Iterator[tuple[Path, int]]:
        """
        What :meth:`sweep` removes. Blocks.

        :returns: where each is, and its size in bytes; it is ours until the next.
        """
        for path in sorted(self._partials.glob("*/*")):
            with suppress(OSError):  # it is held, went, or is no file
                if path.stat().st_mtime < older_than:
                    fd = open_locked(path)
                    try:
                        yield path, os.fstat(fd).st_size
                    finally:
                        os.close(fd)


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # it is none, or there is none
        return []


def _open(path: Path) -> tuple[int, bool]:
    """
    :returns: a descriptor, and whether it is locked by it.
    """
    while True:
        try:
            return open_locked(path), True
        except BlockingIOError:
            with suppress(FileNotFoundError):  # it is another's no longer
                return os.open(path, os.O_RDWR | os.O_CLOEXEC), False
