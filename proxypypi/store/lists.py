"""
Project lists of indexes on disk, as they were sent and as they are served.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, ClassVar

import msgspec
from attrs import define, field
from isal import igzip, isal_zlib
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from proxypypi.errors import CannotMake, DamagedRecord
from proxypypi.interfaces import IArrivingList, IListStore, IMadeList
from proxypypi.model import HeldList, RawPage
from proxypypi.store.catalogue import FORMAT, OFFSET, KeptList, Order, open_list
from proxypypi.store.files import open_file

_DAMAGED: tuple[Any, ...] = (msgspec.MsgspecError, ValueError, RecursionError)
_PIECE = 1024 * 1024  # bytes
_LEFT_OVER = 3600.0  # seconds after which what did not arrive is removed


class _Head(msgspec.Struct, kw_only=True):
    format: int
    index: str
    content_type: str
    digest: str
    size: int
    etag: str | None = None
    last_modified: str | None = None


@implementer(IListStore)
@define(eq=False)
class ListStore:
    """
    One file an index: a line of JSON that says what it is, blanks, then its body,
    gzipped. Its modification time is when the list was last known to hold.

    :ivar _make: see :class:`proxypypi.store.children.ListMaker`.
    """

    _log: ClassVar[Logger] = Logger()

    _directory: Path
    _in_thread: Callable[..., "Deferred[Any]"]
    _make: Callable[[str], "Deferred[None]"]

    def load(self, index: str) -> "Deferred[HeldList | None]":
        return self._in_thread(self._load, index)

    def begin(self, index: str) -> IArrivingList:
        arriving: IArrivingList = ArrivingList(self._path(index), self._in_thread)
        return arriving

    def confirm(self, index: str, checked_at: float) -> "Deferred[None]":
        times = (checked_at, checked_at)
        return self._in_thread(os.utime, self._path(index), times)

    def forget(self, index: str) -> "Deferred[None]":
        return self._in_thread(self._path(index).unlink, missing_ok=True)

    def make(self, indexes: Mapping[str, Sequence[str]]) -> "Deferred[IMadeList]":
        return Deferred.fromCoroutine(self._make_once(indexes))

    async def _make_once(self, indexes: Mapping[str, Sequence[str]]) -> IMadeList:
        order: Order = await self._in_thread(self._order, indexes)
        directory = Path(order.directory)
        made: IMadeList | None = await self._in_thread(open_list, directory, order.key)
        if made is None or made.unreadable:  # which may have been damaged here
            await self._make(msgspec.json.encode(order).decode())
            made = await self._in_thread(open_list, directory, order.key)
        if made is None:
            raise CannotMake(reason="it was not there when it was made")
        return made

    def _path(self, index: str) -> Path:
        return self._directory / f"{sha256(index.encode()).hexdigest()[:32]}.list"

    def _order(self, indexes: Mapping[str, Sequence[str]]) -> Order:
        lists, parts = [], [str(FORMAT)]
        for index, globs in indexes.items():
            held = self._load(index)
            if held is None:
                raise CannotMake(reason=f"the list of {index} has gone")
            content_type = held.page.content_type
            path = str(self._path(index))
            lists.append(KeptList(index, path, content_type, tuple(globs)))
            parts += [index, content_type, held.digest, *globs]
        key = sha256("\n".join(parts).encode()).hexdigest()[:32]
        return Order(key, str(self._directory / "made"), tuple(lists))

    def _load(self, index: str) -> HeldList | None:
        try:
            with open_file(self._path(index)) as record:
                line = record.read(OFFSET)
                status = os.fstat(record.fileno())
        except FileNotFoundError:
            return None
        except OSError as e:
            self._log.warn("unreadable list of {index}: {error}", index=index, error=e)
            return None
        try:
            head = _head(line, status.st_size)
        except _DAMAGED as e:
            self._log.warn("damaged list of {index}: {error}", index=index, error=e)
            return None
        if head.index != index:
            return None
        page = RawPage(
            index=index,
            url=index,
            content_type=head.content_type,
            body=b"",
            etag=head.etag,
            last_modified=head.last_modified,
        )
        return HeldList(page=page, digest=head.digest, checked_at=status.st_mtime)


@implementer(IArrivingList)
@define(eq=False)
class ArrivingList:
    """
    Is compressed and written as it comes: a piece of a megabyte takes milliseconds.

    :ivar _file: :obj:`None` until something has come.
    """

    _path: Path
    _in_thread: Callable[..., "Deferred[Any]"]
    _file: Any = field(default=None, init=False)
    _digest: Any = field(factory=sha256, init=False)
    _compressor: Any = field(
        factory=lambda: isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31), init=False
    )

    def write(self, data: bytes) -> None:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = NamedTemporaryFile(  # noqa: SIM115
                dir=self._path.parent, prefix=".", suffix=".tmp", delete=False
            )
            self._file.write(b" " * OFFSET)
        self._digest.update(data)
        self._file.write(self._compressor.compress(data))

    def keep(self, page: RawPage, checked_at: float) -> "Deferred[HeldList]":
        return self._in_thread(self._keep, page, checked_at)

    def discard(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            try:
                with suppress(OSError):  # what it still had to write has no room
                    file.close()
            finally:
                Path(file.name).unlink(missing_ok=True)

    def _keep(self, page: RawPage, checked_at: float) -> HeldList:
        try:
            self.write(b"")
            self._file.write(self._compressor.flush())
            digest = self._digest.hexdigest()
            line = _line(page, digest, self._file.tell())
            self._file.seek(0)
            self._file.write(line)
            self._file.flush()
            os.utime(self._file.fileno(), (checked_at, checked_at))
            os.rename(self._file.name, self._path)
            self._file.close()
        except BaseException:
            self.discard()
            raise
        _sweep(self._path.parent, checked_at - _LEFT_OVER)
        return HeldList(page=page, digest=digest, checked_at=checked_at)


def _line(page: RawPage, digest: str, size: int) -> bytes:
    """
    Validators that leave no room are left out: then the list is fetched anew.
    """
    head = _Head(
        format=FORMAT,
        index=page.index,
        content_type=page.content_type[:200],
        digest=digest,
        size=size,
        etag=page.etag,
        last_modified=page.last_modified,
    )
    line = msgspec.json.encode(head)
    if len(line) > OFFSET:
        head.etag = head.last_modified = None
        line = msgspec.json.encode(head)
    return line


def _sweep(directory: Path, older_than: float) -> None:
    for path in directory.glob(".*.tmp"):
        if path.stat().st_mtime < older_than:
            path.unlink(missing_ok=True)


def check_list(path: Path) -> None:
    """
    Read a whole list. Blocks.

    :raises DamagedRecord: it is not what was kept.
    """
    digest = sha256()
    try:
        with open_file(path) as record:
            head = _head(record.read(OFFSET), os.fstat(record.fileno()).st_size)
            record.seek(OFFSET)
            with igzip.GzipFile(fileobj=record) as body:
                while data := body.read(_PIECE):
                    digest.update(data)
        if digest.hexdigest() != head.digest:
            raise ValueError("its digest is another")
    except FileNotFoundError:
        return
    except (*_DAMAGED, OSError, EOFError, isal_zlib.error) as e:
        so = "it is fetched anew"
        raise DamagedRecord(path=str(path), reason=str(e), so=so) from e


def _head(line: bytes, size: int) -> _Head:
    """
    :param size: bytes, of the file that begins so.
    :raises Exception: it is damaged: one of :data:`_DAMAGED`.
    """
    head = msgspec.json.decode(line, type=_Head)
    if head.format != FORMAT:
        raise ValueError(f"format {head.format}")
    if head.size != size:
        raise ValueError(f"{size} bytes of {head.size}")
    return head
