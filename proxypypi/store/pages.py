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

from proxypypi.interfaces import IPageStore
from proxypypi.model import Change, Doubt, RawPage
from proxypypi.store.files import open_file, read_if_there, write_atomically

_FORMAT = 1
_DOUBT = ".doubt"

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

    def _doubt(self, name: str) -> Path:
        return self._directory / f"{name}{_DOUBT}"

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.page"

    def _load(self, name: str) -> tuple[RawPage, float] | None:
        try:
            with open_file(self._path(name)) as record:
                content = record.read()
                checked_at = os.fstat(record.fileno()).st_mtime
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as e:
            self._log.warn("unreadable record of {name}'s page: {e}", name=name, e=e)
            return None
        try:
            line, _, packed = content.partition(b"\n")
            head = msgspec.json.decode(line, type=_Head)
            if head.format != _FORMAT:
                raise ValueError(f"format {head.format}")
            if not packed:
                raise EOFError("it ends before the body")
            body = igzip.decompress(packed)
        except _DAMAGED as e:
            self._log.warn(
                "damaged record of {name}'s page: {error}", name=name, error=e
            )
            return None
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
        path = self._path(name)
        content = msgspec.json.encode(head) + b"\n" + packed
        write_atomically(path, content, modified_at=checked_at)

    def _confirm(self, name: str, checked_at: float) -> None:
        try:
            os.utime(self._path(name), (checked_at, checked_at))
        except FileNotFoundError:
            self._log.info("{name}'s page went while it was confirmed", name=name)

    def _load_doubt(self, name: str) -> Doubt | None:
        content = read_if_there(self._doubt(name))
        if content is None:
            return None
        try:
            record = msgspec.json.decode(content, type=_Doubt)
        except _DAMAGED as e:
            self._log.warn(
                "damaged doubt about {name}'s page: {error}", name=name, error=e
            )
            return None
        if record.format != _FORMAT:
            return None
        return Doubt(change=record.change, since=record.since, believed=record.believed)

    def _save_doubt(self, name: str, doubt: Doubt | None) -> None:
        if doubt is None:
            self._doubt(name).unlink(missing_ok=True)
            return
        record = _Doubt(
            format=_FORMAT,
            change=doubt.change,
            since=doubt.since,
            believed=doubt.believed,
        )
        write_atomically(self._doubt(name), msgspec.json.encode(record))
