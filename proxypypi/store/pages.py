"""
Project pages on disk, as their index sent them.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from attrs import define
from isal import igzip, igzip_lib
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from proxypypi.errors import DamagedRecord, UnreadablePage
from proxypypi.interfaces import IPageStore
from proxypypi.model import Change, Doubt, ProjectPage, RawPage
from proxypypi.names import NormalizedName
from proxypypi.simple.reading import read_page
from proxypypi.store.files import open_file, read_if_there, write_atomically

_FORMAT = 1
_PAGE, _DOUBT = ".page", ".doubt"
_LONGEST_HEAD = 64 * 1024  # bytes
_ANEW = "the index is asked anew"

_DAMAGED: tuple[Any, ...] = (
    *(msgspec.MsgspecError, ValueError, RecursionError),  # its head
    *(OSError, EOFError, igzip_lib.IsalError),  # its body
)


class _Head(msgspec.Struct, kw_only=True):
    format: int
    index: str
    url: str
    content_type: str
    etag: str | None = None
    last_modified: str | None = None
    last_serial: str | None = None


class _Doubt(msgspec.Struct, kw_only=True):
    format: int
    change: Change
    since: float
    believed: bool


@implementer(IPageStore)
@define(eq=False)
class PageStore:
    """
    One file a page: a line of JSON that says what it is, then its body, gzipped.

    The file's modification time is when the page was last known to hold, so that to
    confirm a page is not to write it again. A doubt is a file of its own, and rare.
    """

    _log: ClassVar[Logger] = Logger()

    _directory: Path
    _in_thread: Callable[..., "Deferred[Any]"]

    def load(self, name: str) -> "Deferred[tuple[RawPage, float] | None]":
        return self._in_thread(self._load, name)

    def save(self, name: str, page: RawPage, checked_at: float) -> "Deferred[None]":
        return self._in_thread(self._save, name, page, checked_at)

    def confirm(self, name: str, checked_at: float) -> "Deferred[None]":
        return self._in_thread(self._confirm, name, checked_at)

    def load_doubt(self, name: str) -> "Deferred[Doubt | None]":
        return self._in_thread(self._load_doubt, name)

    def save_doubt(self, name: str, doubt: Doubt | None) -> "Deferred[None]":
        return self._in_thread(self._save_doubt, name, doubt)

    def doubted(self) -> frozenset[str]:
        """
        The names of all pages that there is a doubt about. Blocks.
        """
        doubts = self._directory.glob(f"*{_DOUBT}")
        return frozenset(path.name.removesuffix(_DOUBT) for path in doubts)

    def names(self) -> frozenset[str]:
        """
        Those that there is a page of. Blocks.
        """
        try:
            there = os.listdir(self._directory)
        except FileNotFoundError:
            return frozenset()
        return frozenset(n.removesuffix(_PAGE) for n in there if n.endswith(_PAGE))

    def index_of(self, name: str) -> str | None:
        """
        The address of the index that has a project, by the page at hand. Blocks.

        :returns: :obj:`None` if there is no page, or it is believed to have gone.
        """
        try:
            with open_file(_page(self._directory, name)) as record:
                head = msgspec.json.decode(record.readline(_LONGEST_HEAD), type=_Head)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except _DAMAGED as e:
            self._log.debug("{name}'s page says nothing: {error}", name=name, error=e)
            return None
        doubt = self._load_doubt(name)
        is_gone = doubt is not None and doubt.believed and doubt.change is Change.GONE
        return None if is_gone else head.index

    def _load(self, name: str) -> tuple[RawPage, float] | None:
        try:
            return load_page(self._directory, name)
        except DamagedRecord as e:
            self._log.warn(
                "damaged record of {name}'s page: {error}", name=name, error=e.reason
            )
            return None

    def _save(self, name: str, page: RawPage, checked_at: float) -> None:
        head = _Head(
            format=_FORMAT,
            index=page.index,
            url=page.url,
            content_type=page.content_type,
            etag=page.etag,
            last_modified=page.last_modified,
            last_serial=page.last_serial,
        )
        packed = igzip.compress(page.body, compresslevel=1, mtime=0)
        path = _page(self._directory, name)
        content = msgspec.json.encode(head) + b"\n" + packed
        write_atomically(path, content, modified_at=checked_at)

    def _confirm(self, name: str, checked_at: float) -> None:
        try:
            os.utime(_page(self._directory, name), (checked_at, checked_at))
        except FileNotFoundError:
            self._log.info("{name}'s page went while it was confirmed", name=name)

    def _load_doubt(self, name: str) -> Doubt | None:
        try:
            return load_doubt(self._directory, name)
        except DamagedRecord as e:
            self._log.warn(
                "damaged doubt about {name}'s page: {error}", name=name, error=e.reason
            )
            return None

    def _save_doubt(self, name: str, doubt: Doubt | None) -> None:
        if doubt is None:
            _doubt(self._directory, name).unlink(missing_ok=True)
            return
        record = _Doubt(
            format=_FORMAT,
            change=doubt.change,
            since=doubt.since,
            believed=doubt.believed,
        )
        write_atomically(_doubt(self._directory, name), msgspec.json.encode(record))


def load_page(directory: Path, name: str) -> tuple[RawPage, float] | None:
    """
    :returns: as :meth:`~proxypypi.interfaces.IPageStore.load`.
    :raises DamagedRecord: there is one, but it cannot be read.
    """
    path = _page(directory, name)
    try:
        with open_file(path) as record:
            content = record.read()
            checked_at = os.fstat(record.fileno()).st_mtime
        line, _, packed = content.partition(b"\n")
        head = msgspec.json.decode(line, type=_Head)
        if head.format != _FORMAT:
            raise ValueError(f"format {head.format}")
        if not packed:
            raise EOFError("it ends before the body")
        body = igzip.decompress(packed)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except _DAMAGED as e:
        raise DamagedRecord(path=str(path), reason=str(e), so=_ANEW) from e
    page = RawPage(
        index=head.index,
        url=head.url,
        content_type=head.content_type,
        body=body,
        etag=head.etag,
        last_modified=head.last_modified,
        last_serial=head.last_serial,
    )
    return page, checked_at


def load_project_page(directory: Path, name: NormalizedName) -> ProjectPage | None:
    """
    What the index says of a project, as far as that is kept.

    :raises DamagedRecord: there is something, but it cannot be read.
    """
    kept = load_page(directory, name)
    try:
        return read_page(kept[0], name) if kept is not None else None
    except UnreadablePage as e:
        path = str(_page(directory, name))
        raise DamagedRecord(path=path, reason=str(e), so=_ANEW) from e


def load_doubt(directory: Path, name: str) -> Doubt | None:
    """
    :raises DamagedRecord: there is one, but it cannot be read.
    """
    path = _doubt(directory, name)
    try:
        content = read_if_there(path)
        if content is None:
            return None
        record = msgspec.json.decode(content, type=_Doubt)
        if record.format != _FORMAT:
            raise ValueError(f"format {record.format}")
    except _DAMAGED as e:
        raise DamagedRecord(path=str(path), reason=str(e), so=_ANEW) from e
    return Doubt(change=record.change, since=record.since, believed=record.believed)


def _page(directory: Path, name: str) -> Path:
    return directory / f"{name}{_PAGE}"


def _doubt(directory: Path, name: str) -> Path:
    return directory / f"{name}{_DOUBT}"
