"""
Files that people set free, on disk: one record per project.
"""

import os
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from attrs import define
from twisted.internet.defer import Deferred
from zope.interface import implementer

from proxypypi.errors import DamagedRecord
from proxypypi.interfaces import IReleases
from proxypypi.names import NormalizedName
from proxypypi.store.files import alone, edition_of, read_if_there, write_atomically

_FORMAT = 1


class _Record(msgspec.Struct):
    format: int
    released: dict[str, str]


@implementer(IReleases)
@define(eq=False)
class Releases:
    """
    Records are looked at by stat, and read when they have changed.
    """

    _decisions: Path
    _in_thread: Callable[..., "Deferred[Any]"]

    def edition(self, name: NormalizedName) -> Hashable:
        return edition_of(_path(self._decisions, name))

    def load(self, name: NormalizedName) -> "Deferred[Mapping[str, str]]":
        return self._in_thread(load_releases, self._decisions, name)


def load_releases(decisions: Path, name: NormalizedName) -> Mapping[str, str]:
    """
    :returns: file name to sha256.
    :raises DamagedRecord: it cannot be known.
    """
    path = _path(decisions, name)
    try:
        content = read_if_there(path)
        if content is None:
            return {}
        record = msgspec.json.decode(content, type=_Record)
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError) as e:
        raise DamagedRecord(path=str(path), reason=str(e)) from e
    if record.format != _FORMAT:
        raise DamagedRecord(path=str(path), reason=f"it has format {record.format}")
    return record.released


def add_release(
    decisions: Path, name: NormalizedName, filename: str, sha256: str
) -> str:
    """
    Set a file free, for good. A damaged record is set aside.

    :returns: what was wrong with the record; empty for nothing.
    """
    path, trouble = _path(decisions, name), ""
    with alone(path.parent):
        try:
            before = load_releases(decisions, name)
        except DamagedRecord as e:
            before, trouble = {}, str(e)
            with suppress(OSError):
                os.replace(path, path.with_name(f"{path.name}.damaged"))
        record = _Record(_FORMAT, {**before, filename: sha256})
        write_atomically(path, msgspec.json.encode(record), durable=True)
    return trouble


def _path(decisions: Path, name: NormalizedName) -> Path:
    return decisions / "releases" / f"{name}.json"
