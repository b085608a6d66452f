"""
Numbers that tell whether anything has changed, for all processes of one server.
"""

import fcntl
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from random import SystemRandom
from zlib import crc32

from attrs import define, field

from proxypypi.names import NormalizedName

_SLOTS = 4096
_WIDTH = 8  # bytes
SIZE = _SLOTS * _WIDTH  # bytes, of all numbers

_draw = SystemRandom().getrandbits


@define(eq=False)
class Generations:
    """
    A number for each project, which becomes another one with every change of what is
    known of it. Projects may share theirs; then a change of one looks like one of all.

    Numbers are drawn, not counted: two processes that change something at the same
    moment leave one that neither of them, nor anybody else, has seen before.

    :ivar _memory: :data:`SIZE` bytes of it.
    :ivar _fd: of the file that all of them have open; :obj:`None` if we are alone.
    """

    _memory: mmap.mmap
    _fd: int | None = None
    _numbers: memoryview = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._numbers = memoryview(self._memory).cast("Q")

    @classmethod
    def alone(cls) -> "Generations":
        """
        Those of a server of one process.
        """
        return cls(mmap.mmap(-1, SIZE))

    @classmethod
    def shared(cls, fd: int) -> "Generations":
        """
        Those of all processes that have this file open.

        :param fd: of a file of :data:`SIZE` bytes.
        """
        return cls(mmap.mmap(fd, SIZE), os.dup(fd))

    def slot(self, name: NormalizedName) -> int:
        """
        Where a project's number is.
        """
        return crc32(name.encode()) % _SLOTS

    def at(self, slot: int) -> int:
        return self._numbers[slot]

    def of(self, name: NormalizedName) -> int:
        return self._numbers[self.slot(name)]

    def bump(self, name: NormalizedName) -> int:
        """
        Something about this project has changed, and whoever looks can see it.

        :returns: its new number.
        """
        return self.replace(name)[1]

    def replace(self, name: NormalizedName) -> tuple[int, int]:
        """
        As :meth:`bump`.

        :returns: its number until now, and its new one; nobody else's comes between.
        """
        slot = self.slot(name)
        with self._to_ourselves(slot):
            before, after = self._numbers[slot], _draw(64)
            self._numbers[slot] = after
        return before, after

    @contextmanager
    def _to_ourselves(self, slot: int) -> Iterator[None]:
        """
        Others wait, for two assignments. It is a lock of the process, not of the open
        file, which those who inherited it have in common.
        """
        if self._fd is None:
            yield
            return
        fcntl.lockf(self._fd, fcntl.LOCK_EX, _WIDTH, slot * _WIDTH)
        try:
            yield
        finally:
            fcntl.lockf(self._fd, fcntl.LOCK_UN, _WIDTH, slot * _WIDTH)
