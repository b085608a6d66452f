"""
Attestations of files on disk: one record for each file's content.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from attrs import define
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from proxypypi.errors import DamagedRecord
from proxypypi.interfaces import IAttestations
from proxypypi.names import NormalizedName
from proxypypi.store.files import read_if_there, write_atomically

_FORMAT = 1
_SUFFIX = ".json"


class _Record(msgspec.Struct):
    format: int
    attestations: tuple[msgspec.Raw, ...]


@implementer(IAttestations)
@define(eq=False)
class AttestationStore:
    """
    They are what people said, and cannot be found out again.
    """

    _log: ClassVar[Logger] = Logger()

    _decisions: Path
    _in_thread: Callable[..., "Deferred[Any]"]

    def keep(
        self,
        name: NormalizedName,
        sha256: str,
        attestations: tuple[msgspec.Raw, ...],
    ) -> "Deferred[None]":
        record = msgspec.json.encode(_Record(_FORMAT, attestations))
        path = self._path(name, sha256)
        return self._in_thread(write_atomically, path, record, durable=True)

    def load(
        self, name: NormalizedName, sha256: str
    ) -> "Deferred[tuple[msgspec.Raw, ...]]":
        return self._in_thread(self._load, self._path(name, sha256))

    def digests(self, name: NormalizedName) -> "Deferred[frozenset[str]]":
        return self._in_thread(self._digests, self._folder(name))

    def _load(self, path: Path) -> tuple[msgspec.Raw, ...]:
        try:
            return load_attestations(path)
        except DamagedRecord as e:
            self._log.error("unreadable: {path}: {error}", path=e.path, error=e.reason)
            return ()

    def _digests(self, folder: Path) -> frozenset[str]:
        try:
            names = os.listdir(folder)
        except OSError:
            return frozenset()
        return frozenset(
            name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)
        )

    def _folder(self, name: NormalizedName) -> Path:
        return self._decisions / "attestations" / name

    def _path(self, name: NormalizedName, sha256: str) -> Path:
        return self._folder(name) / f"{sha256}{_SUFFIX}"


def load_attestations(path: Path) -> tuple[msgspec.Raw, ...]:
    """
    :param path: of a record; there may be none.
    :raises DamagedRecord: they are not known any more.
    """
    try:
        content = read_if_there(path)
        if content is None:
            return ()
        record = msgspec.json.decode(content, type=_Record)
        if record.format != _FORMAT:
            raise ValueError(f"format {record.format}")
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError) as e:
        so = "none are given out"
        raise DamagedRecord(path=str(path), reason=str(e), so=so) from e
    return tuple(msgspec.Raw(bytes(each)) for each in record.attestations)
