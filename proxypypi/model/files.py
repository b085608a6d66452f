"""
Files that lie in the directory, and what is known of them.
"""

from collections.abc import Callable, Mapping
from enum import Enum

from attrs import field, frozen

from proxypypi.model.values import read_only


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
    hashes: Mapping[str, str] = field(converter=read_only)
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


@frozen
class Release:
    """
    People let a file be given out that would not be otherwise.

    :ivar sha256: of the file; another of its name is not meant.
    :ivar at: POSIX seconds at which they said so.
    """

    sha256: str
    at: float


class Fate(Enum):
    """
    What has become of a file that another process fetches.
    """

    GROWING = "growing"
    PUBLISHED = "published"  # and was checked before
    LEFT = "left"  # and is ours to go on with
    LOST = "lost"  # to begin anew
    UNKEPT = "unkept"  # as it found no room; what had come can be read
