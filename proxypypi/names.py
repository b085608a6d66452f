"""
Names of projects and of their files.

A project's name is normalized as :pep:`503` says; file names are parsed by the
binary distribution format and by :pep:`625`, and, where older files fit neither, by
looking for what is most likely a version.
"""

import re
from collections.abc import Collection
from fnmatch import fnmatchcase

from packaging.utils import (
    NormalizedName,
    canonicalize_name,
    canonicalize_version,
)
from packaging.version import Version

from proxypypi.errors import BadName

__all__ = [
    "NormalizedName",
    "check_filename",
    "comparable",
    "is_among",
    "is_distribution",
    "is_immutable",
    "is_wheel",
    "normalize",
    "project_of",
    "version_of",
]

_LONGEST_NAME = 200
_LONGEST_FILENAME = 230  # bytes; a file system takes 255, a partial file needs some

_PROJECT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f/\\\ud800-\udfff]")

_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar.z")
_SDISTS = (*_TARS, ".tar.lzma", ".tlz", ".tar.lz", ".zip")
_INSTALLERS = (".exe", ".msi", ".rpm", ".deb", ".dmg")
_DISTRIBUTIONS = (*_SDISTS, ".whl", ".egg", *_INSTALLERS)
_UNFINISHED = (".part", ".tmp")


def normalize(name: str) -> NormalizedName:
    """
    :raises BadName: *name* is not a project name (:pep:`508`), or longer than 200.
    """
    if len(name) > _LONGEST_NAME or not _PROJECT.fullmatch(name):
        raise BadName(kind="project", name=name)
    return NormalizedName(canonicalize_name(name))


def check_filename(filename: str) -> str:
    """
    Let through only what is safe as a single segment of a path and of an address.

    :returns: *filename* itself.
    :raises BadName: it is empty, hidden, over-long, names an unfinished or a metadata
        file, or has a slash, a backslash or a control character in it.
    """
    if (
        not filename
        or filename.startswith(".")
        or _UNSAFE.search(filename)
        or len(filename.encode()) > _LONGEST_FILENAME
        or filename.lower().endswith((*_UNFINISHED, ".metadata"))
    ):
        raise BadName(kind="file", name=filename)
    return filename


def is_distribution(filename: str) -> bool:
    """
    Is this, by its name, a distribution that a directory may offer?
    """
    try:
        check_filename(filename)
    except BadName:
        return False
    return filename.lower().endswith(_DISTRIBUTIONS)


def is_wheel(filename: str) -> bool:
    return filename.lower().endswith(".whl")


def is_immutable(filename: str) -> bool:
    """
    Is it a kind of file that never changes under its name: sdist, wheel or egg?
    """
    return filename.lower().endswith((*_SDISTS, ".whl", ".egg"))


def project_of(filename: str) -> NormalizedName | None:
    """
    The project a distribution belongs to, by its name alone.

    :returns: :obj:`None` if no project name can be read from it.
    """
    stem = _stem(filename)
    if stem is None:
        return None
    parts = stem.split("-")
    if filename.lower().endswith((".whl", ".egg")):
        name = parts[0] if len(parts) > 1 else ""
    else:
        name = "-".join(parts[: _version_at(parts)])
    try:
        return normalize(name)
    except BadName:
        return None


def version_of(filename: str, project: NormalizedName) -> str | None:
    """
    The version in the name of one of *project*'s distributions, as it stands there.

    :returns: :obj:`None` if the name does not start with the project's.
    """
    stem = _stem(filename)
    if stem is None:
        return None
    parts = stem.split("-")
    for i in range(1, len(parts)):
        if canonicalize_name("-".join(parts[:i])) == project:
            if filename.lower().endswith((".whl", ".egg")):
                return parts[i]
            return "-".join(parts[i:])
    return None


def comparable(version: str) -> str:
    """
    One spelling for all versions that are equal; what is none stays as it is.
    """
    try:
        return canonicalize_version(version)
    except ValueError:  # InvalidVersion, or more digits than an int may have
        return version


def _stem(filename: str) -> str | None:
    lowered = filename.lower()
    for suffix in _DISTRIBUTIONS:  # no name ends with two of them
        if lowered.endswith(suffix):
            return filename[: -len(suffix)]
    return None


def is_among(name: NormalizedName, globs: Collection[str]) -> bool:
    """
    Does one of the globs match, and none of those that stand after a ``!``? If all of
    them do, every other name is meant.
    """
    wanted = [glob for glob in globs if not glob.startswith("!")] or ["*"]
    unwanted = [glob[1:] for glob in globs if glob.startswith("!")]
    return any(fnmatchcase(name, glob) for glob in wanted) and not any(
        fnmatchcase(name, glob) for glob in unwanted
    )


def _version_at(parts: list[str]) -> int:
    """
    Where the version starts in the dash-separated parts of an sdist's name.

    The first place after which all is one valid version, else the first that starts
    with a digit; 0 if there is neither.
    """
    for i in range(1, len(parts)):
        try:
            Version("-".join(parts[i:]))
        except ValueError:  # InvalidVersion, or more digits than an int may have
            continue
        return i
    return next((i for i in range(1, len(parts)) if parts[i][:1].isdigit()), 0)
