"""
What has been counted, on disk.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
from attrs import define, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from proxypypi.events import Key
from proxypypi.store.files import alone, read_if_there, write_atomically

_FORMAT = 1
_DAMAGED = (OSError, msgspec.MsgspecError, ValueError, RecursionError)

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
_Moment = Annotated[float, msgspec.Meta(ge=0, le=253_402_300_799)]


class _Record(msgspec.Struct):
    format: int
    since: _Moment
    counts: list[tuple[tuple[str, ...], _Count]]


@frozen
class Totals:
    """
    :ivar since: when all were zero, POSIX seconds.
    """

    since: float
    counts: Mapping[Key, int]


@define(eq=False)
class TotalsStore:
    """
    One record, which may be lost: then counting begins anew.
    """

    _log: ClassVar[Logger] = Logger()

    _path: Path
    _in_thread: Callable[..., "Deferred[Any]"]

    @classmethod
    def of(cls, root: Path, in_thread: Callable[..., "Deferred[Any]"]) -> "TotalsStore":
        """
        That of a cache directory.
        """
        return cls(root / ".proxypypi" / "cache" / "counts.json", in_thread)

    def load(self) -> Totals | None:
        """
        Blocks.

        :returns: :obj:`None` if there is no record, or none that can be read.
        """
        try:
            content = read_if_there(self._path)
            if content is None:
                return None
            record = msgspec.json.decode(content, type=_Record)
            if record.format != _FORMAT:
                raise ValueError(f"it has format {record.format}")
        except _DAMAGED as e:
            self._log.warn("{path}: {error}", path=str(self._path), error=e)
            return None
        return Totals(record.since, dict(record.counts))

    def save(self, totals: Totals) -> "Deferred[None]":
        """
        No count becomes less than it is there: what one process has to say may be on
        its way for so long that another has said more meanwhile.

        :raises OSError: the disk does not take it.
        """
        return self._in_thread(self._save, totals)

    def _save(self, totals: Totals) -> None:
        with alone(self._path.parent):
            before = self.load()
            least = before.counts if before is not None else {}
            counts = [(k, max(n, least.get(k, 0))) for k, n in totals.counts.items()]
            record = _Record(_FORMAT, totals.since, counts)
            write_atomically(self._path, msgspec.json.encode(record))
