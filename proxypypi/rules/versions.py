"""
The versions of a project.
"""

from collections.abc import Sequence
from functools import cache

from packaging.version import Version

from proxypypi.model import Distribution, ProjectPage
from proxypypi.names import NormalizedName, version_of


def versions_of(
    name: NormalizedName,
    upstream: ProjectPage | None,
    entries: Sequence[Distribution],
    distributions: Sequence[Distribution],
) -> tuple[str, ...]:
    """
    Upstream's versions as it wrote them, then those of files it does not count.

    :param entries: those that there are.
    :param distributions: those of them that are listed. What has others alone is no
        version.
    """
    comparable_of = cache(_comparable)  # most of them are there several times
    given = upstream.versions if upstream is not None else ()
    counted = upstream.by_filename if upstream is not None and given else {}
    if len(distributions) < len(entries):
        spelt = {d.filename: version_of(d.filename, name) or "" for d in entries}
        kept = {spelt[d.filename] for d in distributions}
        gone = set(map(comparable_of, {*spelt.values()} - kept))
        if gone:
            gone -= set(map(comparable_of, kept))
        given = tuple(v for v in given if comparable_of(v) not in gone)
    seen = set(map(comparable_of, given))
    found = dict.fromkeys(
        version_of(d.filename, name) for d in distributions if d.filename not in counted
    )
    added = []
    for version in filter(None, found):
        comparable = comparable_of(version)
        if comparable not in seen:
            seen.add(comparable)
            added.append(str(comparable))
    return (*given, *added)


def same_version(one: str, other: str) -> bool:
    """
    Are these two ways to write one version?
    """
    return _comparable(one) == _comparable(other)


def _comparable(version: str) -> Version | str:
    try:
        return Version(version)
    except ValueError:  # InvalidVersion, or more digits than an int may have
        return version
