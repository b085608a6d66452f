"""
Names: those that are ours alone, those that are refused, those that others have too.
"""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from proxypypi.cache.health import Health
from proxypypi.errors import NameDenied
from proxypypi.interfaces import IClaims
from proxypypi.names import NormalizedName
from proxypypi.store.changes import Changes


@define(eq=False)
class PrivateNames:
    """
    Decides of which projects no upstream may ever hear.

    :ivar _globs: of names that are private.
    :ivar _denied: globs of names that are refused.
    """

    _log: ClassVar[Logger] = Logger()

    _globs: Sequence[str]
    _denied: Sequence[str]
    _claims: IClaims
    _health: Health
    _changes: Changes
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _shared: set[NormalizedName] = field(factory=set, init=False)

    def is_denied(self, name: NormalizedName) -> bool:
        return _matching(name, self._denied) is not None

    def check(self, name: NormalizedName) -> None:
        """
        :raises NameDenied: the project is refused.
        """
        glob = _matching(name, self._denied)
        if glob is not None:
            raise NameDenied(project=name, glob=glob)

    def is_secret(self, name: NormalizedName) -> bool:
        """
        Must no upstream be asked about this project?
        """
        if _matching(name, (*self._globs, *self._denied)) is not None:
            return True
        try:
            claimed = self._claims.is_claimed(name)
        except OSError as e:
            reason = e.strerror or str(e)
            self._health.worsen("claims", f"claims cannot be read: {reason}")
            return True
        self._health.mend("claims")
        return claimed

    async def claim(self, name: NormalizedName) -> None:
        """
        There are private files of a project, and every upstream says it has none.
        """
        made: list[bool] = []

        def claim() -> None:
            now, reason = self._clock.seconds(), "no upstream has it"
            made.append(self._claims.claim(name, now, reason))

        await self._health.keeping(f"the claim of {name}", self._in_thread, claim)
        if any(made):
            self._changes.changed(name)
            self._log.info(
                "{name} is claimed: it has private files, and no upstream has it; "
                "none is asked about it any more",
                name=name,
            )

    def note_shared(self, name: NormalizedName, index: str) -> None:
        """
        There are private files of a project that an upstream has, too.
        """
        if name not in self._shared:
            self._log.warn(
                "{name} has private files, and is at {index}, too: files of both are "
                "listed, and anybody may own it there; claim it to list yours alone",
                name=name,
                index=index,
            )
        self._shared.add(name)


def _matching(name: NormalizedName, globs: Sequence[str]) -> str | None:
    return next((glob for glob in globs if fnmatchcase(name, glob)), None)
