"""
How much lies in the directory, and whose it is.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import define, field

from proxypypi.model import FileFacts, LocalFile
from proxypypi.store.directory import look_around
from proxypypi.store.facts import sound_facts

CACHED, PRIVATE, UNREAD = "cached", "private", "unread"


@define(eq=False)
class Census:
    """
    :ivar files: how many there are that are cached, private, or unread yet: of those it
        is not known.
    :ivar sizes: their bytes.
    """

    projects: int = field(default=0, init=False)
    files: Counter[str] = field(factory=Counter, init=False)
    sizes: Counter[str] = field(factory=Counter, init=False)

    @classmethod
    def take(cls, root: Path, told: Callable[[int, int], None]) -> "Census":
        """
        Blocks. Files are not looked into, only records of them.

        :param told: is told how many projects are done, of how many.
        """
        census, cache = cls(), root / ".proxypypi" / "cache"
        for name, files in look_around(root, told):
            census._add(files, sound_facts(cache, name))
        return census

    def _add(
        self, files: Mapping[str, LocalFile], facts: Mapping[str, FileFacts]
    ) -> None:
        self.projects += 1
        for filename, file in files.items():
            known = facts.get(filename)
            kind = UNREAD
            if known is not None and known.describe(file):
                kind = CACHED if known.cached else PRIVATE
            self.files[kind] += 1
            self.sizes[kind] += file.size
