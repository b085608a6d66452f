"""
What is in memory of projects while nobody else changes anything of them.
"""

from typing import Generic, TypeVar

from attrs import define, field

from proxypypi.cache.bounded import Bounded
from proxypypi.names import NormalizedName
from proxypypi.store.changes import Changes

V = TypeVar("V")


@define(eq=False)
class Known(Generic[V]):
    """
    Forgets what others may have changed since it was loaded.

    :ivar _limit: see :class:`~proxypypi.cache.bounded.Bounded`.
    """

    _changes: Changes
    _limit: int
    _values: Bounded[NormalizedName, tuple[int, V]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._values = Bounded(self._limit)

    def get(self, name: NormalizedName) -> V | None:
        epoch, value = self._values.get(name) or (None, None)
        return value if epoch == self._changes.epoch(name) else None

    def last(self, name: NormalizedName) -> V | None:
        """
        What was known, whatever has changed since.
        """
        known = self._values.get(name)
        return known[1] if known is not None else None

    def put(
        self, name: NormalizedName, value: V, cost: int = 1, epoch: int | None = None
    ) -> None:
        """
        :param epoch: that it is of; :obj:`None` for what is new by our own doing.
        """
        if epoch is None:
            epoch = self._changes.epoch(name)
        self._values.put(name, (epoch, value), cost)

    def pop(self, name: NormalizedName) -> None:
        self._values.pop(name)
