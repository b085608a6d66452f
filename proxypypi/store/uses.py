"""
When files were last given out, on disk: one record for all of them.
"""

import os
import sys
from array import array
from collections.abc import Mapping
from hashlib import blake2b
from itertools import islice
from pathlib import Path

from attrs import define, frozen

from proxypypi.names import NormalizedName
from proxypypi.rules.sorting import in_order
from proxypypi.store.files import alone, open_file, write_atomically

File = tuple[NormalizedName, str]

_ENTRY = 16  # bytes: which file, and when
_MAGIC = b"uses 1 " + sys.byteorder[:1].encode()  # 8 bytes
_PIECE = 20_000  # numbers, two an entry
_MOST = 500_000  # files that are remembered
_SLACK = 50_000  # entries about files of which there are newer ones


@frozen
class LastUses:
    """
    :ivar _moments: milliseconds since the epoch, by what stands for a file.
    """

    _moments: Mapping[int, int]

    def of(self, name: NormalizedName, filename: str) -> float | None:
        """
        :returns: POSIX seconds; :obj:`None` if it is not known.
        """
        moment = self._moments.get(_number((name, filename)))
        return None if moment is None else moment / 1000


@define(eq=False)
class UseStore:
    """
    Each use is an entry at the end of the record, of the same few bytes whatever the
    file's name; so a use costs next to nothing to note, and several processes can do so
    side by side. When most entries are about files of which there are newer ones, the
    record is written anew.

    It begins with what it is, and how many entries it was written with.
    """

    _record: Path

    @classmethod
    def of(cls, root: Path) -> "UseStore":
        """
        :param root: the cache directory.
        """
        return cls(root / ".proxypypi" / "cache" / "uses" / "record")

    def note(self, uses: Mapping[File, float]) -> None:
        """
        Files were given out. Blocks.

        :param uses: files to POSIX seconds.
        :raises OSError: that cannot be written.
        """
        entries = array("Q")
        for file, used_at in uses.items():
            entries.extend((_number(file), int(used_at * 1000)))
        with alone(self._record.parent):
            if self._has_room(len(entries) // 2):
                with open(self._record, "ab") as record:
                    record.write(entries.tobytes())
            else:
                moments = self._read()
                moments.update(_pairs(entries))
                self._write(moments)

    def load(self) -> LastUses:
        """
        Those that are known; none if the record is damaged. Blocks.
        """
        return LastUses(self._read())

    def _has_room(self, more: int) -> bool:
        """
        Can something be added at the end, and is it to be?
        """
        try:
            with open_file(self._record) as record:
                head = record.read(_ENTRY)
                size = os.fstat(record.fileno()).st_size
        except OSError:
            return False
        if head[:8] != _MAGIC or size % _ENTRY:
            return False
        written = int.from_bytes(head[8:], sys.byteorder)
        return size // _ENTRY - 1 + more <= 2 * written + _SLACK

    def _read(self) -> dict[int, int]:
        try:
            with open_file(self._record) as record:
                head, content = record.read(_ENTRY), record.read()
        except OSError:
            return {}
        if head[:8] != _MAGIC:
            return {}
        entries = array("Q")
        entries.frombytes(content[: len(content) // _ENTRY * _ENTRY])
        return _pairs(entries)

    def _write(self, moments: dict[int, int]) -> None:
        oldest_first = in_order(moments.items(), key=lambda entry: entry[1])
        newest = islice(oldest_first, max(0, len(moments) - _MOST), None)
        entries = array("Q", (number for entry in newest for number in entry))
        head = _MAGIC + (len(entries) // 2).to_bytes(8, sys.byteorder)
        write_atomically(self._record, head + entries.tobytes())


def _number(file: File) -> int:
    """
    What stands for a file. That of another is the same once in ten million years; then
    one of them stays longer.
    """
    digest = blake2b("/".join(file).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _pairs(entries: "array[int]") -> dict[int, int]:
    """
    The last entry about each file, which is the newest but for some seconds. It is made
    piece by piece, as all else waits for each.
    """
    pairs: dict[int, int] = {}
    for start in range(0, len(entries), _PIECE):
        piece = entries[start : start + _PIECE]
        pairs.update(zip(piece[0::2], piece[1::2], strict=True))
    return pairs
