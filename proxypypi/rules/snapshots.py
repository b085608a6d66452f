"""
Pages as of a moment: which one is meant, and which files there were by then.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from math import inf, nextafter

from attrs import frozen

from proxypypi.errors import BadMoment, BadSettings
from proxypypi.kinds import duration
from proxypypi.model import ProjectPage
from proxypypi.moments import parse_moment
from proxypypi.rules.merge import Held, own_time

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.A)


@frozen
class Moment:
    """
    :ivar seconds: POSIX seconds, or those before now.
    :ivar before_now: does it go on with time?
    """

    seconds: float
    before_now: bool = False

    def at(self, now: float) -> float:
        """
        :returns: POSIX seconds.
        """
        return now - self.seconds if self.before_now else self.seconds

    def comes_to(self, at: float) -> float:
        """
        :param at: POSIX seconds, later than it is now.
        :returns: POSIX seconds at which it is so late; infinite for never.
        """
        return at + self.seconds if self.before_now else inf


def parse_when(text: str) -> Moment:
    """
    :param text: a day, which is meant to its end, a time, or an age with its unit.
    :raises BadMoment: it is none of these.
    """
    try:
        if _DAY.fullmatch(text):
            midnight = parse_moment(f"{text}T00:00:00Z")
            return Moment(nextafter(midnight + 86_400.0, 0.0))
        if text[-1:].isalpha() and text[-1:] not in "zZ":
            return Moment(duration(text), before_now=True)
        return Moment(parse_moment(text))
    except (ValueError, OverflowError, BadSettings) as e:
        raise BadMoment(said=text) from e


def cut(
    at: float, page: ProjectPage | None, held: Iterable[Held]
) -> tuple[float, float]:
    """
    The moments between which it makes no difference which one is meant.

    :param at: POSIX seconds.
    :returns: the last upload until then, and the next one, in POSIX seconds; infinite
        where there is none.
    """
    last, following = -inf, inf
    times = page.upload_times if page is not None else ()
    index = bisect_right(times, at)
    if index:
        last = times[index - 1]
    if index < len(times):
        following = times[index]
    for time in map(own_time, held):
        if time is not None and time <= at:
            last = max(last, time)
        elif time is not None:
            following = min(following, time)
    return last, following
