"""
What is known of the content of files, on disk: one record per project.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec
from attrs import asdict, define
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from proxypypi.errors import DamagedRecord
from proxypypi.interfaces import IFactsStore
from proxypypi.model import FactsChange, FileFacts
from proxypypi.names import NormalizedName
from proxypypi.store.files import alone, make_folder, read_if_there, write_atomically

_FORMAT = 1

_DAMAGED = (OSError, msgspec.MsgspecError, ValueError, RecursionError)


# What a date can be made from.
_Moment = Annotated[float, msgspec.Meta(ge=0, le=253_402_300_799)]


class _Facts(msgspec.Struct, kw_only=True, omit_defaults=True):
    size: int
    modified_at: int
    inode: int
    changed_at: int
    hashes: dict[str, str]
    requires_python: str | None = None
    metadata_sha256: str | None = None
    seen_at: _Moment
    origin: str | None = None
    uploaded_at: _Moment | None = None
    missed_at: _Moment | None = None
    missed_again: bool = False
    attested: bool = False


class _FactsRecord(msgspec.Struct):
    format: int
    files: dict[str, _Facts]


class _SeenRecord(msgspec.Struct):
    format: int
    seen: Mapping[str, Mapping[str, _Moment]]


T = TypeVar("T", _FactsRecord, _SeenRecord)


@implementer(IFactsStore)
@define(eq=False)
class FactsStore:
    """
    Facts and core metadata are expendable and lie in the cache; when a file was first
    seen is not, and lies with the decisions.
    """

    _log: ClassVar[Logger] = Logger()

    _cache: Path
    _decisions: Path
    _in_thread: Callable[..., "Deferred[Any]"]

    def load_facts(self, name: NormalizedName) -> "Deferred[Mapping[str, FileFacts]]":
        return self._in_thread(self.read_facts, name)

    def change_facts(
        self, name: NormalizedName, change: FactsChange
    ) -> "Deferred[Mapping[str, FileFacts]]":
        return self._in_thread(self._change_facts, name, change)

    def load_metadata(
        self, name: NormalizedName, filename: str
    ) -> "Deferred[bytes | None]":
        return self._in_thread(self._load_metadata, self._metadata(name, filename))

    def save_metadata(
        self, name: NormalizedName, filename: str, metadata: bytes
    ) -> "Deferred[None]":
        return self._in_thread(
            write_atomically, self._metadata(name, filename), metadata
        )

    def load_first_seen(
        self, name: NormalizedName
    ) -> "Deferred[Mapping[str, Mapping[str, float]]]":
        return self._in_thread(self._load_seen, name)

    def add_first_seen(
        self, name: NormalizedName, seen: Mapping[str, Mapping[str, float]]
    ) -> "Deferred[None]":
        times = {filename: dict(times) for filename, times in seen.items()}
        return self._in_thread(self._add_seen, name, times)

    def _metadata(self, name: NormalizedName, filename: str) -> Path:
        return self._cache / "metadata" / name / f"{filename}.metadata"

    def _load_metadata(self, path: Path) -> bytes | None:
        try:
            return read_if_there(path)
        except OSError as e:
            self._log.warn("unreadable metadata: {error}", error=e)
            return None

    def read_facts(self, name: NormalizedName) -> Mapping[str, FileFacts]:
        """
        See :meth:`load_facts`. Blocks.
        """
        try:
            return load_facts(self._cache, name)
        except DamagedRecord as e:
            self._log.warn(
                "damaged facts about {name}: {error}", name=name, error=e.reason
            )
            return {}

    def _change_facts(
        self, name: NormalizedName, change: FactsChange
    ) -> Mapping[str, FileFacts]:
        with alone(_facts(self._cache, name).parent):
            facts = change(self.read_facts(name))
            self._save_facts(name, facts)
        return facts

    def _save_facts(self, name: NormalizedName, facts: Mapping[str, FileFacts]) -> None:
        record = _FactsRecord(
            _FORMAT,
            {
                filename: _Facts(
                    **{**asdict(f, recurse=False), "hashes": dict(f.hashes)}
                )
                for filename, f in facts.items()
            },
        )
        write_atomically(_facts(self._cache, name), msgspec.json.encode(record))

    def _add_seen(
        self, name: NormalizedName, added: Mapping[str, Mapping[str, float]]
    ) -> None:
        path = _seen(self._decisions, name)
        make_folder(path.parent)
        with alone(path.parent):
            seen = dict(self._load_seen(name))
            for filename, times in added.items():
                before = seen.get(filename, {})
                seen[filename] = {
                    **before,
                    **{d: min(at, before.get(d, at)) for d, at in times.items()},
                }
            record = _SeenRecord(_FORMAT, seen)
            write_atomically(path, msgspec.json.encode(record), durable=True)

    def _load_seen(self, name: NormalizedName) -> Mapping[str, Mapping[str, float]]:
        try:
            return load_first_seen(self._decisions, name)
        except DamagedRecord as e:
            path, reason = _seen(self._decisions, name), e.reason
        # Never to be written over: somebody may be able to read it yet.
        aside = path.with_name(f"{path.name}.damaged")
        with suppress(OSError):
            os.replace(path, aside)
        self._log.error(
            "unreadable record of when {name}'s files were first seen, "
            "set aside as {aside}: {reason}",
            name=name,
            aside=str(aside),
            reason=reason,
        )
        return {}


def load_facts(cache: Path, name: NormalizedName) -> Mapping[str, FileFacts]:
    """
    :raises DamagedRecord: nothing is known any more.
    """
    path = _facts(cache, name)
    record = _read(path, _FactsRecord, "its files are read anew")
    return {
        filename: FileFacts(**msgspec.structs.asdict(facts))
        for filename, facts in (record.files if record is not None else {}).items()
        if "sha256" in facts.hashes
    }


def sound_facts(cache: Path, name: NormalizedName) -> Mapping[str, FileFacts]:
    """
    Those that can be read: none of a record that is damaged. Blocks.
    """
    try:
        return load_facts(cache, name)
    except DamagedRecord:
        return {}


def load_first_seen(
    decisions: Path, name: NormalizedName
) -> Mapping[str, Mapping[str, float]]:
    """
    :raises DamagedRecord: it cannot be known.
    """
    so = "its files count as new"
    record = _read(_seen(decisions, name), _SeenRecord, so)
    return record.seen if record is not None else {}


def names_seen(decisions: Path) -> list[NormalizedName]:
    """
    Projects that have private files, or had some; those first that got some last.
    Blocks.
    """
    found = []
    folder = decisions / "first-seen"
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            name, _, suffix = entry.name.rpartition(".")
            if name and suffix == "json":
                found.append((entry.stat().st_mtime_ns, NormalizedName(name)))
    return [name for _, name in sorted(found, reverse=True)]


def _read(path: Path, kind: type[T], so: str) -> T | None:
    try:
        content = read_if_there(path)
        if content is None:
            return None
        record = msgspec.json.decode(content, type=kind)
        if record.format != _FORMAT:
            raise ValueError(f"format {record.format}")
    except _DAMAGED as e:
        raise DamagedRecord(path=str(path), reason=str(e), so=so) from e
    return record


def _facts(cache: Path, name: NormalizedName) -> Path:
    return cache / "facts" / f"{name}.json"


def _seen(decisions: Path, name: NormalizedName) -> Path:
    return decisions / "first-seen" / f"{name}.json"
