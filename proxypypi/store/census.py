"""
How much lies in the directory, and whose it is.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from proxypypi.model import FileFacts, LocalFile
from proxypypi.store.directory import Directory
from proxypypi.store.facts import FactsStore

CACHED, PRIVATE, UNREAD = "cached", "private", "unread"

T = TypeVar("T")


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
        directory = Directory(root, Clock(), maybeDeferred)
        state = root / ".proxypypi"
        store = FactsStore(state / "cache", state / "decisions", maybeDeferred)
        census = cls()
        names = _now(directory.projects())
        for done, name in enumerate(names):
            told(done, len(names))
            census._add(_now(directory.files(name)), _now(store.load_facts(name)))
        return census

    def _add(
        self, files: Mapping[str, LocalFile], facts: Mapping[str, FileFacts]
    ) -> None:
        self.projects += bool(files)
        for filename, file in files.items():
            known = facts.get(filename)
            kind = UNREAD
            if known is not None and known.describe(file):
                kind = CACHED if known.cached else PRIVATE
            self.files[kind] += 1
            self.sizes[kind] += file.size


def _now(done: "Deferred[T]") -> T:
    """
    The result of what was not done in a thread.
    """
    outcome: list[T | Failure] = []
    done.addBoth(outcome.append)
    result = outcome[0]
    if isinstance(result, Failure):
        result.raiseException()
    return result
