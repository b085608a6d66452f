"""
What has been counted, for programs that ask again and again.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from proxypypi.cache.books import Books
from proxypypi.cache.flight import patiently

_PATIENCE = 5.0  # seconds; who asks gives up after 10


@define(eq=False)
class Metrics:
    """
    :ivar _upstreams: their names.
    :ivar _directory: that of the cache.
    """

    _books: Books
    _upstreams: Sequence[str]
    _directory: Path
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]

    async def render(self, accept: str) -> tuple[bytes, str]:
        """
        :param accept: what the client takes.
        :returns: also the type that it is of.
        :raises StillFetching: the disk keeps silent.
        """
        totals = await self._books.read()
        pids = self._books.counts.pids()

        def render() -> tuple[bytes, str]:
            # Not before: the library is of use to nobody else.
            from proxypypi.web.exposition import Exposition

            exposition = Exposition(totals, self._upstreams, pids, self._directory)
            return exposition.render(accept)

        rendering: Deferred[tuple[bytes, str]] = self._in_thread(render)
        return await patiently(rendering, self._clock, "metrics", _PATIENCE)
