"""
Digests of what arrives, made by a thread while more does.
"""

from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred

from proxypypi.rules.integrity import Digests

_SHORT = 64 * 1024  # bytes; to hash fewer takes no longer than to tell a thread to
_MOST = 8  # pieces that wait


@define(eq=False)
class Hashing:
    """
    Is handed piece after piece, and has them all hashed when asked for the digests.

    :ivar _in_thread: runs a blocking call; :obj:`None` to hash each piece at once.
    """

    _digests: Digests
    _in_thread: "Callable[..., Deferred[Any]] | None" = None
    _pieces: deque[bytes] = field(factory=deque, init=False)
    _hashes: Lock = field(factory=Lock, init=False)
    _is_busy: bool = field(default=False, init=False)

    def update(self, data: bytes) -> None:
        """
        Waits if what is to be hashed comes quicker than it is, so that little of it
        is in memory.
        """
        self._pieces.append(data)
        if self._is_busy:
            if len(self._pieces) > _MOST:
                self._hash()
        elif self._in_thread is None or len(data) < _SHORT:
            self._hash()
        else:
            self._is_busy = True
            self._in_thread(self._hash).addCallback(self._hashed)

    @property
    def digests(self) -> Digests:
        """
        Those of all pieces so far.
        """
        self._hash()
        return self._digests

    def _hash(self) -> None:
        """
        Whoever comes second waits, and does the rest; also in a thread.
        """
        with self._hashes:
            while self._pieces:
                self._digests.update(self._pieces.popleft())

    def _hashed(self, _: object) -> None:
        self._is_busy = False
        if self._pieces:
            self.update(self._pieces.pop())
