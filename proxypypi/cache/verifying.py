"""
All that can be wrong in a directory: with its files, with what is on record of them,
and with what else lies there. Blocks; for a command.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from attrs import frozen

from proxypypi.cache.verification import Verification
from proxypypi.model import Finding
from proxypypi.names import NormalizedName
from proxypypi.store.directory import look_around
from proxypypi.store.mending import Fault
from proxypypi.store.records import check_records
from proxypypi.store.strays import find_strays


@frozen(kw_only=True)
class Verified:
    """
    :ivar count: of the files that were looked at.
    :ivar size: theirs, in bytes.
    :ivar missing: projects that were meant, and have no files here.
    :ivar faults: sorted by where they are.
    """

    count: int
    size: int
    missing: Sequence[NormalizedName]
    faults: Sequence[Fault]


def verify_all(
    root: Path,
    names: Collection[NormalizedName],
    asked_about: Callable[[NormalizedName], Collection[str]],
    told: Callable[[int, int], None],
    now: Callable[[], float],
    sleep: Callable[[float], None],
) -> Verified:
    """
    :param names: of the projects that are meant; empty for all, and for what is no
        project's.
    :param asked_about: and the others: see :class:`Verification`.
    """
    files = {n: f for n, f in look_around(root) if not names or n in names}
    verification = Verification(root, files, asked_about, told, now, sleep)
    faults = [
        *verification.faults(),
        *check_records(root, names, now()),
        *_strays(root, names),
    ]
    return Verified(
        count=verification.count,
        size=verification.size,
        missing=[name for name in names if name not in files],
        faults=sorted(faults, key=lambda fault: fault.finding.subject),
    )


def _strays(root: Path, names: Collection[NormalizedName]) -> Iterator[Fault]:
    for stray in find_strays(root):
        if not names or stray.project in names:
            finding = Finding.warning(stray.path, stray.why, stray.advice)
            yield Fault(finding=finding, project=stray.project)
