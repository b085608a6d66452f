"""
Private files, the newest first, and which of their projects an index has, too.
"""

from collections.abc import Callable, Mapping, Sequence
from heapq import nlargest
from pathlib import Path

from attrs import define
from twisted.internet.defer import maybeDeferred

from proxypypi.cache.facts import describes
from proxypypi.model import FileFacts, NewFile, SharedName
from proxypypi.moments import render_second
from proxypypi.names import NormalizedName
from proxypypi.store.directory import Directory
from proxypypi.store.facts import FactsStore, names_seen
from proxypypi.store.pages import PageStore

_MOST = 10  # files
_LOOKED_AT = 30  # projects, those that got files last


@define(eq=False)
class Newcomers:
    """
    Looks at what all processes have on record, not into files. Blocks.

    :ivar _is_hidden: is nothing to be said of a project?
    """

    _directory: Directory
    _facts: FactsStore
    _pages: PageStore
    _decisions: Path
    _is_hidden: Callable[[NormalizedName], bool]

    @classmethod
    def of(
        cls,
        root: Path,
        directory: Directory,
        is_hidden: Callable[[NormalizedName], bool],
    ) -> "Newcomers":
        """
        :param root: the cache directory, and *directory* likewise.
        """
        cache = root / ".proxypypi" / "cache"
        decisions = root / ".proxypypi" / "decisions"
        return cls(
            directory,
            FactsStore(cache, decisions, maybeDeferred),
            PageStore(cache / "pages", maybeDeferred),
            decisions,
            is_hidden,
        )

    def look(self) -> tuple[list[NewFile], list[SharedName]]:
        """
        :returns: also the projects of which a page of an index is at hand.
        """
        names = [n for n in names_seen(self._decisions) if not self._is_hidden(n)]
        return self._newest(names[:_LOOKED_AT]), self._shared(names)

    def _newest(self, names: Sequence[NormalizedName]) -> list[NewFile]:
        found = (
            (facts.seen_at, name, filename)
            for name in names
            for filename, facts in self._here(name).items()
        )
        return [
            NewFile(project=name, filename=filename, seen_at=render_second(seen_at))
            for seen_at, name, filename in nlargest(_MOST, found)
        ]

    def _shared(self, names: Sequence[NormalizedName]) -> list[SharedName]:
        found = []
        for name in sorted(self._pages.names().intersection(names)):
            name = NormalizedName(name)
            index = self._pages.index_of(name)
            if index is not None and self._here(name):
                found.append(SharedName(project=name, index=index))
        return found

    def _here(self, name: NormalizedName) -> Mapping[str, FileFacts]:
        """
        A project's private files that lie here now, as far as they were read.
        """
        ((_, files),) = self._directory.walk([name])
        facts = self._facts.read_facts(name)
        return {
            filename: facts[filename]
            for filename, file in files.items()
            if describes(facts, file) and not facts[filename].cached
        }
