"""
The releases of a project: its files by version, and which is the newest.
"""

from collections.abc import Mapping, Sequence

from attrs import frozen
from packaging.version import Version

from proxypypi.model import Distribution, ProjectPage
from proxypypi.names import comparable, version_of


@frozen
class Releases:
    """
    :ivar files: of each version, as its index spells it.
    """

    files: Mapping[str, Sequence[Distribution]]

    def find(self, version: str) -> str | None:
        """
        :param version: in any spelling.
        :returns: that in which it is here; :obj:`None` if it is not.
        """
        if version in self.files:
            return version
        wanted = comparable(version)
        return next((v for v in self.files if comparable(v) == wanted), None)

    @property
    def newest(self) -> str | None:
        """
        What an installer would take that is told no more than the project's name;
        :obj:`None` if there is no file at all.
        """
        return max(self.files, key=self._merit, default=None)

    def _merit(self, version: str) -> tuple[bool, bool, bool, Version]:
        usable = any(d.yanked is False for d in self.files[version])
        parsed = _parsed(version)
        if parsed is None:
            return usable, False, False, Version("0")
        return usable, not parsed.is_prerelease, True, parsed


def releases_of(page: ProjectPage) -> Releases:
    """
    A file in whose name there is no version is in none of them.
    """
    spelt = {comparable(version): version for version in page.versions}
    found: dict[str, list[Distribution]] = {}
    for distribution in page.distributions:
        version = version_of(distribution.filename, page.name)
        if version is not None:
            version = spelt.setdefault(comparable(version), version)
            found.setdefault(version, []).append(distribution)
    return Releases(found)


def _parsed(version: str) -> Version | None:
    try:
        return Version(version)
    except ValueError:  # InvalidVersion, or more digits than an int may have
        return None
