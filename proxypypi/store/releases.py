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
from proxypypi.model import Release
from proxypypi.names import NormalizedName
from proxypypi.store.files import alone, edition_of, read_if_there, write_atomically

_FORMAT = 1


class _Record(msgspec.Struct):
    format: int
    released: dict[str, str]
    at: dict[str, float] = {}


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

    def load(self, name: NormalizedName) -> "Deferred[Mapping[str, Release]]":
        return self._in_thread(load_releases, self._decisions, name)


def load_releases(decisions: Path, name: NormalizedName) -> Mapping[str, Release]:
    """
    :returns: by file name.
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
    at = record.at
    return {f: Release(sha256, at.get(f, 0.0)) for f, sha256 in record.released.items()}


def add_release(
    decisions: Path, name: NormalizedName, filename: str, sha256: str, now: float
) -> str:
    """
    Set a file free. A damaged record is set aside.

    :param now: POSIX seconds.
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
        released = {**before, filename: Release(sha256, now)}
        record = _Record(
            _FORMAT,
            released={f: each.sha256 for f, each in released.items()},
            at={f: each.at for f, each in released.items()},
        )
        write_atomically(path, msgspec.json.encode(record), durable=True)
    return trouble


def _path(decisions: Path, name: NormalizedName) -> Path:
    return decisions / "releases" / f"{name}.json"
