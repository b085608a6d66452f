"""
What the server does, for those who want to know.

Most of what that takes is loaded when the first of them asks: it is of use to few, and
a server that nobody looks at need not have the memory for it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.web.server import Request

if TYPE_CHECKING:
    from proxypypi.cache.lookout import Lookout
    from proxypypi.web.ui.listeners import Listeners


@define(eq=False)
class Board:
    """
    :ivar _build: makes what all of it is known from.
    """

    _build: "Callable[[], Lookout]"
    _clock: IReactorTime
    _lookout: "Lookout | None" = field(default=None, init=False)
    _listeners: "Listeners | None" = field(default=None, init=False)
    _over: bool = field(default=False, init=False)

    async def report(self) -> tuple[str, str]:
        """
        :returns: HTML: in a word whether all is well, and all the rest.
        """
        from proxypypi.web.ui.report import health, report

        overview = await self._look_out().look()
        return health(overview), report(overview)

    async def serve(self, request: Request, as_page: bool) -> None:
        """
        Tell somebody what goes on, until they leave or have to.

        :param as_page: in HTML, as the home page has it.
        :raises TooManyListeners: there is no place for another.
        """
        from proxypypi.web.ui.listeners import Listeners, as_html, as_json

        if self._listeners is None:
            self._listeners = Listeners(self._look_out(), self._clock)
        if self._over:
            self._listeners.end()
        await self._listeners.serve(request, as_html if as_page else as_json)

    def end(self) -> None:
        """
        All who listen have to leave, and who comes is told once: another server has
        more to tell.
        """
        self._over = True
        if self._listeners is not None:
            self._listeners.end()

    def _look_out(self) -> "Lookout":
        if self._lookout is None:
            self._lookout = self._build()
        return self._lookout
