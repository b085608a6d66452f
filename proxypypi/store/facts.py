"""
What is known of the content of files, on disk: one record per project.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
from attrs import asdict, define
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

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
        return self._in_thread(self._load_facts, name)

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

    def _facts(self, name: NormalizedName) -> Path:
        return self._cache / "facts" / f"{name}.json"

    def _seen(self, name: NormalizedName) -> Path:
        return self._decisions / "first-seen" / f"{name}.json"

    def _load_metadata(self, path: Path) -> bytes | None:
        try:
            return read_if_there(path)
        except OSError as e:
            self._log.warn("unreadable metadata: {error}", error=e)
            return None

    def _load_facts(self, name: NormalizedName) -> Mapping[str, FileFacts]:
        try:
            content = read_if_there(self._facts(name))
            if content is None:
                return {}
            record = msgspec.json.decode(content, type=_FactsRecord)
            if record.format != _FORMAT:
                raise ValueError(f"format {record.format}")
        except _DAMAGED as e:
            self._log.warn("damaged facts about {name}: {error}", name=name, error=e)
            return {}
        return {
            filename: FileFacts(**msgspec.structs.asdict(facts))
            for filename, facts in record.files.items()
            if "sha256" in facts.hashes
        }

    def _change_facts(
        self, name: NormalizedName, change: FactsChange
    ) -> Mapping[str, FileFacts]:
        with alone(self._facts(name).parent):
            facts = change(self._load_facts(name))
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
        write_atomically(self._facts(name), msgspec.json.encode(record))

    def _add_seen(
        self, name: NormalizedName, added: Mapping[str, Mapping[str, float]]
    ) -> None:
        path = self._seen(name)
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
        path = self._seen(name)
        try:
            content = read_if_there(path)
            if content is None:
                return {}
            record = msgspec.json.decode(content, type=_SeenRecord)
            if record.format == _FORMAT:
                return record.seen
            reason = f"format {record.format}"
        except _DAMAGED as e:
            reason = str(e)
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
