"""
Where the bytes for a client come from.
"""

import os
from collections.abc import Callable
from typing import Protocol

from attrs import define, field
from zope.interface import implementer

from proxypypi.errors import JustGone, NoSuchFile, StillFetching
from proxypypi.interfaces import IBody, IByteSource
from proxypypi.model import LocalFile

NOTHING_LATEST = (0, b"")


@implementer(IByteSource)
@define(eq=False)
class WholeFile:
    """
    A file that is here.
    """

    fd: int
    size: int
    latest: tuple[int, bytes] = field(default=NOTHING_LATEST, init=False)
    ended: bool = field(default=True, init=False)
    failed: bool = field(default=False, init=False)
    overflowed: bool = field(default=False, init=False)

    @property
    def released(self) -> int:
        return self.size

    def rest(self) -> IBody:
        raise NotImplementedError("there is none")

    def watch(self, changed: Callable[[], None]) -> None:
        """
        Nothing will change.
        """

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def open_here(file: LocalFile) -> WholeFile:
    """
    :raises JustGone: it has been removed meanwhile.
    :raises NoSuchFile: it cannot be read.
    :raises StillFetching: another has taken its place, which is not known yet.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # or a FIFO would block
    try:
        fd = os.open(file.path, flags)
    except FileNotFoundError as e:
        raise JustGone(what=file.filename) from e
    except OSError as e:
        raise NoSuchFile(filename=file.filename) from e
    status = os.fstat(fd)
    found_now = (status.st_size, status.st_ino, status.st_mtime_ns)
    if found_now != (file.size, file.inode, file.modified_at):
        os.close(fd)
        raise StillFetching(what=f"the new {file.filename}")
    return WholeFile(fd, file.size)


@implementer(IByteSource)
@define(eq=False)
class Unkept:
    """
    A file of which nothing will ever be here.

    :ivar _stream: all of it, from the first byte.
    """

    _stream: IBody | None
    size: int | None
    fd: int = field(default=-1, init=False)
    latest: tuple[int, bytes] = field(default=NOTHING_LATEST, init=False)
    released: int = field(default=0, init=False)
    ended: bool = field(default=True, init=False)
    failed: bool = field(default=False, init=False)
    overflowed: bool = field(default=True, init=False)

    def watch(self, changed: Callable[[], None]) -> None:
        """
        Nothing will change.
        """

    def rest(self) -> IBody:
        assert self._stream is not None, "asked for twice, or after the end"
        stream, self._stream = self._stream, None
        return stream

    def close(self) -> None:
        if self._stream is not None:
            self.rest().abandon()


class Growing(Protocol):
    """
    A file that is being fetched, as its followers see it.
    """

    size: int | None
    released: int
    ended: bool
    failed: bool
    overflowed: bool
    latest: tuple[int, bytes]

    @property
    def fd(self) -> int: ...

    def rest(self) -> IBody: ...

    def leave(self, follower: "Follower") -> None: ...


@implementer(IByteSource)
@define(eq=False)
class Follower:
    """
    One client's view of a file that is being fetched, or has just been.
    """

    _growing: Growing
    _open: bool = field(default=True, init=False)
    _changed: Callable[[], None] | None = field(default=None, init=False)

    @property
    def fd(self) -> int:
        return self._growing.fd

    @property
    def size(self) -> int | None:
        return self._growing.size

    @property
    def released(self) -> int:
        return self._growing.released

    @property
    def ended(self) -> bool:
        return self._growing.ended

    @property
    def failed(self) -> bool:
        return self._growing.failed

    @property
    def overflowed(self) -> bool:
        return self._growing.overflowed

    @property
    def latest(self) -> tuple[int, bytes]:
        return self._growing.latest

    def rest(self) -> IBody:
        return self._growing.rest()

    def watch(self, changed: Callable[[], None]) -> None:
        self._changed = changed

    def tell(self) -> None:
        if self._changed is not None:
            self._changed()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._changed = None
            self._growing.leave(self)
