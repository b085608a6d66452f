"""
Which indexes are asked about which projects.
"""

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase

from attrs import field, frozen

from proxypypi.names import NormalizedName, is_among
from proxypypi.settings import Settings


@frozen(kw_only=True)
class Asking:
    """
    What a server asks of whom; nobody, unless more is said.

    :ivar indexes: the address of each to what it is asked about, for which see
        :func:`~proxypypi.names.is_among`.
    :ivar refused: globs of the names of projects that none is asked about.
    """

    indexes: Mapping[str, Sequence[str]] = field(factory=dict)
    refused: tuple[str, ...] = ()

    @classmethod
    def said_by(cls, settings: Settings) -> "Asking":
        return cls(
            indexes={each.url: each.projects for each in settings.upstreams},
            refused=(*settings.private, *settings.deny),
        )

    def about(self, name: NormalizedName) -> frozenset[str]:
        """
        :returns: the addresses of those that are asked about a project.
        """
        if any(fnmatchcase(name, glob) for glob in self.refused):
            return frozenset()
        indexes = self.indexes.items()
        return frozenset(url for url, globs in indexes if is_among(name, globs))


def asked_about(
    name: NormalizedName, claimed: bool, askings: Collection[Asking]
) -> frozenset[str]:
    """
    :param claimed: is the project ours alone?
    :param askings: all that is known of who asks; one at least.
    :returns: the addresses of the indexes that are asked by each of them.
    """
    if claimed:
        return frozenset()
    return frozenset.intersection(*(asking.about(name) for asking in askings))
