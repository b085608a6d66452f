"""
Pages that are asked for anew for the sake of a file: not too often, nor in vain.
"""

from attrs import define, evolve, field, frozen
from twisted.internet.interfaces import IReactorTime

from proxypypi.cache.bounded import Bounded
from proxypypi.cache.shelf import HeldPage
from proxypypi.errors import UpstreamError
from proxypypi.names import NormalizedName

_PAUSE = 10.0  # seconds between two attempts for one project
_MOST = 10_000  # remembered of each kind


@frozen
class _Failed:
    """
    How a refresh of a page went, and when.
    """

    error: UpstreamError
    at: float

    def is_last_word(self, held: HeldPage | None) -> bool:
        """
        Has no other process got the page since?
        """
        return held is None or held.checked_at <= self.at


@define(eq=False)
class Attempts:
    """
    Knows of each project when its page was last asked for anew, and whether the last
    refresh of it, for whatever sake, has failed.
    """

    _clock: IReactorTime
    _begun_at: Bounded[NormalizedName, float] = field(
        factory=lambda: Bounded(_MOST), init=False
    )
    _failed: Bounded[NormalizedName, _Failed] = field(
        factory=lambda: Bounded(_MOST), init=False
    )

    def begin(self, name: NormalizedName, held: HeldPage | None) -> bool:
        """
        The page in hand is not good enough.

        :returns: may it be asked for anew? Then this is an attempt.
        :raises UpstreamError: see :meth:`check`.
        """
        self.check(name, held)
        begun_at = self._begun_at.get(name)
        if begun_at is not None and self._is_recent(begun_at):
            return False
        self._begun_at.put(name, self._clock.seconds())
        return True

    def check(self, name: NormalizedName, held: HeldPage | None) -> None:
        """
        :param held: the page in hand.
        :raises UpstreamError: another could not be had a moment ago.
        """
        failed = self._failed.get(name)
        if failed and self._is_recent(failed.at) and failed.is_last_word(held):
            raise evolve(failed.error)  # another, or its traceback grows

    def again(self, name: NormalizedName) -> None:
        """
        The page is being asked for: how that went before counts no more.
        """
        self._failed.pop(name)

    def failed(self, name: NormalizedName, error: UpstreamError) -> None:
        """
        It was asked for in vain.
        """
        self._failed.put(name, _Failed(evolve(error), self._clock.seconds()))

    def _is_recent(self, at: float) -> bool:
        return 0 <= self._clock.seconds() - at < _PAUSE
