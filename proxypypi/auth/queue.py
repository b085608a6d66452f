"""
Whose password is checked next.
"""

from collections import deque
from typing import ClassVar

from attrs import define, field
from twisted.internet.defer import Deferred

from proxypypi.errors import TooManyLogIns


@define(eq=False)
class FairQueue:
    """
    Few are checked at a time: each takes a processor and a thread. It is every client's
    turn once before it is anybody's again, so that who tries many passwords keeps only
    its own waiting.
    """

    _AT_ONCE: ClassVar[int] = 2
    _WAITING: ClassVar[int] = 100  # that may wait for their turn

    _free: int = field(default=_AT_ONCE, init=False)
    _count: int = field(default=0, init=False)
    _waiting: "dict[str, deque[Deferred[None]]]" = field(factory=dict, init=False)

    def take(self, client: str) -> "Deferred[None]":
        """
        :param client: the address of who asks.
        :returns: fires when it is its turn, which has to be ended.
        :raises TooManyLogIns: it takes too long, and no other client has more waiting.
        """
        turn: Deferred[None] = Deferred()
        if self._free:
            self._free -= 1
            turn.callback(None)
            return turn
        self._waiting.setdefault(client, deque()).append(turn)
        self._count += 1
        if self._count > self._WAITING:
            self._refuse_one()
        return turn

    def end(self) -> None:
        """
        A turn is over.
        """
        if not self._count:
            self._free += 1
            return
        client = next(iter(self._waiting))
        waiting = self._waiting.pop(client)
        turn = waiting.popleft()
        if waiting:
            self._waiting[client] = waiting  # behind all others
        self._count -= 1
        turn.callback(None)

    def _refuse_one(self) -> None:
        """
        The last of those of the client that has most.
        """
        client = max(self._waiting, key=lambda each: len(self._waiting[each]))
        waiting = self._waiting[client]
        turn = waiting.pop()
        if not waiting:
            del self._waiting[client]
        self._count -= 1
        turn.errback(TooManyLogIns())
