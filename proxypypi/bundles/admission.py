"""
What may come in of what a bundle has of a project, and why the rest may not.

A name that is ours alone is so nobody can slip a package under it, and a bundle is no
way around that: of what an index has under such a name, nothing comes.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from attrs import define, field, frozen
from msgspec.structs import replace

from proxypypi.bundles.notes import ProjectNote
from proxypypi.errors import NameDenied
from proxypypi.names import NormalizedName
from proxypypi.settings import Settings
from proxypypi.store.claims import ClaimStore


@frozen
class Admitted:
    """
    :ivar note: as much of that of the bundle as counts here.
    :ivar refused: files that may not come, and why, by name.
    """

    note: ProjectNote
    refused: Mapping[str, str]


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

    def admit(self, name: NormalizedName, note: ProjectNote) -> Admitted:
        """
        :raises OSError: it cannot be known whether it is claimed.
        """
        glob = _matching(name, self._settings.deny)
        if glob is not None:
            why = str(NameDenied(project=name, glob=glob))
            only_decided = replace(note, files={}, page=None)
            return Admitted(only_decided, dict.fromkeys(note.files, why))
        why_ours = self._why_ours(name, note)
        if not why_ours:
            return Admitted(note, {})
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


def _matching(name: NormalizedName, globs: Sequence[str]) -> str | None:
    return next((glob for glob in globs if fnmatchcase(name, glob)), None)
