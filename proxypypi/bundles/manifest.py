"""
What a bundle says of itself: which members it has, in their order.

Of each project there come, one after the other, a note of what is known of it, its page
as its index sent it, if that is kept, and its files.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Annotated

import msgspec
from attrs import frozen

from proxypypi import __version__
from proxypypi.errors import BadBundle, BadName
from proxypypi.names import NormalizedName, check_filename, is_distribution, normalize

MANIFEST = "manifest.json"
LARGEST_MANIFEST = 64 * 1024 * 1024  # bytes; it is held in memory, as is a note or page

_FORMAT = 1
_LARGEST_NOTE = 32 * 1024 * 1024  # bytes
_LARGEST_PAGE = 100 * 1024 * 1024
_LARGEST_FILE = 2**50
_NOTES, _PAGES = ".projects", ".pages"  # no project has such a name

Moment = Annotated[float, msgspec.Meta(ge=0, le=253_402_300_799)]
"""
POSIX seconds that a date can be made from.
"""

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Kind(Enum):
    """
    What a member is, and how many bytes it may have.
    """

    NOTE = _LARGEST_NOTE
    PAGE = _LARGEST_PAGE
    FILE = _LARGEST_FILE


class Member(msgspec.Struct, frozen=True):
    """
    :ivar name: by which the tar knows it.
    :ivar size: bytes.
    """

    name: str
    size: Annotated[int, msgspec.Meta(ge=0, le=_LARGEST_FILE)]
    sha256: Sha256


@frozen
class Place:
    """
    What the name of a member says.

    :ivar filename: empty unless it is a file.
    """

    kind: Kind
    project: NormalizedName
    filename: str = ""


class Manifest(msgspec.Struct, kw_only=True):
    """
    The first member.

    :ivar made_by: the program and its version.
    :ivar members: all others.
    """

    format: int = _FORMAT
    made_at: Moment
    made_by: str = f"proxypypi {__version__}"
    members: tuple[Member, ...]


class _Versioned(msgspec.Struct):
    format: int


def note_name(project: NormalizedName) -> str:
    return f"{_NOTES}/{project}.json"


def page_name(project: NormalizedName) -> str:
    return f"{_PAGES}/{project}"


def file_name(project: NormalizedName, filename: str) -> str:
    return f"{project}/{filename}"


def place_of(member: Member) -> Place:
    """
    :raises BadBundle: no member may have that name, or that size.
    """
    folder, _, rest = member.name.partition("/")
    try:
        if folder == _NOTES and rest.endswith(".json"):
            place = Place(Kind.NOTE, _project(rest.removesuffix(".json")))
        elif folder == _PAGES:
            place = Place(Kind.PAGE, _project(rest))
        else:
            place = Place(Kind.FILE, _project(folder), _distribution(rest))
    except BadName as e:
        raise BadBundle(reason=f"it has a member {member.name!a}") from e
    if member.size > place.kind.value:
        raise BadBundle(reason=f"{member.name} has {member.size:,} bytes: too many")
    return place


def render_manifest(members: Iterable[Member], made_at: float) -> bytes:
    """
    :raises BadBundle: there are too many.
    """
    manifest = Manifest(made_at=made_at, members=tuple(members))
    content = msgspec.json.encode(manifest)
    if len(content) > LARGEST_MANIFEST:
        raise BadBundle(reason="there are too many files for one bundle: make several")
    return content


def parse_manifest(content: bytes) -> Manifest:
    """
    :raises BadBundle: it is none, is of a format that is not known here, or its members
        are none that a bundle may have.
    """
    try:
        known = msgspec.json.decode(content, type=_Versioned).format
        if known != _FORMAT:
            raise BadBundle(
                reason=f"it is of format {known}, and {_FORMAT} is what is known here: "
                "it needs another version of proxypypi"
            )
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as e:
        raise BadBundle(reason=f"its {MANIFEST} is damaged: {e}") from e
    _check_order(manifest.members)
    return manifest


def _check_order(members: Iterable[Member]) -> None:
    """
    Each name once, and of each project the note first.
    """
    names: set[str] = set()
    project = None
    for member in members:
        place = place_of(member)
        if place.kind is Kind.NOTE:
            project = place.project
        if place.project != project or member.name in names:
            raise BadBundle(reason=f"{member.name!a} is not where it belongs in it")
        names.add(member.name)


def _project(name: str) -> NormalizedName:
    if normalize(name) != name:
        raise BadName(kind="project", name=name)
    return NormalizedName(name)


def _distribution(filename: str) -> str:
    if not is_distribution(check_filename(filename)):
        raise BadName(kind="file", name=filename)
    return filename
