"""
Which cached files go when there are too many of them, or when nobody wants them.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import Enum
from fnmatch import fnmatchcase

import msgspec
from attrs import frozen

from proxypypi.model import FileFacts
from proxypypi.names import NormalizedName
from proxypypi.rules.sorting import in_order

YOUNG = 60.0  # seconds after its last use that a file stays: it may be wanted again

_SLACK = 3_600.0  # seconds by which moments may be ahead
_LOW = 95  # percent of what is allowed: down to there, so that not each new file evicts


class Kind(Enum):
    """
    What a file in the directory is to us.
    """

    CACHED = "cached"
    PINNED = "pinned"  # and cached
    LAST = "last"  # cached, but it could not be fetched again
    PRIVATE = "private"


class Stored(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    A file in the directory. There are hundreds of thousands of them at once, through
    which the garbage collector would look, for a tenth of a second, while all waits.

    :ivar size: bytes.
    :ivar used_at: POSIX seconds of its last use, or of when it came.
    """

    name: NormalizedName
    filename: str
    size: int
    used_at: float
    kind: Kind = Kind.CACHED

    @property
    def file(self) -> tuple[NormalizedName, str]:
        """
        What tells it from all others.
        """
        return self.name, self.filename


@frozen(kw_only=True)
class Pins:
    """
    What is never evicted.

    :ivar projects: globs of normalized names.
    :ivar files: globs of file names.
    """

    projects: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def hold(self, stored: Stored) -> bool:
        return any(fnmatchcase(stored.name, glob) for glob in self.projects) or any(
            fnmatchcase(stored.filename, glob) for glob in self.files
        )


ALL = Pins(projects=("*",))


def kind_of(facts: FileFacts | None, asked: Collection[str]) -> Kind:
    """
    :param facts: of that very file; :obj:`None` if it is not known yet.
    :param asked: the addresses of the indexes that are asked about its project, and
        have it.
    """
    if facts is None or not facts.cached:
        return Kind.PRIVATE
    listed = facts.missed_at is None
    return Kind.CACHED if listed and facts.origin in asked else Kind.LAST


def last_use(now: float, *moments: float | None) -> float:
    """
    The latest of some moments, those left out that are unknown, or so late that a clock
    was wrong then. What is a little later than *now* happened while files were looked
    at.
    """
    known = (moment for moment in moments if moment is not None)
    return max((moment for moment in known if moment <= now + _SLACK), default=0.0)


def counted(files: Iterable[Stored]) -> int:
    """
    :returns: how many bytes the cached ones have; only they count.
    """
    return sum(file.size for file in files if file.kind is not Kind.PRIVATE)


def surplus(
    files: Sequence[Stored], now: float, most: int | None, spare: int = 0
) -> list[Stored]:
    """
    What goes so that the cached files fit: what was not used for longest goes first.

    :param most: bytes that they may have together; :obj:`None` for any number.
    :param spare: bytes that are to go in any case.
    """
    total = counted(files)
    needed = spare
    if most is not None and total > most:
        needed = max(needed, total - most * _LOW // 100)
    going: list[Stored] = []
    if needed <= 0:
        return going
    for file in _those_that_can(files, now):
        if needed <= 0:
            break
        going.append(file)
        needed -= file.size
    return going


def unused(files: Iterable[Stored], now: float, since: float) -> list[Stored]:
    """
    What goes as nobody has used it for long, the longest first.

    :param since: POSIX seconds; whatever was used then or later stays.
    """
    return [file for file in _those_that_can(files, now) if file.used_at < since]


def _those_that_can(files: Iterable[Stored], now: float) -> Iterator[Stored]:
    """
    :returns: the least recently used first; of those that were used at the same moment,
        the order stays.
    """
    can = (
        file
        for file in files
        if file.kind is Kind.CACHED and now - file.used_at >= YOUNG
    )
    return in_order(can, key=lambda file: file.used_at)
