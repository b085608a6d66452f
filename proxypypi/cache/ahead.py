"""
Wheels that a client will ask for in a moment.
"""

from collections import deque
from collections.abc import Iterable
from typing import ClassVar

from attrs import define, field
from twisted.logger import Logger

from proxypypi import aside
from proxypypi.cache.found import FoundFile
from proxypypi.cache.keeper import Keeper
from proxypypi.errors import ProxypypiError
from proxypypi.names import NormalizedName, is_wheel

Wheel = tuple[NormalizedName, str]

_SMALL = 4 * 1024 * 1024  # bytes; of larger ones, the way there is not what takes long
_AT_ONCE = 8
_MOST_READ = 500  # projects that are remembered of one client
_MOST_WAITING = 1000


@define(eq=False)
class ReadAbout:
    """
    Of which wheels that are not here one client has the core metadata. An installer
    reads the metadata of all that it will need, then asks for one wheel after another.
    """

    _wheels: dict[NormalizedName, str] = field(factory=dict, init=False)

    def note(self, found: FoundFile) -> None:
        """
        The client has the file's metadata. Of one project, it will want the file that
        it looked at last.
        """
        is_small = found.size is not None and found.size <= _SMALL
        if found.held is not None or not is_small or not is_wheel(found.filename):
            return
        if len(self._wheels) < _MOST_READ or found.name in self._wheels:
            self._wheels[found.name] = found.filename

    def take(self, asked: FoundFile) -> list[Wheel]:
        """
        The client asks for a file: all others, which are forgotten then.
        """
        wheels, self._wheels = self._wheels, {}
        wheels.pop(asked.name, None)
        return list(wheels.items())


@define(eq=False)
class Ahead:
    """
    Has wheels here by the time that they are asked for: a few side by side, for what
    takes long is the way there and back, once for each.
    """

    _log: ClassVar[Logger] = Logger()

    _keeper: Keeper
    _waiting: "deque[Wheel]" = field(factory=deque, init=False)
    _running: int = field(default=0, init=False)
    _stopped: bool = field(default=False, init=False)

    def fetch(self, wheels: Iterable[Wheel]) -> None:
        """
        Have these, as far as there is room to remember them.
        """
        room = 0 if self._stopped else _MOST_WAITING - len(self._waiting)
        self._waiting.extend(list(wheels)[:room])
        while self._waiting and self._running < _AT_ONCE:
            self._running += 1
            aside.begin(self._fetch_some(), self._log, "fetching ahead")

    def stop(self) -> None:
        """
        Begin no more of them, ever.
        """
        self._stopped = True
        self._waiting.clear()

    async def _fetch_some(self) -> None:
        try:
            while self._waiting:
                name, filename = self._waiting.popleft()
                try:
                    await self._keeper.keep(name, filename, {})
                except ProxypypiError as e:
                    self._log.info(
                        "{file} was not fetched ahead: {error}", file=filename, error=e
                    )
        finally:
            self._running -= 1
