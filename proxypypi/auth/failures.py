"""
Log-ins that fail.
"""

from typing import ClassVar

from attrs import define, field

Key = tuple[str, str]


@define(eq=False)
class Failures:
    """
    The more there were, from one client or for one user, the longer the answer takes.

    :ivar count: of all that there were.
    """

    _MOST: ClassVar[int] = 10_000  # clients and users
    _FIRST: ClassVar[float] = 0.25  # seconds; doubled each time
    _LONGEST: ClassVar[float] = 4.0  # seconds; clients wait for 15
    _FORGOTTEN: ClassVar[float] = 900.0  # seconds after the last

    count: int = field(default=0, init=False)
    _recent: dict[Key, tuple[int, float]] = field(factory=dict, init=False)

    def note(self, client: str, user: str, now: float) -> float:
        """
        One more.

        :returns: how many seconds the answer should be late.
        """
        self.count += 1
        keys = (("client", client), ("user", user))
        worst = max(self._note(key, now) for key in keys)
        doubled: int = 1 << min(worst - 1, 20)
        return min(self._FIRST * doubled, self._LONGEST)

    def _note(self, key: Key, now: float) -> int:
        before, last = self._recent.pop(key, (0, now))
        count = 1 if now - last > self._FORGOTTEN else before + 1
        self._recent[key] = (count, now)
        if len(self._recent) > self._MOST:
            del self._recent[next(iter(self._recent))]
        return count
