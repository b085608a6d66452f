"""
What may come in of what a bundle has of a project, and why the rest may not.

A name that is ours alone is so nobody can slip a package under it, and a bundle is no
way around that: of what an index has under such a name, nothing comes. Nor does a file
come back that people removed here.
"""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from attrs import define, evolve, field, frozen
from msgspec.structs import replace

from proxypypi.bundles.notes import ProjectNote
from proxypypi.errors import DamagedRecord, NameDenied
from proxypypi.moments import render_second
from proxypypi.names import NormalizedName
from proxypypi.settings import Settings
from proxypypi.store.claims import ClaimStore
from proxypypi.store.removed import Removed, load_removed


@frozen
class Admitted:
    """
    :ivar note: as much of that of the bundle as counts here.
    :ivar refused: files that may not come if they are not here, and why, by name.
    :ivar remarks: what people should know of files that may, by name.
    """

    note: ProjectNote
    refused: Mapping[str, str] = field(factory=dict)
    remarks: Mapping[str, str] = field(factory=dict)


@define(eq=False)
class Admission:
    """
    Knows what was decided here.

    :ivar _settings: those of a server of this directory.
    """

    _settings: Settings
    _claims: ClaimStore = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._claims = ClaimStore.of(self._settings.directory)

    @property
    def _decisions(self) -> Path:
        return self._settings.directory / ".proxypypi" / "decisions"

    def admit(self, name: NormalizedName, note: ProjectNote) -> Admitted:
        """
        :raises OSError: it cannot be known whether it is claimed.
        """
        admitted = self._admit_name(name, note)
        try:
            removed = load_removed(self._decisions, name)
        except DamagedRecord as e:
            return evolve(admitted, refused=dict.fromkeys(note.files, str(e)))
        refused = {**_back(note, removed), **admitted.refused}
        remarks = {
            each.filename: f"another was removed here at {_date(each)}"
            for each in removed
            if each.filename in note.files.keys() - refused.keys()
        }
        return evolve(admitted, refused=refused, remarks=remarks)

    def _admit_name(self, name: NormalizedName, note: ProjectNote) -> Admitted:
        glob = _matching(name, self._settings.deny)
        if glob is not None:
            why = str(NameDenied(project=name, glob=glob))
            only_decided = replace(note, files={}, page=None)
            return Admitted(only_decided, dict.fromkeys(note.files, why))
        why_ours = self._why_ours(name, note)
        if not why_ours:
            return Admitted(note)
        ours = _private_part(note)
        refused = {
            filename: f"it is from {file.origin}, and {why_ours}"
            for filename, file in note.files.items()
            if filename not in ours.files
        }
        return Admitted(ours, refused)

    def _why_ours(self, name: NormalizedName, note: ProjectNote) -> str:
        """
        :returns: empty if an index may have projects of that name.
        """
        glob = _matching(name, self._settings.private)
        if glob is not None:
            return f"{name} is private here (--private {glob})"
        if note.claimed:
            return f"the bundle claims {name}: unclaim it where that was made, and here"
        if self._claims.is_claimed(name):
            return f"{name} is claimed here; to let it in: proxypypi unclaim {name}"
        return ""


def _private_part(note: ProjectNote) -> ProjectNote:
    """
    What is said of a project of ours; nothing, if all is of an index's project of the
    same name.
    """
    private = {f: file for f, file in note.files.items() if file.origin is None}
    is_public = bool(note.files) or note.page is not None
    if is_public and not private and not note.claimed:
        return ProjectNote()
    return replace(note, files=private, page=None)


def _back(note: ProjectNote, removed: Iterable[Removed]) -> Mapping[str, str]:
    """
    Why files that were removed here do not come back, by name.
    """
    last = {(each.filename, each.sha256): each for each in removed}
    refused = {}
    for filename, file in note.files.items():
        same = last.get((filename, file.sha256))
        if same is not None:
            because = f" ({same.reason})" if same.reason else ""
            refused[filename] = (
                f"it was removed here at {_date(same)}{because}; "
                "to have it back, put it here by hand"
            )
    return refused


def _date(removed: Removed) -> str:
    return render_second(removed.removed_at)


def _matching(name: NormalizedName, globs: Sequence[str]) -> str | None:
    return next((glob for glob in globs if fnmatchcase(name, glob)), None)
