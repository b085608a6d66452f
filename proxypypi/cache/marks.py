"""
What people say of projects and their files: yanked, archived, quarantined.
"""

from collections.abc import Hashable

from attrs import define, field

from proxypypi.cache.bounded import Bounded
from proxypypi.cache.health import Health
from proxypypi.interfaces import IMarks
from proxypypi.model import NO_MARKS, Marks
from proxypypi.names import NormalizedName

_MOST = 10_000  # projects whose marks are held in memory


@define(eq=False)
class MarkCache:
    """
    Reads marks again when they have changed on disk.
    """

    _store: IMarks
    _health: Health
    _known: Bounded[NormalizedName, tuple[Hashable, Marks]] = field(
        factory=lambda: Bounded(_MOST), init=False
    )

    async def of(self, name: NormalizedName) -> Marks:
        """
        :returns: the same object while nothing else is said.
        """
        subject = f"marks of {name}"
        edition = self._store.edition(name)
        if edition is None:
            if self._known.pop(name) is not None:
                self._health.mend(subject)
            return NO_MARKS
        known = self._known.get(name)
        if known is not None and known[0] == edition:
            return known[1]
        marks, trouble = await self._store.load(name)
        self._known.put(name, (edition, marks))
        if trouble:
            self._health.worsen(subject, trouble)
        else:
            self._health.mend(subject)
        return marks
