"""
What is kept in memory for speed, and may be dropped at any time.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from attrs import define, field

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@define(eq=False)
class Bounded(Generic[K, V]):
    """
    A mapping that drops what was not used for longest.

    :ivar _limit: the most that all its values may cost together, in any unit.
    """

    _limit: int
    _values: "OrderedDict[K, tuple[V, int]]" = field(factory=OrderedDict, init=False)
    _total: int = field(default=0, init=False)

    def get(self, key: K) -> V | None:
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key][0]

    def put(self, key: K, value: V, cost: int = 1) -> None:
        """
        Keep a value; the newest is kept whatever it costs.
        """
        self.pop(key)
        self._values[key] = (value, cost)
        self._total += cost
        while self._total > self._limit and len(self._values) > 1:
            _, (_, dropped) = self._values.popitem(last=False)
            self._total -= dropped

    def pop(self, key: K) -> V | None:
        value, cost = self._values.pop(key, (None, 0))
        self._total -= cost
        return value
