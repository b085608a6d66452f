"""
A file of users, as it is now.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from attrs import define, field
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel

from proxypypi.auth.hashes import HashedPassword
from proxypypi.auth.htpasswd import read_users
from proxypypi.cache.flight import SingleFlight
from proxypypi.cache.health import Health
from proxypypi.errors import BadUsers

_EVERY = 1.0  # seconds between looks whether it has changed
_PATIENCE = 2.0  # seconds for a look

_State = tuple[int, int, int, int]


@define(eq=False)
class UsersFile:
    """
    Is read again when it changes. If it can no longer be used, those who were in it
    before stay; health says so.

    :ivar option: what names it.
    :ivar users: hashed passwords by name.
    :ivar version: grows with every change.
    """

    _log: ClassVar[Logger] = Logger()

    option: str
    path: Path
    _health: Health
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    users: Mapping[str, HashedPassword] = field(factory=dict, init=False)
    version: int = field(default=0, init=False)
    _decoy: HashedPassword | None = field(default=None, init=False)
    _state: _State | None = field(default=None, init=False)
    _trouble: str = field(default="", init=False)
    _looked_at: float | None = field(default=None, init=False)
    _flight: SingleFlight = field(factory=SingleFlight, init=False)

    def load(self) -> None:
        """
        Read it for the first time. Blocks. If it cannot be used, there are no users.
        """
        state = _state_of(self.path)
        self._take(_try_to_read(self.path), state)

    def is_fresh(self, now: float) -> bool:
        """
        Are :attr:`users` those of a second ago or later?
        """
        return self._looked_at is not None and 0 <= now - self._looked_at < _EVERY

    async def look(self) -> None:
        """
        See that they are, unless the disk keeps silent: then they stay as they were.
        """
        if self.is_fresh(self._clock.seconds()):
            return
        looking = self._flight.join("look", self._look)
        try:
            await looking.addTimeout(_PATIENCE, self._clock)
        except TimeoutError:
            trouble = f"--{self.option}: whether it changed cannot be told"
            self._health.worsen(f"--{self.option}, its disk", trouble)

    async def fits(self, name: str, password: bytes) -> bool:
        """
        Is this the password of that user? To find out that there is no such user takes
        as long: another's password, the one that is slowest to check, is tried then. So
        who has one that is hashed in a quicker way than others can be told by that.
        """
        known = self.users.get(name)
        hashed = known or self._decoy
        if hashed is None:
            return False
        fits: bool = await self._in_thread(hashed.fits, password)
        return fits and known is not None

    async def _look(self) -> None:
        now = self._clock.seconds()
        state = await self._in_thread(_state_of, self.path)
        if state != self._state:
            found = await self._in_thread(_try_to_read, self.path)
            self._take(found, state)
        self._looked_at = now
        self._health.mend(f"--{self.option}, its disk")

    def _take(
        self, found: "Mapping[str, HashedPassword] | BadUsers", state: _State | None
    ) -> None:
        was_read = not isinstance(found, BadUsers) or found.line is not None
        self._state = state if was_read else None  # else it is tried again
        if isinstance(found, BadUsers):
            if str(found) != self._trouble:
                self._log.error(
                    "the file of --{option} cannot be used; who was in it before is "
                    "let in: {error}",
                    option=self.option,
                    error=found,
                )
            self._trouble = str(found)
            # Everybody may read what health says; the log has the details.
            trouble = "it cannot be used, see the log"
            self._health.worsen(f"--{self.option}", f"--{self.option}: {trouble}")
            return
        if self.version:
            self._log.emit(
                LogLevel.info if found else LogLevel.warn,
                "the file of --{option} was read again: {count} users",
                option=self.option,
                count=len(found),
            )
        self.users, self._trouble = found, ""
        self.version += 1
        self._decoy = max(found.values(), key=lambda h: h.cost, default=None)
        self._health.mend(f"--{self.option}")


def _state_of(path: Path) -> _State | None:
    """
    What tells that the file has changed; :obj:`None` if there is none.
    """
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _try_to_read(path: Path) -> Mapping[str, HashedPassword] | BadUsers:
    try:
        return read_users(path)
    except BadUsers as e:
        return e
