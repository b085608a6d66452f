"""
Files here that upstream has no longer: since when, and which are not given out.
"""

from collections.abc import Mapping

from attrs import define

from proxypypi.cache.facts import Facts
from proxypypi.cache.releases import ReleaseCache
from proxypypi.model import FileFacts, ProjectPage
from proxypypi.names import NormalizedName
from proxypypi.rules.removal import is_released, is_withheld, observe


@define(eq=False)
class Removal:
    """
    Remembers what upstream misses, and withholds what vanished young, unless people
    released it.

    :ivar _withhold: seconds; files that were younger when they vanished are withheld.
    """

    _facts: Facts
    _releases: ReleaseCache
    _withhold: float

    async def observe(
        self, name: NormalizedName, page: ProjectPage | None, at: float
    ) -> None:
        """
        Remember what a refresh says of the files here.

        :param page: :obj:`None` if upstream has no such project any more.
        :param at: POSIX seconds at which the refresh was.
        """

        def change(known: Mapping[str, FileFacts]) -> Mapping[str, FileFacts]:
            return {f: observe(facts, page, f, at) for f, facts in known.items()}

        before = await self._facts.of(name)
        if change(before) != before:
            await self._facts.learn(name, change, {})

    async def withheld(
        self, name: NormalizedName, facts: Mapping[str, FileFacts]
    ) -> frozenset[str]:
        """
        :param facts: of those files of the project that are wanted.
        :returns: the names of those that are not to be given out.
        """
        found = {f for f, known in facts.items() if is_withheld(known, self._withhold)}
        if not found:
            return frozenset()
        released = await self._releases.of(name)
        return frozenset(f for f in found if not is_released(facts[f], released.get(f)))
