"""
Numbers that tell whether anything has changed, for all processes of one server.
"""

import mmap
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

    :ivar _numbers: memory, :data:`SIZE` bytes of it.
    """

    _memory: mmap.mmap
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
        return cls(mmap.mmap(fd, SIZE))

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
        number = self._numbers[self.slot(name)] = _draw(64)
        return number
