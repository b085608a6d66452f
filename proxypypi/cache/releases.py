"""
Files that people set free, which would not be given out otherwise.
"""

from collections.abc import Hashable, Mapping
from types import MappingProxyType

from attrs import define, field

from proxypypi.cache.bounded import Bounded
from proxypypi.cache.health import Health
from proxypypi.errors import DamagedRecord
from proxypypi.interfaces import IReleases
from proxypypi.model import Release
from proxypypi.names import NormalizedName

_MOST = 10_000  # projects whose releases are held in memory
_NONE: Mapping[str, Release] = MappingProxyType({})


@define(eq=False)
class ReleaseCache:
    """
    Reads releases again when they have changed on disk.
    """

    _store: IReleases
    _health: Health
    _known: Bounded[NormalizedName, tuple[Hashable, Mapping[str, Release]]] = field(
        factory=lambda: Bounded(_MOST), init=False
    )

    async def of(self, name: NormalizedName) -> Mapping[str, Release]:
        """
        :returns: by file name; the same object while nothing else is released.
        """
        subject = f"releases of {name}"
        edition = self._store.edition(name)
        if edition is None:
            if self._known.pop(name) is not None:
                self._health.mend(subject)
            return _NONE
        known = self._known.get(name)
        if known is not None and known[0] == edition:
            return known[1]
        released = _NONE
        try:
            released = await self._store.load(name)
        except DamagedRecord as e:
            self._health.worsen(subject, str(e))
        else:
            self._health.mend(subject)
        self._known.put(name, (edition, released))
        return released
