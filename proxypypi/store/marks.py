"""
What people say of projects and their files, on disk: a record per project of what is
yanked (PEP 592), and one of its status (PEP 792).
"""

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from attrs import define
from twisted.internet.defer import Deferred
from zope.interface import implementer

from proxypypi.errors import DamagedRecord
from proxypypi.interfaces import IMarks
from proxypypi.model import Marks
from proxypypi.names import NormalizedName
from proxypypi.store.files import (
    alone,
    edition_of,
    open_file,
    sync_directory,
    write_atomically,
)

STATUSES = ("active", "archived", "quarantined", "deprecated")

_FORMAT = 1
_ALL_YANKED = "all its files count as yanked"
_QUARANTINED = "it counts as quarantined"


class Yanks(msgspec.Struct, kw_only=True):
    """
    See :class:`~proxypypi.model.Marks`.
    """

    format: int = _FORMAT
    versions: dict[str, str] = {}
    files: dict[str, str] = {}


class Status(msgspec.Struct, kw_only=True):
    """
    See :class:`~proxypypi.model.Marks`.
    """

    format: int = _FORMAT
    status: str
    reason: str | None = None


T = TypeVar("T", Yanks, Status)


@implementer(IMarks)
@define(eq=False)
class MarkStore:
    """
    Records are looked at by stat, and read when they have changed.
    """

    _decisions: Path
    _in_thread: Callable[..., "Deferred[Any]"]

    def edition(self, name: NormalizedName) -> Hashable:
        yanks = edition_of(_yanks(self._decisions, name))
        status = edition_of(_status(self._decisions, name))
        return (yanks, status) if yanks or status else None

    def load(self, name: NormalizedName) -> "Deferred[tuple[Marks, str]]":
        return self._in_thread(load_marks, self._decisions, name)


def load_yanks(decisions: Path, name: NormalizedName) -> Yanks:
    """
    :raises DamagedRecord: it cannot be known.
    """
    return _read(_yanks(decisions, name), Yanks, _ALL_YANKED) or Yanks()


def load_status(decisions: Path, name: NormalizedName) -> Status | None:
    """
    :returns: :obj:`None` if nothing is said.
    :raises DamagedRecord: it cannot be known.
    """
    return _read(_status(decisions, name), Status, _QUARANTINED)


def change_yanks(
    decisions: Path, name: NormalizedName, change: Callable[[Yanks], None]
) -> None:
    """
    :param change: is given what is yanked, to be changed.
    :raises DamagedRecord: that is not known.
    """
    path = _yanks(decisions, name)
    with alone(path.parent):
        yanks = load_yanks(decisions, name)
        change(yanks)
        _write(path, yanks if yanks.versions or yanks.files else None)


def set_status(
    decisions: Path, name: NormalizedName, status: str, reason: str | None
) -> None:
    """
    :param status: one of :data:`STATUSES`; an active project is not marked.
    """
    path = _status(decisions, name)
    with alone(path.parent):
        active = status == "active"
        _write(path, None if active else Status(status=status, reason=reason))


def load_marks(decisions: Path, name: NormalizedName) -> tuple[Marks, str]:
    troubles: list[str] = []
    yanks, everything = Yanks(), None
    try:
        yanks = load_yanks(decisions, name)
    except DamagedRecord as e:
        everything = "the record of what is yanked is damaged"
        troubles.append(str(e))
    try:
        status = load_status(decisions, name)
    except DamagedRecord as e:
        reason = "the record of its status is damaged"
        status = Status(status="quarantined", reason=reason)
        troubles.append(str(e))
    marks = Marks(
        status=status.status if status is not None else None,
        status_reason=status.reason if status is not None else None,
        versions=yanks.versions,
        files=yanks.files,
        everything=everything,
    )
    return marks, "; ".join(troubles)


def _read(path: Path, kind: type[T], so: str) -> T | None:
    try:
        with open_file(path) as opened:
            record = msgspec.json.decode(opened.read(), type=kind)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError) as e:
        raise DamagedRecord(path=str(path), reason=str(e), so=so) from e
    wrong = f"it has format {record.format}" if record.format != _FORMAT else ""
    if isinstance(record, Status) and record.status not in STATUSES:
        wrong = wrong or f"there is no status {record.status!r}"
    if wrong:
        raise DamagedRecord(path=str(path), reason=wrong, so=so)
    return record


def _write(path: Path, record: Yanks | Status | None) -> None:
    """
    :param record: :obj:`None` to have none any more.
    """
    if record is not None:
        write_atomically(path, msgspec.json.encode(record), durable=True)
        return
    path.unlink(missing_ok=True)
    sync_directory(path.parent)


def _yanks(decisions: Path, name: NormalizedName) -> Path:
    return decisions / "yanks" / f"{name}.json"


def _status(decisions: Path, name: NormalizedName) -> Path:
    return decisions / "status" / f"{name}.json"
