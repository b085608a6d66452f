"""
What a bundle says of one project, beside what its files are.
"""

from typing import Annotated

import msgspec
from msgspec import Raw

from proxypypi.bundles.manifest import Moment, Sha256
from proxypypi.errors import BadBundle, BadName, BadRequest
from proxypypi.model import FileFacts, RawPage
from proxypypi.names import check_filename
from proxypypi.rules.attestations import read_attestations
from proxypypi.store.marks import STATUSES

_Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8,256}\Z")]

_Address = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s\x00-\x1f\x7f-\x9f]+\Z")]

_Line = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f-\x9f]*\Z")]

_BAD = (msgspec.MsgspecError, UnicodeError, RecursionError, BadName, BadRequest)


class FileNote(msgspec.Struct, kw_only=True, omit_defaults=True):
    """
    See :class:`~proxypypi.model.FileFacts`.

    :ivar hashes: without sha256.
    :ivar attestations: that came with it.
    """

    sha256: Sha256
    hashes: dict[str, _Digest] = {}
    seen_at: Moment
    origin: _Address | None = None
    uploaded_at: Moment | None = None
    missed_at: Moment | None = None
    missed_again: bool = False
    attestations: tuple[Raw, ...] = ()

    @classmethod
    def of(cls, facts: FileFacts, attestations: tuple[Raw, ...] = ()) -> "FileNote":
        return cls(
            sha256=facts.hashes["sha256"],
            hashes={a: d for a, d in facts.hashes.items() if a != "sha256"},
            seen_at=facts.seen_at,
            origin=facts.origin,
            uploaded_at=facts.uploaded_at,
            missed_at=facts.missed_at,
            missed_again=facts.missed_again,
            attestations=attestations,
        )

    @property
    def moment(self) -> float:
        """
        When it came into the world, as far as is known.
        """
        return self.seen_at if self.uploaded_at is None else self.uploaded_at


class PageNote(msgspec.Struct, kw_only=True, omit_defaults=True):
    """
    See :class:`~proxypypi.model.RawPage`.

    :ivar checked_at: when it was last known to hold, POSIX seconds.
    """

    index: _Address
    url: _Address
    content_type: _Line
    etag: _Line | None = None
    last_modified: _Line | None = None
    last_serial: _Line | None = None
    checked_at: Moment

    @classmethod
    def of(cls, page: RawPage, checked_at: float) -> "PageNote":
        return cls(
            index=page.index,
            url=page.url,
            content_type=page.content_type,
            etag=page.etag,
            last_modified=page.last_modified,
            last_serial=page.last_serial,
            checked_at=checked_at,
        )

    def page(self, body: bytes) -> RawPage:
        said = msgspec.structs.asdict(self)
        del said["checked_at"]
        return RawPage(body=body, **said)


class ProjectNote(msgspec.Struct, kw_only=True, omit_defaults=True):
    """
    :ivar files: by name; also of cached ones that are not in the bundle.
    :ivar page: :obj:`None` if the bundle has none.
    :ivar claimed: is its name ours alone?
    :ivar yanked_versions: see :class:`~proxypypi.model.Marks`, as all that follow.
    """

    files: dict[str, FileNote] = {}
    page: PageNote | None = None
    claimed: bool = False
    yanked_versions: dict[_Line, str] = {}
    yanked_files: dict[str, str] = {}
    status: str | None = None
    status_reason: str | None = None


def render_note(note: ProjectNote) -> bytes:
    return msgspec.json.encode(note, order="deterministic")


def parse_note(content: bytes) -> ProjectNote:
    """
    :raises BadBundle: it is none.
    """
    try:
        note = msgspec.json.decode(content, type=ProjectNote)
        for filename in (*note.files, *note.yanked_files):
            check_filename(filename)
        for file in note.files.values():
            attested = msgspec.json.encode(file.attestations).decode()
            file.attestations = read_attestations(attested, file.sha256)
    except _BAD as e:
        raise BadBundle(reason=f"a note of what is known is damaged: {e}") from e
    if note.status is not None and note.status not in STATUSES:
        raise BadBundle(reason=f"there is no status {note.status!a}")
    return note
