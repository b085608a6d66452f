"""
Bundles, made by hand.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from attrs import field, frozen

from proxypypi.bundles.manifest import (
    MANIFEST,
    Member,
    file_name,
    note_name,
    page_name,
    render_manifest,
)
from proxypypi.bundles.notes import FileNote, PageNote, ProjectNote, render_note
from proxypypi.bundles.tar import END, header, padding
from proxypypi.names import NormalizedName, normalize
from proxypypi.store.removed import Removed, remove_file
from tests.distributions import BuiltDistribution

DEMO = normalize("demo")
INDEX = "https://index.example/simple/"
MADE_AT = 1_700_000_000.0


def member(name: str, content: bytes) -> Member:
    return Member(name, len(content), sha256(content).hexdigest())


def note_of(built: BuiltDistribution, **more: Any) -> FileNote:
    """
    :param more: attributes; a private file's, unless they say more.
    """
    return FileNote(**{"sha256": built.sha256, "seen_at": 1_600_000_000.5, **more})


@frozen(kw_only=True)
class Packed:
    """
    What a bundle has of one project.

    :ivar body: of its page, if *note* has one.
    """

    note: ProjectNote
    files: Sequence[BuiltDistribution] = ()
    body: bytes = b""
    name: NormalizedName = field(default=DEMO)

    @property
    def members(self) -> Mapping[str, bytes]:
        """
        The content of each, by its name.
        """
        content = {note_name(self.name): render_note(self.note)}
        if self.note.page is not None:
            content[page_name(self.name)] = self.body
        for built in self.files:
            content[file_name(self.name, built.filename)] = built.content
        return content


def page_note(**more: Any) -> PageNote:
    said = {
        "index": INDEX,
        "url": f"{INDEX}demo/",
        "content_type": "application/vnd.pypi.simple.v1+json",
        "checked_at": 1_650_000_000.25,
    }
    return PageNote(**{**said, **more})


def packed(
    *files: BuiltDistribution, name: NormalizedName = DEMO, **more: Any
) -> Packed:
    """
    Private files.

    :param more: for the note.
    """
    notes = {built.filename: note_of(built) for built in files}
    return Packed(note=ProjectNote(**{"files": notes, **more}), files=files, name=name)


def entry(name: str, content: bytes) -> bytes:
    """
    A member, as it lies in the tar.
    """
    return header(name, len(content), 0.0) + content + padding(len(content))


def make_tar(
    content: Mapping[str, bytes], members: Iterable[Member] | None = None
) -> bytes:
    """
    :param members: that its manifest has; :obj:`None` for those that there are.
    """
    if members is None:
        members = [member(name, data) for name, data in content.items()]
    manifest = render_manifest(members, MADE_AT)
    entries = [entry(name, data) for name, data in content.items()]
    return b"".join([entry(MANIFEST, manifest), *entries, END])


def contents_of(*projects: Packed) -> dict[str, bytes]:
    return {name: data for each in projects for name, data in each.members.items()}


def make_bundle(*projects: Packed) -> bytes:
    return make_tar(contents_of(*projects))


def remove_on_record(
    root: Path, path: str, sha256: str, removed_at: float = 1.0, reason: str = ""
) -> None:
    """
    A file of the project is removed.

    :param path: from the directory.
    """
    removed = Removed(
        filename=Path(path).name,
        path=path,
        sha256=sha256,
        size=1,
        removed_at=removed_at,
        by="somebody",
        reason=reason,
    )
    remove_file(root, root / ".proxypypi" / "decisions", DEMO, removed)
