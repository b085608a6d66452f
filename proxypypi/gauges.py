"""
How things are in one process, noted for whoever counts.
"""

from collections.abc import Sequence

from attrs import define

from proxypypi.assembly import Proxy
from proxypypi.events import (
    BREAKERS,
    CONNECTIONS,
    DEGRADED,
    DOWNLOADS,
    LOG_INS_WAITING,
)
from proxypypi.upstream.index import Index
from proxypypi.web.connections import ProxySite


@define(eq=False)
class Gauges:
    """
    All that there are.
    """

    _proxy: Proxy
    _site: ProxySite
    _indexes: Sequence[Index]

    def read(self) -> None:
        """
        Note all of them; what was answered again and again is counted by then, too.
        """
        self._site.hot_lines.flush()
        core, note = self._proxy.core, self._proxy.books.counts.set
        note(DEGRADED, value=bool(core.health.trouble))
        note(CONNECTIONS, value=len(self._site.connections))
        note(DOWNLOADS, value=len(core.downloads))
        note(LOG_INS_WAITING, value=self._proxy.accounts.waiting)
        for index in self._indexes:
            note(BREAKERS, index.name, value=index.is_shut)
