"""
Core metadata out of a wheel that stays where it is: a few ranges of a large file.
"""

import io
from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred

from proxypypi.errors import UpstreamRefusal
from proxypypi.interfaces import IBody, IIndex
from proxypypi.store.archives import wheel_metadata

_LEAST = 64 * 1024  # bytes that are asked for at a time
_MOST_RANGES = 8
_LONGEST = 8 * 1024 * 1024  # bytes of one range


class _Missing(Exception):
    """
    These bytes of the file are not here.
    """

    def __init__(self, start: int, stop: int) -> None:
        super().__init__(start, stop)
        self.start = start
        self.stop = stop


@define(eq=False, slots=False)
class _Pieces(io.RawIOBase):
    """
    A file of which only some pieces are here.

    :ivar size: of the whole file, in bytes.
    :ivar pieces: by their offset.
    """

    size: int
    pieces: dict[int, bytes] = field(factory=dict, init=False)
    _at: int = field(default=0, init=False)

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError("before the beginning")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        """
        :raises _Missing: not all of it is here.
        """
        start = self._at
        stop = self.size if size < 0 else min(self.size, start + size)
        if start >= stop:
            return b""
        for offset, piece in self.pieces.items():
            if offset <= start and stop <= offset + len(piece):
                self._at = stop
                return piece[start - offset : stop - offset]
        raise _Missing(start, stop)


async def metadata_within(
    index: IIndex,
    url: str,
    size: int,
    filename: str,
    in_thread: Callable[..., "Deferred[Any]"],
    *,
    hashed: bool,
) -> bytes | None:
    """
    :param size: of the wheel, in bytes.
    :param hashed: will the metadata be checked against a digest?
    :returns: :obj:`None` if it cannot be had: the wheel is none or has gone, its host
        does not know ranges, or all is larger than we care for.
    """
    wheel = _Pieces(size)
    start, stop = max(0, size - _LEAST), size
    for _ in range(_MOST_RANGES):
        if stop - start > _LONGEST:
            return None
        piece = await _read(index, url, start, stop, hashed)
        if piece is None:
            return None
        wheel.pieces[start] = piece
        try:
            found: bytes | None = await in_thread(wheel_metadata, wheel, filename)
            return found
        except _Missing as e:
            start, stop = e.start, min(size, max(e.stop, e.start + _LEAST))
    return None


async def _read(
    index: IIndex, url: str, start: int, stop: int, hashed: bool
) -> bytes | None:
    try:
        body: IBody = await index.open_body(
            url, byte_range=(start, stop - 1), hashed=hashed
        )
    except UpstreamRefusal:
        return None
    if (body.start, body.length) != (start, stop - start):
        body.abandon()
        return None
    pieces: list[bytes] = []
    await body.deliver(pieces.append)
    return b"".join(pieces)
