"""
Lock files: ``pylock.toml`` (:pep:`751`), and those of uv and poetry. Only names and
digests of files are read out of them, so that where they come from is ours to say.
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from attrs import frozen

from proxypypi.errors import BadLockFile, BadName
from proxypypi.names import check_filename, normalize
from proxypypi.rules.wanted import WantedFiles

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_DIGEST = re.compile(r"([a-z0-9_]+):([0-9a-f]+)", re.IGNORECASE)
_ONES_OWN = frozenset({"directory", "editable", "virtual"})


@frozen(kw_only=True)
class Locked:
    """
    :ivar wanted: of each package that comes from an index.
    :ivar unparseable: names of those that come from elsewhere, and from where, or that
        have no files. Projects that lie beside the lock file are left out.
    """

    wanted: tuple[WantedFiles, ...]
    unparseable: tuple[str, ...]


class _File(msgspec.Struct, gc=False):
    """
    A file, as one of the three has it.
    """

    name: str | None = None
    file: str | None = None
    filename: str | None = None
    url: str | None = None
    path: str | None = None
    hash: str | None = None
    hashes: dict[str, str] = {}

    def read(self) -> tuple[str, dict[str, str]]:
        """
        :returns: its name, and its digests.
        :raises ValueError: it has none, or one that is none.
        """
        named = self.name or self.file or self.filename
        address = urlsplit(self.url or self.path or "").path
        filename = named or unquote(address.rpartition("/")[2])
        hashes = {a.lower(): digest.lower() for a, digest in self.hashes.items()}
        if self.hash:
            found = _DIGEST.fullmatch(self.hash)
            if found is None:
                raise ValueError(f"{filename} has a digest that is none")
            hashes[found[1].lower()] = found[2].lower()
        return check_filename(filename), hashes


class _Package(msgspec.Struct, gc=False):
    name: str
    version: str = ""
    sdist: _File | None = None
    wheels: list[_File] = []
    files: list[_File] = []
    source: dict[str, Any] = {}
    vcs: dict[str, Any] | None = None
    directory: dict[str, Any] | None = None
    archive: dict[str, Any] | None = None

    @property
    def distributions(self) -> Sequence[_File]:
        return [*self.wheels, *([self.sdist] if self.sdist is not None else ())]

    @property
    def said(self) -> str:
        return f"{self.name}=={self.version}" if self.version else self.name

    def read(self, files: Iterable[_File]) -> WantedFiles:
        return WantedFiles(
            said=self.said,
            project=normalize(self.name),
            files=dict(file.read() for file in files),
        )


class _Metadata(msgspec.Struct, gc=False):
    """
    Poetry's.
    """

    files: dict[str, list[_File]] = {}


def parse_lock_file(text: str) -> Locked:
    """
    :raises BadLockFile: it is none, or has what none can have.
    """
    try:
        content = tomllib.loads(text)
        read = _reader_of(content)
        tables = content.get("packages", content.get("package", []))
        wanted, unparseable = [], []
        for package in msgspec.convert(tables, list[_Package]):
            source, files = read(package, content)
            if source in _ONES_OWN:
                continue
            if source or not files:
                unparseable.append(f"{package.said} ({source or 'no files'})")
            else:
                wanted.append(package.read(files))
    except (ValueError, RecursionError, msgspec.ValidationError, BadName) as e:
        raise BadLockFile(reason=str(e)) from e
    return Locked(wanted=tuple(wanted), unparseable=tuple(unparseable))


_Read = Callable[[_Package, Mapping[str, Any]], tuple[str, Sequence[_File]]]
"""
Tells where a package comes from, empty for an index, and its files.
"""


def _reader_of(content: Mapping[str, Any]) -> _Read:
    """
    By what is in it, as people call their files what they like.
    """
    if "lock-version" in content:
        return _read_pylock
    if "package" in content and "metadata" in content:
        return _read_poetry
    if "version" in content and "package" in content:
        return _read_uv
    raise ValueError("there are pylock.toml, uv.lock and poetry.lock")


def _read_pylock(
    package: _Package, content: Mapping[str, Any]
) -> tuple[str, Sequence[_File]]:
    elsewhere = ("vcs", "directory", "archive")
    source = next((kind for kind in elsewhere if getattr(package, kind)), "")
    return source, package.distributions


def _read_uv(
    package: _Package, content: Mapping[str, Any]
) -> tuple[str, Sequence[_File]]:
    source = next((kind for kind in package.source if kind != "registry"), "")
    return source, package.distributions


def _read_poetry(
    package: _Package, content: Mapping[str, Any]
) -> tuple[str, Sequence[_File]]:
    """
    Before 2023, all files stood together.
    """
    source = package.source.get("type", "legacy")
    together = msgspec.convert(content["metadata"], _Metadata).files
    files = package.files or together.get(package.name, [])
    return "" if source == "legacy" else str(source), files
