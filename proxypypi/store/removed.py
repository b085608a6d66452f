"""
Files that people removed, on disk: what they were, when, by whom and why.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from proxypypi.errors import DamagedRecord
from proxypypi.names import NormalizedName
from proxypypi.store.files import (
    alone,
    read_if_there,
    sync_directory,
    write_atomically,
)

_FORMAT = 1


class Removed(msgspec.Struct, kw_only=True):
    """
    :ivar filename: that it had in the directory; *path* is from there.
    :ivar sha256: of its content; empty if that could not be read.
    :ivar removed_at: POSIX seconds.
    :ivar by: the name of the account that did it.
    :ivar reason: empty for none.
    """

    filename: str
    path: str
    sha256: str
    size: int
    removed_at: float
    by: str
    reason: str


class _Record(msgspec.Struct):
    format: int
    removed: list[Removed]


def load_removed(decisions: Path, name: NormalizedName) -> Sequence[Removed]:
    """
    :returns: the oldest first.
    :raises DamagedRecord: it cannot be known.
    """
    path = _path(decisions, name)
    so = "it is not known what was removed"
    try:
        content = read_if_there(path)
        if content is None:
            return []
        record = msgspec.json.decode(content, type=_Record)
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError) as e:
        raise DamagedRecord(path=str(path), reason=str(e), so=so) from e
    if record.format != _FORMAT:
        reason = f"it has format {record.format}"
        raise DamagedRecord(path=str(path), reason=reason, so=so)
    return record.removed


def remove_file(
    root: Path, decisions: Path, name: NormalizedName, removed: Removed
) -> str:
    """
    Have it on record that a file is removed, then remove it. A damaged record is set
    aside.

    :returns: what was wrong with the record; empty for nothing.
    :raises OSError: it is not removed, and not on record either.
    """
    record, file, trouble = _path(decisions, name), root / removed.path, ""
    with alone(record.parent):
        try:
            before = load_removed(decisions, name)
        except DamagedRecord as e:
            before, trouble = [], str(e)
            with suppress(OSError):
                os.replace(record, record.with_name(f"{record.name}.damaged"))
        _write(record, [*before, removed])
        try:
            file.unlink()
        except OSError:
            _write(record, before)
            raise
        sync_directory(file.parent)
    return trouble


def _write(path: Path, removed: Sequence[Removed]) -> None:
    record = _Record(_FORMAT, list(removed))
    write_atomically(path, msgspec.json.encode(record), durable=True)


def _path(decisions: Path, name: NormalizedName) -> Path:
    return decisions / "removed" / f"{name}.json"
