"""
The versions of a project.
"""

from collections.abc import Iterable, Sequence

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
    given = upstream.versions if upstream is not None else ()
    counted = upstream.by_filename if upstream is not None and given else {}
    if len(distributions) < len(entries):
        gone = _all_versions(name, entries) - _all_versions(name, distributions)
        given = tuple(v for v in given if _comparable(v) not in gone)
    seen = {_comparable(v) for v in given}
    found = dict.fromkeys(
        version_of(d.filename, name) for d in distributions if d.filename not in counted
    )
    added = []
    for version in filter(None, found):
        comparable = _comparable(version)
        if comparable not in seen:
            seen.add(comparable)
            added.append(str(comparable))
    return (*given, *added)


def same_version(one: str, other: str) -> bool:
    """
    Are these two ways to write one version?
    """
    return _comparable(one) == _comparable(other)


def _all_versions(
    name: NormalizedName, distributions: Iterable[Distribution]
) -> set[Version | str]:
    versions = {version_of(d.filename, name) for d in distributions}
    return {_comparable(version) for version in versions if version is not None}


def _comparable(version: str) -> Version | str:
    try:
        return Version(version)
    except ValueError:  # InvalidVersion, or more digits than an int may have
        return version
