"""
What people decided, of all projects, as it is on record. Blocks.
"""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

from attrs import define, field

from proxypypi.errors import BadName, DamagedRecord
from proxypypi.model import Release
from proxypypi.names import NormalizedName, is_distribution, normalize, project_of
from proxypypi.store.claims import Claim, load_claim
from proxypypi.store.marks import Status, Yanks, load_status, load_yanks
from proxypypi.store.pins import PinStore
from proxypypi.store.releases import load_releases
from proxypypi.store.removed import Removed, load_removed

_SUFFIX = ".json"

T = TypeVar("T")


@define(kw_only=True)
class Decisions:
    """
    By project, sorted by their names.

    :ivar released: by file name.
    :ivar removed: the oldest first.
    :ivar pins: projects, files, and globs of either, to when they were pinned (POSIX
        seconds).
    :ivar damaged: records that do not say any more what was decided.
    """

    claims: Mapping[NormalizedName, Claim] = field(factory=dict)
    yanks: Mapping[NormalizedName, Yanks] = field(factory=dict)
    statuses: Mapping[NormalizedName, Status] = field(factory=dict)
    released: Mapping[NormalizedName, Mapping[str, Release]] = field(factory=dict)
    removed: Mapping[NormalizedName, Sequence[Removed]] = field(factory=dict)
    pins: Mapping[str, float] = field(factory=dict)
    damaged: list[DamagedRecord] = field(factory=list)


def load_decisions(
    decisions: Path, names: Collection[NormalizedName] = ()
) -> Decisions:
    """
    :param names: of the projects that are meant; empty for all.
    :raises OSError: it cannot be seen which records there are.
    """
    found = Decisions()

    def load(folder: str, load_one: Callable[[Path, NormalizedName], T | None]) -> Any:
        loaded: dict[NormalizedName, T] = {}
        for name in recorded(decisions / folder, _SUFFIX):
            if names and name not in names:
                continue
            try:
                record = load_one(decisions, name)
            except DamagedRecord as e:
                found.damaged.append(e)
            else:
                if record:  # it was not taken back just now
                    loaded[name] = record
        return loaded

    found.claims = load("claims", load_claim)
    found.yanks = load("yanks", load_yanks)
    found.statuses = load("status", load_status)
    found.released = load("releases", load_releases)
    found.removed = load("removed", load_removed)
    try:
        pins = PinStore(decisions / "pins" / "pins.json").all()
    except DamagedRecord as e:
        found.damaged.append(e)
    else:
        meant = [pin for pin in pins if not names or _concerns(pin, names)]
        found.pins = {pin: pins[pin] for pin in meant}
    return found


def _concerns(pin: str, names: Collection[NormalizedName]) -> bool:
    """
    Is it a pin of one of these projects, or of one of their files?
    """
    if is_distribution(pin):
        return project_of(pin) in names
    return any(fnmatchcase(name, pin) for name in names)


def recorded(folder: Path, suffix: str) -> Sequence[NormalizedName]:
    """
    The projects of which there is a record in a folder, sorted.

    :raises OSError: it cannot be looked into.
    """
    try:
        filenames = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return sorted(filter(None, (_project(f, suffix) for f in filenames)))


def _project(filename: str, suffix: str) -> NormalizedName | None:
    stem = filename.removesuffix(suffix)
    try:
        name = normalize(stem)
    except BadName:
        return None
    return name if stem != filename and stem == name else None
