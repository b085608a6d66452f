"""
How counts have grown in the last minutes.
"""

from collections import deque
from collections.abc import Collection, Mapping

from attrs import define, field

from proxypypi.events import Key

_EVERY = 60.0  # seconds between samples
_FOR = 10  # samples


@define(eq=False)
class Lately:
    """
    Remembers what some of them were each minute, for ten minutes.

    :ivar _names: of the metrics that it is known of.
    """

    _names: Collection[str]
    _noted_at: float = field(default=float("-inf"), init=False)
    _samples: deque[Mapping[Key, int]] = field(
        factory=lambda: deque(maxlen=_FOR), init=False
    )

    def note(self, now: float, totals: Mapping[Key, int]) -> None:
        """
        :param now: POSIX seconds.
        :param totals: all counts.
        """
        if now - self._noted_at >= _EVERY:
            self._noted_at = now
            self._samples.append(
                {key: n for key, n in totals.items() if key[0] in self._names}
            )

    def growth(self, totals: Mapping[Key, int]) -> Mapping[Key, int]:
        """
        :returns: by how much each has grown in the last ten minutes, or since the
            start, but for those that have not.
        """
        before = self._samples[0] if self._samples else {}
        grown = {key: n - before.get(key, 0) for key, n in totals.items()}
        return {k: n for k, n in grown.items() if n > 0 and k[0] in self._names}
