"""
How many bytes of cached files there are, as far as is known without a look at each.
"""

from pathlib import Path

import msgspec
from attrs import define, frozen

from proxypypi.store.files import alone, read_if_there, write_atomically

_FORMAT = 1
_DAMAGED = (OSError, msgspec.MsgspecError, UnicodeError, RecursionError)


@frozen
class Count:
    """
    :ivar size: bytes; what was counted, and what has come since.
    :ivar counted_at: POSIX seconds.
    """

    size: int
    counted_at: float


class _Record(msgspec.Struct):
    format: int
    size: int
    counted_at: float


@define(eq=False)
class Tally:
    """
    One record, which all processes add to. It is wrong when people put files into the
    directory or take some away, until all are counted again.
    """

    _record: Path

    @classmethod
    def of(cls, root: Path) -> "Tally":
        """
        :param root: the cache directory.
        """
        return cls(root / ".proxypypi" / "cache" / "tally" / "record.json")

    def read(self) -> Count | None:
        """
        :returns: :obj:`None` if nobody has counted. Blocks.
        """
        try:
            content = read_if_there(self._record)
            if content is None:
                return None
            record = msgspec.json.decode(content, type=_Record)
        except _DAMAGED:
            return None
        if record.format != _FORMAT:
            return None
        return Count(record.size, record.counted_at)

    def add(self, size: int) -> Count | None:
        """
        A file has come. Blocks.

        :param size: of it, in bytes.
        :returns: what it comes to; :obj:`None` if nobody has counted.
        :raises OSError: that cannot be written.
        """
        if self.read() is None:
            return None
        with alone(self._record.parent):
            count = self.read()
            if count is None:
                return None
            return self._write(Count(count.size + size, count.counted_at))

    def correct(self, size: int, since: Count | None, now: float) -> Count:
        """
        All were counted anew. Blocks.

        :param size: bytes.
        :param since: what was known when that began; what has come meanwhile is added,
            as it may not have been seen.
        :param now: POSIX seconds.
        :raises OSError: that cannot be written.
        """
        with alone(self._record.parent):
            before = self.read()
            if since is not None and before is not None:
                size += max(0, before.size - since.size)
            return self._write(Count(size, now))

    def _write(self, count: Count) -> Count:
        record = _Record(_FORMAT, count.size, count.counted_at)
        write_atomically(self._record, msgspec.json.encode(record))
        return count
