"""
What somebody wants to have here: the release that a requirement means, or files.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from attrs import field, frozen
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from proxypypi.errors import NoFittingRelease
from proxypypi.model import Distribution, ProjectPage
from proxypypi.names import NormalizedName, is_immutable, version_of

_OLDEST, _NEWEST = 7, 18
_PYTHONS = tuple(f"3.{minor}" for minor in range(_OLDEST, _NEWEST + 1))
_PATCHES = (0, 99)  # a bound such as >=3.8.1 or <3.8.5 holds for one of these
_SYSTEMS = (
    ("posix", "linux", "Linux", "x86_64"),
    ("posix", "linux", "Linux", "aarch64"),
    ("posix", "darwin", "Darwin", "arm64"),
    ("nt", "win32", "Windows", "AMD64"),
)


@frozen(kw_only=True)
class WantedFiles:
    """
    Files by their names, as lock files have them.

    :ivar said: what the report calls it.
    :ivar files: file name to the digests that it must have; none for any.
    """

    said: str
    project: NormalizedName
    files: Mapping[str, Mapping[str, str]]


@frozen(kw_only=True)
class WantedRelease:
    """
    A release, as a line of a requirements file has it.

    :ivar said: what the report calls it.
    :ivar hashes: algorithm and digest; only files that have one of them are meant.
        Empty for all.
    :ivar prereleases: may it be one where there are others?
    """

    said: str
    project: NormalizedName
    specifier: SpecifierSet = field(factory=SpecifierSet)
    marker: Marker | None = None
    hashes: frozenset[tuple[str, str]] = frozenset()
    prereleases: bool = False

    def pick(self, page: ProjectPage) -> tuple[str, ...]:
        """
        The files of the newest release that fits.

        A yanked file is none but for an exact pin (:pep:`592`). Without one, the
        release supports a Python that the marker holds for, as far as we know them. A
        pre-release is taken if nothing else fits (:pep:`440`).

        :returns: the names of all its wheels and sdists.
        :raises NoFittingRelease: there is none.
        """
        fitting = self._all_fitting(page)
        return tuple(d.filename for d in fitting[max(fitting)])

    def pick_all(self, page: ProjectPage) -> tuple[str, ...]:
        """
        As :meth:`pick`, the files of all releases that fit.
        """
        fitting = self._all_fitting(page)
        return tuple(d.filename for each in sorted(fitting) for d in fitting[each])

    def _all_fitting(
        self, page: ProjectPage
    ) -> Mapping[Version, Sequence[Distribution]]:
        releases = self._releases(page)
        usable = self._usable(releases)
        fitting = self._fitting(usable)
        if not fitting:
            reason = self._why_none(releases)
            raise NoFittingRelease(project=self.project, reason=reason)
        return {version: usable[version] for version in fitting}

    def _fitting(
        self, releases: Mapping[Version, Sequence[Distribution]]
    ) -> list[Version]:
        prereleases = True if self.prereleases else None
        return list(self.specifier.filter(releases, prereleases=prereleases))

    def _releases(self, page: ProjectPage) -> Mapping[Version, Sequence[Distribution]]:
        written: dict[str, list[Distribution]] = {}
        for d in page.distributions:
            is_egg = d.filename.lower().endswith(".egg")
            if is_immutable(d.filename) and not is_egg:
                text = version_of(d.filename, self.project) or ""
                written.setdefault(text, []).append(d)
        releases: dict[Version, list[Distribution]] = {}
        for text, distributions in written.items():
            try:
                version = Version(text)
            except ValueError:  # InvalidVersion, or more digits than an int may have
                continue
            releases.setdefault(version, []).extend(distributions)
        return releases

    def _usable(
        self, releases: Mapping[Version, Sequence[Distribution]]
    ) -> Mapping[Version, Sequence[Distribution]]:
        pythons = pythons_of(self.marker)
        spoken_of = {d.requires_python for ds in releases.values() for d in ds}
        supporting = {said for said in spoken_of if _supports(said, pythons)}
        usable = {}
        for version, distributions in releases.items():
            meant = [d for d in distributions if self._is_meant(d)]
            if any(self._is_pinned or d.requires_python in supporting for d in meant):
                usable[version] = meant
        return usable

    @property
    def _is_pinned(self) -> bool:
        return any(
            s.operator == "===" or (s.operator == "==" and not s.version.endswith(".*"))
            for s in self.specifier
        )

    def _is_meant(self, distribution: Distribution) -> bool:
        if distribution.yanked is not False and not self._is_pinned:
            return False
        return not self.hashes or bool(self.hashes & distribution.hashes.items())

    def _why_none(self, releases: Mapping[Version, Sequence[Distribution]]) -> str:
        if not releases:
            return "it has no wheel or sdist"
        if not self._fitting(releases):
            return f"the newest is {max(releases)}"
        if self.hashes:
            return "no file of those that fit has one of the digests"
        return "those that fit are yanked, or for no Python that is known"


Wanted = WantedFiles | WantedRelease


def pythons_of(marker: Marker | None) -> Sequence[str]:
    """
    The Pythons, such as ``3.9``, for which a marker holds on some system. All if it
    holds for none, as others know better than we which there are.
    """
    if marker is None:
        return _PYTHONS
    return [p for p in _PYTHONS if _holds(marker, p)] or _PYTHONS


def _holds(marker: Marker, python: str) -> bool:
    try:
        return any(marker.evaluate(dict(each)) for each in _environments(python))
    except ValueError:  # it compares what has no order
        return True


def _environments(python: str) -> Iterator[Mapping[str, str]]:
    for patch, (os_name, platform, system, machine) in product(_PATCHES, _SYSTEMS):
        yield {
            "implementation_name": "cpython",
            "implementation_version": f"{python}.{patch}",
            "os_name": os_name,
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": system,
            "platform_version": "",
            "python_full_version": f"{python}.{patch}",
            "python_version": python,
            "sys_platform": platform,
            "extra": "",
        }


def _supports(requires_python: str | None, pythons: Sequence[str]) -> bool:
    """
    What cannot be understood keeps no installer away.
    """
    try:
        specifier = SpecifierSet(requires_python or "")
    except ValueError:
        return True
    versions = (f"{python}.{patch}" for python in pythons for patch in _PATCHES)
    return any(map(specifier.contains, versions))
