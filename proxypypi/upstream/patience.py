"""
How long an upstream is waited for.
"""

from collections.abc import Callable
from random import uniform

from attrs import frozen


def about(pause: float) -> float:
    """
    A little more or less, so that not all who were cut off come back at once.
    """
    return pause * uniform(0.75, 1.25)


@frozen(kw_only=True)
class Patience:
    """
    Times in seconds.

    :ivar head: for a response to begin.
    :ivar idle: for the next byte of its body.
    :ivar whole: for all of a page, retries included.
    :ivar list: for all of a project list, which can have megabytes.
    :ivar pauses: before each retry.
    :ivar jitter: changes a pause.
    """

    head: float = 30.0
    idle: float = 10.0
    whole: float = 40.0
    list: float = 180.0
    pauses: tuple[float, ...] = (0.2, 0.8, 3.2)
    jitter: Callable[[float], float] = about
