"""
When may a page that is held be given out?
"""

from enum import Enum

from attrs import frozen


class Verdict(Enum):
    """
    What may be done with a page that is held.
    """

    FRESH = "give it out"
    AGING = "give it out, and refresh it meanwhile"
    EXPIRED = "refresh it first; give it out if that fails"


@frozen(kw_only=True)
class Freshness:
    """
    How long project pages hold.

    :ivar max_age: seconds a page is fresh after its index last confirmed it.
    :ivar while_refreshing: seconds beyond that in which nobody waits for the refresh
        (``stale-while-revalidate``, :rfc:`5861`).
    """

    max_age: float
    while_refreshing: float = 300.0

    def judge(self, checked_at: float, now: float) -> Verdict:
        """
        A page confirmed in the future, by a clock that was wrong, is expired.
        """
        age = now - checked_at
        if 0 <= age < self.max_age:
            return Verdict.FRESH
        if 0 <= age < self.max_age + self.while_refreshing:
            return Verdict.AGING
        return Verdict.EXPIRED

    def ttl(self, checked_at: float, now: float) -> float:
        """
        Seconds for which a page stays fresh; negative: since when it no longer is.
        """
        return checked_at + self.max_age - now
