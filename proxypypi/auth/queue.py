"""
Whose password is checked next.
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from proxypypi.errors import TooManyLogIns


@frozen(eq=False)
class _Waiting:
    name: str
    turn: "Deferred[None]"


@define(eq=False)
class FairQueue:
    """
    Few are checked at a time: each takes a processor and a thread. It is every client's
    turn once before it is anybody's again, so that who tries many passwords keeps only
    its own waiting; and of one client's, which may be all that are behind a web server,
    likewise every user's.
    """

    _AT_ONCE: ClassVar[int] = 2
    _WAITING: ClassVar[int] = 100  # that may wait for their turn
    _PATIENCE: ClassVar[float] = 10.0  # seconds; clients wait for 15

    _clock: IReactorTime
    _free: int = field(default=_AT_ONCE, init=False)
    _waiting: dict[str, list[_Waiting]] = field(factory=dict, init=False)

    def __len__(self) -> int:
        """
        How many wait.
        """
        return sum(map(len, self._waiting.values()))

    def take(self, client: str, name: str) -> "Deferred[None]":
        """
        :param client: stands for who asks.
        :param name: of the user that they say they are.
        :returns: fires when it is its turn, which has to be ended.
        :raises TooManyLogIns: it takes too long, or no other client has more waiting.
        """
        if self._free:
            self._free -= 1
            return succeed(None)
        turn: Deferred[None] = Deferred(partial(self._leave, client))
        turn.addTimeout(self._PATIENCE, self._clock, _give_up)
        waiting = self._waiting.setdefault(client, [])
        waiting.insert(_place(waiting, name), _Waiting(name, turn))
        if len(self) > self._WAITING:
            self._refuse_one()
        return turn

    def end(self) -> None:
        """
        A turn is over.
        """
        if not self._waiting:
            self._free += 1
            return
        client = next(iter(self._waiting))
        waiting = self._waiting.pop(client)
        first = waiting.pop(0)
        if waiting:
            self._waiting[client] = waiting  # behind all others
        first.turn.callback(None)

    def _refuse_one(self) -> None:
        """
        The last of those of the client that has most; of several such, of the one whose
        turn is last.
        """
        clients = reversed(self._waiting)
        most = max(clients, key=lambda client: len(self._waiting[client]))
        turn = self._waiting[most][-1].turn
        self._leave(most, turn)
        turn.errback(TooManyLogIns())

    def _leave(self, client: str, turn: "Deferred[None]") -> None:
        left = [each for each in self._waiting[client] if each.turn is not turn]
        if left:
            self._waiting[client] = left
        else:
            del self._waiting[client]


def _place(waiting: Sequence[_Waiting], name: str) -> int:
    """
    Where one of that name comes: behind the first of every other name if it is the
    first of its own, behind the second if it is the second, and so on.
    """
    own = sum(each.name == name for each in waiting)
    before: Counter[str] = Counter()
    for place, each in enumerate(waiting):
        if before[each.name] > own:
            return place
        before[each.name] += 1
    return len(waiting)


def _give_up(_: Any, waited: float) -> Any:
    raise TooManyLogIns(waited=waited)
