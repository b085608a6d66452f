"""
Where the bytes for a client come from.
"""

import os
from collections.abc import Callable
from typing import Protocol

from attrs import define, field
from zope.interface import implementer

from proxypypi.interfaces import IByteSource


@implementer(IByteSource)
@define(eq=False)
class WholeFile:
    """
    A file that is here.
    """

    fd: int
    size: int
    ended: bool = field(default=True, init=False)
    failed: bool = field(default=False, init=False)

    @property
    def released(self) -> int:
        return self.size

    def watch(self, changed: Callable[[], None]) -> None:
        """
        Nothing will change.
        """

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class Growing(Protocol):
    """
    A file that is being fetched, as its followers see it.
    """

    size: int | None
    released: int
    ended: bool
    failed: bool

    @property
    def fd(self) -> int: ...

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
