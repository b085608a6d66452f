"""
What we know of projects, and whether that is what all processes of the server know.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

from proxypypi.names import NormalizedName
from proxypypi.store.generations import Generations


@define(eq=False)
class Changes:
    """
    Tells changes that others made from our own, of which our memory knows already.

    :ivar _seen: by slot, the number that we know, and the epoch it is of.
    """

    _generations: Generations
    _seen: dict[int, tuple[int, int]] = field(factory=dict, init=False)

    @classmethod
    def alone(cls) -> "Changes":
        """
        Those of a server of one process.
        """
        return cls(Generations.alone())

    def epoch(self, name: NormalizedName) -> int:
        """
        A number that becomes another one when somebody else has changed something.

        What was loaded is good for the epoch that was before it was looked for.
        """
        slot = self._generations.slot(name)
        return self._epoch(slot, self._generations.at(slot))

    def changed(self, name: NormalizedName) -> None:
        """
        We changed something of this project, and it is there for everybody to see.
        """
        with self.changing(name):
            pass

    @contextmanager
    def changing(self, name: NormalizedName) -> Iterator[None]:
        """
        A context in which we change something of this project, in memory and on disk.

        If others do so, too, what is in memory is no longer good: it may have been
        loaded in between, and theirs may have come after ours.
        """
        since = self.epoch(name)
        try:
            yield
        finally:
            slot = self._generations.slot(name)
            before, after = self._generations.replace(name)
            epoch = self._epoch(slot, before)
            self._seen[slot] = (after, epoch if epoch == since else epoch + 1)

    def others_changed(self, name: NormalizedName) -> None:
        """
        Something of this project changed on disk, and it was none of us who did that.
        """
        self._generations.bump(name)

    def _epoch(self, slot: int, number: int) -> int:
        known, epoch = self._seen.get(slot, (number, 0))
        if known != number:
            epoch += 1
        self._seen[slot] = (number, epoch)
        return epoch
