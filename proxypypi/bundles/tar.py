"""
The tar that a bundle is: plain files, one after the other, and nothing else.

What comes from somebody else is read here block by block, and not by :mod:`tarfile`,
which follows whatever a tar can say: links, devices, sparse files, headers without end.
"""

import io
import re
import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from attrs import define, field

from proxypypi.errors import BadBundle

END = b"\0" * 1024

_BLOCK = 512
_PIECE = 1024 * 1024  # bytes
_LATEST = 8**11 - 1  # POSIX seconds that a header has room for
_LARGEST_HEADER = 4096  # bytes of an extended one: it has a name, and perhaps a size
_RECORD = re.compile(rb"(\d{1,4}) (path|size)=")


def header(name: str, size: int, moment: float) -> bytes:
    """
    What comes before a file.

    :param moment: that it is said to be of, POSIX seconds.
    """
    member = tarfile.TarInfo(name)
    member.size, member.mtime = size, min(int(moment), _LATEST)
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def padding(size: int) -> bytes:
    """
    What comes after a file.
    """
    return b"\0" * (-size % _BLOCK)


@define(eq=False)
class TarReader:
    """
    Goes from one file to the next.

    :ivar _left: bytes of the file at hand that were not read.
    :ivar _padding: bytes that come after them.
    """

    _stream: BinaryIO
    _left: int = field(default=0, init=False)
    _padding: int = field(default=0, init=False)

    def next(self) -> tuple[str, int] | None:
        """
        :returns: the name and the size of the next file; :obj:`None` at the end.
        :raises BadBundle: there is something else.
        """
        self._skip(self._left + self._padding)
        self._left = self._padding = 0
        block = self._read(_BLOCK)
        if not any(block):
            return None
        said: dict[str, str] = {}
        member = _parse(block)
        if member.type == tarfile.XHDTYPE:
            said = self._extended(member.size)
            member = _parse(self._read(_BLOCK))
        name, size = said.get("path", member.name), int(said.get("size", member.size))
        if member.type != tarfile.REGTYPE or size < 0:
            raise BadBundle(reason=f"{name!a} in it is no plain file")
        self._left, self._padding = size, -size % _BLOCK
        return name, size

    def pieces(self) -> Iterator[bytes]:
        """
        The content of the file at hand.

        :raises BadBundle: there is not so much.
        """
        while self._left:
            piece = self._read(min(_PIECE, self._left))
            self._left -= len(piece)
            yield piece

    def _extended(self, size: int) -> dict[str, str]:
        """
        What the next header has no room for.
        """
        if not 0 < size <= _LARGEST_HEADER:
            raise BadBundle(reason=f"a header in it has {size:,} bytes")
        content = self._read(size)
        self._skip(-size % _BLOCK)
        said: dict[str, str] = {}
        while content:
            found = _RECORD.match(content)
            length = int(found[1]) if found else 0
            record, content = content[:length], content[length:]
            if found is None or len(record) < length or record[-1:] != b"\n":
                raise BadBundle(reason="a header in it says what no bundle has to say")
            value = record[found.end() : -1]
            said[found[2].decode()] = value.decode("utf-8", "backslashreplace")
        if not said.get("size", "0").isdecimal():
            raise BadBundle(reason="a header in it has no size")
        return said

    def _read(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise BadBundle(reason="it ends too early: it was not copied whole")
        return data

    def _skip(self, size: int) -> None:
        """
        What is skipped beyond the end is missed by whoever reads next.
        """
        if self._stream.seekable():
            self._stream.seek(size, io.SEEK_CUR)
            return
        while size:
            size -= len(self._read(min(_PIECE, size)))


def _parse(block: bytes) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "backslashreplace")
    except tarfile.HeaderError as e:
        raise BadBundle(reason=f"it is damaged, or no bundle: {e}") from e
