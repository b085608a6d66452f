"""
Claims on disk: names that are ours alone.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import msgspec
from attrs import define
from twisted.logger import Logger
from zope.interface import implementer

from proxypypi.interfaces import IClaims
from proxypypi.names import NormalizedName
from proxypypi.store.files import sync_directory, write_atomically

_FORMAT = 1
_SUFFIX = ".json"
_LONGEST = 10_000  # bytes of a record

_UNREADABLE = (OSError, msgspec.MsgspecError, UnicodeError, RecursionError)


class _Record(msgspec.Struct):
    format: int
    claimed_at: float
    reason: str


@implementer(IClaims)
@define(eq=False)
class ClaimStore:
    """
    One file a claim. That it exists is the claim, whatever is in it.
    """

    _log: ClassVar[Logger] = Logger()

    _directory: Path

    @classmethod
    def of(cls, root: Path) -> "ClaimStore":
        """
        :param root: the cache directory.
        """
        return cls(root / ".proxypypi" / "decisions" / "claims")

    def is_claimed(self, name: NormalizedName) -> bool:
        try:
            os.lstat(self._path(name))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def claim(self, name: NormalizedName, claimed_at: float, reason: str) -> bool:
        if self.is_claimed(name):
            return False
        record = _Record(_FORMAT, claimed_at, reason)
        write_atomically(self._path(name), msgspec.json.encode(record), durable=True)
        return True

    def unclaim(self, name: NormalizedName) -> bool:
        """
        Blocks.

        :returns: was it claimed?
        :raises OSError: the claim cannot be removed.
        """
        if not self.is_claimed(name):
            return False
        with suppress(FileNotFoundError):
            self._path(name).unlink()
        sync_directory(self._directory)
        return True

    def check(self) -> None:
        """
        Report claims whose records are damaged; they hold. Blocks.
        """
        for path in sorted(self._directory.glob(f"*{_SUFFIX}")):
            try:
                with path.open("rb") as record:
                    msgspec.json.decode(record.read(_LONGEST), type=_Record)
            except _UNREADABLE as e:
                self._log.error(
                    "the record of the claim of {name} is damaged; it is claimed "
                    "nevertheless: {error}",
                    name=path.name.removesuffix(_SUFFIX),
                    error=e,
                )

    def _path(self, name: NormalizedName) -> Path:
        return self._directory / f"{name}{_SUFFIX}"
