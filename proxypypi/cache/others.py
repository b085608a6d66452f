"""
Files that other processes fetch, as far as one can see.
"""

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from proxypypi.errors import StillFetching
from proxypypi.interfaces import IPartial
from proxypypi.model import Fate

_LOOK = 0.02  # seconds between looks at how far it has come
_SILENCE = 180.0  # seconds; nobody tries for longer to have one more byte


async def follow(
    partial: IPartial, clock: IReactorTime, what: str, moved: Callable[[], None]
) -> Fate:
    """
    Wait for what becomes of a file.

    :param what: it is.
    :param moved: told when it has grown.
    :returns: not that it is growing.
    :raises StillFetching: it does not grow, and is not left either.
    """
    size, since = -1, clock.seconds()
    while (fate := partial.look()) is Fate.GROWING:
        now = clock.seconds()
        if partial.size != size:
            size, since = partial.size, now
            moved()
        elif now - since >= _SILENCE:
            raise StillFetching(what=what)
        await deferLater(clock, _LOOK)
    return fate
