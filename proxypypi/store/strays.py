"""
What lies in the directory and is left out of every listing, and why. Blocks.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import define, field, frozen

from proxypypi.errors import BadName
from proxypypi.names import (
    NormalizedName,
    is_distribution,
    normalize,
    project_of,
    version_of,
)
from proxypypi.store.directory import look_around

_OURS = ".proxypypi"
_UNFINISHED = (".part", ".tmp")

_Entry = os.DirEntry[str]


@frozen(kw_only=True)
class Stray:
    """
    :ivar path: from the directory.
    :ivar project: whose it would be; :obj:`None` if that cannot be told.
    """

    path: str
    project: NormalizedName | None
    why: str
    advice: str


def find_strays(root: Path) -> Iterator[Stray]:
    """
    What is left out, and what is listed for a project that its name does not fit.
    """
    search = _Search(root.resolve())
    for entry in _entries(search.root):
        if entry.name == _OURS:
            continue
        project = _project(entry)
        yield from search.look_at(entry, project, in_root=True)
        if project is not None and search.is_folder(entry):
            for inner in _entries(Path(entry.path)):
                yield from search.look_at(inner, project, in_root=False)


@define(eq=False)
class _Search:
    """
    :ivar _listed: the path of each file that is, by project and name.
    """

    root: Path
    _listed: Mapping[tuple[NormalizedName, str], str] = field(init=False)

    @_listed.default
    def _look_around(self) -> Mapping[tuple[NormalizedName, str], str]:
        return {
            (name, filename): file.path
            for name, files in look_around(self.root)
            for filename, file in files.items()
        }

    def look_at(
        self, entry: _Entry, project: NormalizedName | None, in_root: bool
    ) -> Iterator[Stray]:
        """
        :param project: that the entry, or the folder that it is in, is named like.
        """
        listed = self._listed.get((project, entry.name)) if project else None
        if listed == entry.path:
            found = _misplaced(entry, project) if project else None
        else:
            found = self._why(entry, project, in_root, listed)
        if found is not None:
            why, advice = found
            path = os.path.relpath(entry.path, self.root)
            yield Stray(path=path, project=project, why=why, advice=advice)

    def is_folder(self, entry: _Entry) -> bool:
        """
        Is it one whose files count?
        """
        return (
            not entry.name.startswith(".") and _is_dir(entry) and self._is_inside(entry)
        )

    def _why(
        self,
        entry: _Entry,
        project: NormalizedName | None,
        in_root: bool,
        listed: str | None,
    ) -> tuple[str, str] | None:
        """
        Why it is left out, and what to do; :obj:`None` if it is not.
        """
        name = entry.name
        if name.startswith("."):
            return "its name starts with a dot", ""
        if name.lower().endswith(_UNFINISHED):
            return "it is unfinished, by its name", "if it is whole, rename it"
        if not self._is_inside(entry):
            leads = "out of the directory" if os.path.exists(entry.path) else "nowhere"
            return f"it is a link that leads {leads}", "put the file itself here"
        if _is_dir(entry):
            return _why_folder(entry, project, in_root)
        if not entry.is_file():
            return "it is no file", ""
        if not is_distribution(name):
            return "it is no distribution, by its name", ""
        if project is None:
            advice = "put it into a folder that is named like its project"
            return "its name fits no project", advice
        if listed is not None:
            other = os.path.relpath(listed, self.root)
            return f"{other}, of the same name, is served", "remove one of the two"
        return None  # it has just come

    def _is_inside(self, entry: _Entry) -> bool:
        if not entry.is_symlink():
            return True
        try:
            target = Path(entry.path).resolve(strict=True)
        except (OSError, RuntimeError):  # leads nowhere, or round in circles
            return False
        return target.is_relative_to(self.root)


def _project(entry: _Entry) -> NormalizedName | None:
    """
    That which an entry of the root is named like.
    """
    if not _is_dir(entry):
        return project_of(entry.name)
    try:
        return normalize(entry.name)
    except BadName:
        return None


def _misplaced(entry: _Entry, project: NormalizedName) -> tuple[str, str] | None:
    own = project_of(entry.name)
    if own in (None, project) or version_of(entry.name, project) is not None:
        return None
    what = f"it is listed for {project}, as its folder says, but named as of {own}"
    return what, f"if it is of {own}, move it to {own}/"


def _why_folder(
    entry: _Entry, project: NormalizedName | None, in_root: bool
) -> tuple[str, str] | None:
    if not os.access(entry.path, os.R_OK | os.X_OK):
        return "it cannot be looked into", "let the server's user read it"
    if not in_root:
        return "it is a folder in a project's", "move what is in it one up"
    if project is None and any(is_distribution(e.name) for e in _entries(Path(entry))):
        return "no project can be called so", "name it like the project of its files"
    return None


def _is_dir(entry: _Entry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads round in circles, or where we must not look
        return False


def _entries(folder: Path) -> list[_Entry]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []
