"""
Files on their way to us: how large, how many, and whether there is room for them.
"""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, DeferredLock

from proxypypi.errors import NoRoom, TooLarge, TooManyUploads
from proxypypi.interfaces import IUpload, IUploadStore

FORM = 4 * 1024 * 1024  # bytes that a form may have beside its file
_USUAL_FORM = 1024 * 1024  # bytes that it has at most if it is none to wonder at

_MOST = 32  # at once


@define(eq=False)
class ArrivingFile:
    """
    One that somebody sends, and that nobody is offered yet.

    :ivar size: bytes that have come.
    :ivar expected: bytes that it may need, as far as is known.
    :ivar _most: bytes it may have.
    """

    upload: IUpload
    expected: int
    _most: int
    _ended: Callable[["ArrivingFile"], None]
    size: int = field(default=0, init=False)
    _digest: Any = field(factory=sha256, init=False)

    @property
    def sha256(self) -> str:
        return str(self._digest.hexdigest())

    def write(self, data: bytes) -> None:
        """
        :raises TooLarge: it is larger than files may be.
        :raises NoRoom: the disk does not take it.
        """
        self.size += len(data)
        if self.size > self._most:
            raise _too_large(self._most)
        self._digest.update(data)
        try:
            self.upload.write(data)
        except OSError as e:
            raise no_room(e) from e

    def discard(self) -> None:
        """
        It is not needed, or published. Can be called repeatedly.
        """
        self._ended(self)
        self.upload.discard()


@define(eq=False)
class Arrivals:
    """
    All that are under way.

    :ivar _most: bytes that a file may have.
    :ivar _find_room: see :meth:`proxypypi.cache.housekeeping.Housekeeping.find_room`.
    """

    _store: IUploadStore
    _most: int
    _find_room: "Callable[[Callable[[], Deferred[None]]], Awaitable[None]]"
    _arriving: set[ArrivingFile] = field(factory=set, init=False)
    _opening: DeferredLock = field(factory=DeferredLock, init=False)

    def check(self, length: int | None) -> None:
        """
        :param length: of the form that a file comes in, in bytes; :obj:`None` if the
            client does not say.
        :raises TooLarge: the file must be larger than files may be.
        """
        if length is not None and length > self._most + _USUAL_FORM:
            raise _too_large(self._most)

    async def open(self, length: int | None) -> ArrivingFile:
        """
        :param length: as for :meth:`check`.
        :raises NoRoom: there is none for so much.
        :raises TooManyUploads: try again.
        """
        await self._opening.acquire()
        try:
            return await self._open(self._most if length is None else length)
        except OSError as e:
            raise no_room(e) from e
        finally:
            self._opening.release()

    async def _open(self, expected: int) -> ArrivingFile:
        """
        One after the other, so that each counts those before it.
        """
        if len(self._arriving) >= _MOST:
            raise TooManyUploads(limit=_MOST)
        await self._find_room(lambda: self._store.check_room(self._coming + expected))
        upload = self._store.open()
        arriving = ArrivingFile(upload, expected, self._most, self._arriving.discard)
        self._arriving.add(arriving)
        return arriving

    @property
    def _coming(self) -> int:
        """
        How many bytes have yet to come of those that are under way.
        """
        return sum(max(0, a.expected - a.size) for a in self._arriving)


def no_room(error: OSError) -> NoRoom:
    """
    What the disk did not take.
    """
    return NoRoom(reason=error.strerror or "the directory cannot be written")


def _too_large(most: int) -> TooLarge:
    return TooLarge(
        reason=f"the file is larger than the {most:,} bytes that uploads may have here "
        "(--max-upload)"
    )
