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

from proxypypi.errors import DamagedRecord
from proxypypi.interfaces import IClaims
from proxypypi.names import NormalizedName
from proxypypi.store.files import open_file, sync_directory, write_atomically

_FORMAT = 1
_SUFFIX = ".json"
_LONGEST = 10_000  # bytes of a record

_UNREADABLE = (OSError, msgspec.MsgspecError, UnicodeError, RecursionError)


class Claim(msgspec.Struct):
    """
    :ivar claimed_at: POSIX seconds.
    :ivar reason: by whom or why it was made.
    """

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
        record = Claim(_FORMAT, claimed_at, reason)
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
                _read(path)
            except DamagedRecord as e:
                self._log.error(
                    "the record of the claim of {name} is damaged; it is claimed "
                    "nevertheless: {error}",
                    name=path.name.removesuffix(_SUFFIX),
                    error=e.reason,
                )

    def _path(self, name: NormalizedName) -> Path:
        return self._directory / f"{name}{_SUFFIX}"


def load_claim(decisions: Path, name: NormalizedName) -> Claim | None:
    """
    :returns: :obj:`None` if there is none.
    :raises DamagedRecord: there is one, and nothing more is known of it.
    """
    return _read(decisions / "claims" / f"{name}{_SUFFIX}")


def _read(path: Path) -> Claim | None:
    so = "it is claimed nevertheless"
    try:
        with open_file(path) as record:
            claim = msgspec.json.decode(record.read(_LONGEST), type=Claim)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except _UNREADABLE as e:
        raise DamagedRecord(path=str(path), reason=str(e), so=so) from e
    if claim.format != _FORMAT:
        reason = f"it has format {claim.format}"
        raise DamagedRecord(path=str(path), reason=reason, so=so)
    return claim
