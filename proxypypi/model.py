"""
The nouns: distributions, project pages, and what an index sent.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from enum import Enum
from fnmatch import fnmatchcase
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from attrs import field, frozen

from proxypypi.names import NormalizedName

_LATEST = 253_402_300_799.0  # POSIX seconds: the last of the year 9999


def possible(moment: float) -> float | None:
    """
    POSIX seconds that a date can be made from; :obj:`None` if these are not.
    """
    return moment if 0 <= moment <= _LATEST else None


def _read_only(mapping: Mapping[str, str]) -> Mapping[str, str]:
    if isinstance(mapping, MappingProxyType):  # of a noun that this one is made from
        return mapping
    return MappingProxyType(dict(mapping))


def _read_only_unless_bool(value: Any) -> Any:
    return value if value is None or isinstance(value, bool) else _read_only(value)


@frozen(kw_only=True)
class Distribution:
    """
    One file of a project, as its project page lists it (PEP 691, PEP 700).

    :ivar filename: of the sdist or wheel; a single path segment.
    :ivar url: without its ``#sha256=`` fragment; absolute when it came from an
        index, relative in a listing of ours.
    :ivar hashes: algorithm to lower-case hex digest; empty if none was given.
    :ivar requires_python: a version specifier; :obj:`None` if none was given.
    :ivar size: bytes; :obj:`None` if the index does not say.
    :ivar upload_time: an RFC 3339 time as the index wrote it; :obj:`None` if it does
        not say.
    :ivar yanked: :obj:`False`, or the reason, which may be ``""`` (PEP 592).
    :ivar core_metadata: digests of the ``.metadata`` sibling, :obj:`True` if there is
        one without known digest, :obj:`False` if there is none; :obj:`None` if the
        index does not say (PEP 658, PEP 714).
    :ivar provenance: address of its provenance object (PEP 740), or :obj:`None`.
    :ivar gpg_sig: has it a ``.asc`` sibling? :obj:`None` if the index does not say.
    """

    filename: str
    url: str
    hashes: Mapping[str, str] = field(factory=dict, converter=_read_only)
    requires_python: str | None = None
    size: int | None = None
    upload_time: str | None = None
    yanked: str | Literal[False] = False
    core_metadata: Mapping[str, str] | bool | None = field(
        default=None, converter=_read_only_unless_bool
    )
    provenance: str | None = None
    gpg_sig: bool | None = None

    @property
    def uploaded_at(self) -> float | None:
        """
        Its upload time in POSIX seconds; :obj:`None` if the index does not say.
        """
        if self.upload_time:
            with suppress(ValueError, OverflowError):
                # Before Python 3.11, fromisoformat does not know the "Z".
                time = self.upload_time.replace("Z", "+00:00")
                return possible(datetime.fromisoformat(time).timestamp())
        return None


@frozen(kw_only=True)
class ProjectPage:
    """
    What an index says of a project (PEP 503, PEP 691, PEP 700, PEP 792).

    :ivar index: the address of that index; empty if it is we who say it.
    :ivar distributions: no two have one name.
    :ivar ambiguous: names that the index gave to files of different digests; the first
        of each is here.
    :ivar versions: of the project, as the index gave them; empty if it gave none.
    :ivar status: ``active``, ``archived``, ``quarantined``, ``deprecated``, or
        :obj:`None` if the index does not say.
    :ivar last_serial: the index's ``_last-serial``, or what its header says for that;
        :obj:`None` if it has none.
    """

    name: NormalizedName
    index: str = ""
    distributions: tuple[Distribution, ...] = ()
    ambiguous: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    status: str | None = None
    status_reason: str | None = None
    last_serial: int | None = None

    @cached_property
    def by_filename(self) -> Mapping[str, Distribution]:
        return {d.filename: d for d in self.distributions}


@frozen(kw_only=True)
class Marks:
    """
    What people here say of a project and of its files, whatever an index says.

    :ivar status: see :attr:`ProjectPage.status`; :obj:`None` if they say nothing.
    :ivar versions: yanked ones, as :func:`~proxypypi.names.comparable` spells them, to
        the reasons, which may be ``""`` (PEP 592).
    :ivar files: names of yanked ones to the reasons.
    :ivar everything: the reason for which all files are; :obj:`None` if they are not.
    """

    status: str | None = None
    status_reason: str | None = None
    versions: Mapping[str, str] = field(factory=dict, converter=_read_only)
    files: Mapping[str, str] = field(factory=dict, converter=_read_only)
    everything: str | None = None

    @property
    def quarantined(self) -> bool:
        return self.status == "quarantined"


NO_MARKS = Marks()


@frozen(kw_only=True)
class RawPage:
    """
    A project page exactly as an index sent it.

    :ivar index: address of the index that was asked, without credentials.
    :ivar url: the page's address after redirects; relative links start here.
    :ivar content_type: the header's value.
    :ivar body: decoded of any content coding.
    :ivar etag: for the next conditional request; :obj:`None` if none was sent.
    :ivar last_modified: likewise, an HTTP date.
    :ivar last_serial: ``X-PyPI-Last-Serial``, as it was sent.
    """

    index: str
    url: str
    content_type: str
    body: bytes = field(repr=False)
    etag: str | None = None
    last_modified: str | None = None
    last_serial: str | None = None


class Change(Enum):
    """
    What upstream says that is not believed at once.
    """

    GONE = "gone-upstream"
    EMPTY = "empty-upstream"
    OLDER = "older-upstream"


@frozen(kw_only=True)
class Doubt:
    """
    What upstream says of a project instead of what it said before.

    :ivar since: POSIX seconds of the refresh that heard it first.
    :ivar believed: has it been said for long enough?
    """

    change: Change
    since: float
    believed: bool = False


@frozen(kw_only=True)
class HeldList:
    """
    An index's project list that is kept.

    :ivar page: its body left out.
    :ivar digest: sha256 of the body.
    :ivar checked_at: when it was last known to hold, POSIX seconds.
    """

    page: RawPage
    digest: str
    checked_at: float


@frozen(kw_only=True)
class Beginning:
    """
    How a list of projects begins, in one form: all of it but what is here, and its end.

    :ivar size: bytes, not compressed.
    :ivar digest: sha256 of the same.
    :ivar crc: CRC-32 of the same.
    """

    size: int
    digest: str
    crc: int


@frozen(kw_only=True)
class LocalFile:
    """
    A distribution that lies in the directory.

    :ivar path: of the file, absolute.
    :ivar size: bytes.
    :ivar modified_at: nanoseconds since the epoch, as the file system has it; with
        *size*, *inode* and *changed_at* this tells one file from its replacement.
    :ivar changed_at: nanoseconds since the epoch of the last change of any kind.
    """

    filename: str
    path: str
    size: int
    modified_at: int
    inode: int
    changed_at: int


@frozen(kw_only=True)
class User:
    """
    Who asks, as far as that decides what may be done.

    :ivar name: for the log; empty for somebody unknown.
    :ivar may_read: pages and files, where not everybody may.
    :ivar may_upload: distributions of :attr:`projects`.
    :ivar may_administer: refresh pages, and have files fetched.
    :ivar projects: globs of normalized names; empty for all that no upstream has.
    :ivar on_behalf_of: who may upload no less; :obj:`None` for nobody else.
    """

    name: str = ""
    may_read: bool = False
    may_upload: bool = False
    may_administer: bool = False
    projects: tuple[str, ...] = ()
    on_behalf_of: "User | None" = None

    def may_publish(self, project: NormalizedName, *, upstream_has: bool) -> bool:
        """
        A project that an upstream has, too, must be named.
        """
        other = self.on_behalf_of
        if other is not None and not other.may_publish(
            project, upstream_has=upstream_has
        ):
            return False
        if not self.may_upload:
            return False
        if not self.projects:
            return not upstream_has
        return any(fnmatchcase(project, glob) for glob in self.projects)


@frozen(kw_only=True)
class Validity:
    """
    For how long an answer about a project would be given again just as it was.

    :ivar until: POSIX seconds.
    :ivar slot: where the project's number is among
        :class:`~proxypypi.store.generations.Generations`.
    :ivar number: what it was before the answer was made; it holds while it is the same.
    """

    until: float
    slot: int
    number: int


@frozen(kw_only=True)
class FileFacts:
    """
    What is known of the content of a :class:`LocalFile`.

    :ivar size: of the file these facts are of, with the three that follow.
    :ivar hashes: algorithm to lower-case hex digest; ``sha256`` is always there.
    :ivar requires_python: from its core metadata; :obj:`None` if it has none.
    :ivar metadata_sha256: digest of the core metadata inside of a wheel;
        :obj:`None` for other files and for wheels without any.
    :ivar seen_at: POSIX seconds at which this name and digest was first seen here.
    :ivar origin: address of the index that it came from, or that lists the same file;
        :obj:`None` for a private one.
    :ivar uploaded_at: POSIX seconds of its upload time, as that index last said;
        :obj:`None` if it did not.
    :ivar missed_at: POSIX seconds of the refresh that first missed it there;
        :obj:`None` while it is listed.
    :ivar missed_again: has a later one missed it too?
    :ivar attested: did it come with attestations (PEP 740)?
    """

    size: int
    modified_at: int
    inode: int
    changed_at: int
    hashes: Mapping[str, str] = field(converter=_read_only)
    requires_python: str | None = None
    metadata_sha256: str | None = None
    seen_at: float
    origin: str | None = None
    uploaded_at: float | None = None
    missed_at: float | None = None
    missed_again: bool = False
    attested: bool = False

    @property
    def cached(self) -> bool:
        """
        Is it not private?
        """
        return self.origin is not None

    def describe(self, file: LocalFile) -> bool:
        """
        Are these facts of that very file, and not of one it replaced?
        """
        return (self.size, self.modified_at, self.inode, self.changed_at) == (
            file.size,
            file.modified_at,
            file.inode,
            file.changed_at,
        )


# Makes other facts of those of a project's files; changes nothing itself.
FactsChange = Callable[[Mapping[str, FileFacts]], Mapping[str, FileFacts]]


class Fate(Enum):
    """
    What has become of a file that another process fetches.
    """

    GROWING = "growing"
    PUBLISHED = "published"  # and was checked before
    LEFT = "left"  # and is ours to go on with
    LOST = "lost"  # to begin anew
    UNKEPT = "unkept"  # as it found no room; what had come can be read


@frozen(kw_only=True)
class Outcome:
    """
    How an answer was come by, in the terms of :rfc:`9211`.

    :ivar hit: it was here, and nobody was waited for.
    :ivar ttl: seconds for which it is fresh yet, negative if it is not; :obj:`None`
        to leave that out.
    :ivar forwarded: why upstream was asked: ``"miss"``, ``"stale"``; :obj:`None` if it
        was not.
    :ivar status: that upstream answered; :obj:`None` to leave that out.
    :ivar stored: what upstream gave is kept.
    :ivar collapsed: it is that of a request already under way.
    :ivar detail: a token that says more; empty for none.
    """

    hit: bool = False
    ttl: float | None = None
    forwarded: str | None = None
    status: int | None = None
    stored: bool = False
    collapsed: bool = False
    detail: str = ""
