"""
Evicting files: a look at all that is here, a choice, and its end. For threads.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from attrs import define, evolve, field, frozen
from msgspec.structs import replace
from twisted.logger import Logger

from proxypypi.errors import DamagedRecord
from proxypypi.model import FileFacts, LocalFile
from proxypypi.names import NormalizedName
from proxypypi.rules.eviction import (
    ALL,
    Kind,
    Pins,
    Stored,
    counted,
    kind_of,
    last_use,
)
from proxypypi.store.locked import open_locked
from proxypypi.store.tally import Count, Tally
from proxypypi.store.uses import LastUses

_PIECE = 10_000  # files that are forgotten at once

Choice = Callable[[Sequence[Stored], float], list[Stored]]
"""
Is given the cached files that are here, and the time; returns those that are to go.
"""


@frozen(kw_only=True)
class Evicted:
    """
    What has come of it.

    :ivar files: that went.
    :ivar left: bytes of the cached files that are here now.
    :ivar more: could others go, once they have not been used for a while?
    :ivar problem: why others did not; empty if nothing went wrong.
    :ivar pins: what is wrong with the record of these; empty for nothing.
    """

    files: tuple[Stored, ...]
    left: int
    more: bool = False
    problem: str = ""
    pins: str = ""


@define(eq=False)
class Eviction:
    """
    One process at a time evicts. All its methods block.

    :ivar stopped: it is to come to an end.
    :ivar _walk: goes through the files of some projects, or, for :obj:`None`, of all.
    :ivar _doubted: names of projects of which upstream says what is not believed yet.
    :ivar _asked_about: tells the addresses of the indexes that are, of a project.
    :ivar _turn: is locked by whoever evicts.
    """

    _log: ClassVar[Logger] = Logger()

    _walk: Callable[
        [Collection[NormalizedName] | None],
        Iterable[tuple[NormalizedName, Mapping[str, LocalFile]]],
    ]
    _facts_of: Callable[[NormalizedName], Mapping[str, FileFacts]]
    _doubted: Callable[[], Collection[str]]
    _asked_about: Callable[[NormalizedName], Collection[str]]
    _load_uses: Callable[[], LastUses]
    _load_pins: Callable[[], Pins]
    _turn: Path
    tally: Tally
    stopped: bool = field(default=False, init=False)

    def evict(self, choose: Choice, now: float) -> Evicted | None:
        """
        :returns: :obj:`None` if another process is at it.
        :raises OSError: it cannot even be begun.
        """
        try:
            with self._alone():
                since = self.tally.read() or self.tally.correct(0, None, 0.0)
                stock, trouble = self.look(now)
                done = self._carry_out(stock, choose(stock, now), since, now)
                while stock:  # not all at once: nothing else could run meanwhile
                    del stock[-_PIECE:]
                return evolve(done, pins=trouble)
        except BlockingIOError:
            return None

    def look(self, now: float) -> tuple[list[Stored], str]:
        """
        :returns: the cached files that are here; and what is wrong with the record of
            pins, empty for nothing.
        """
        stock = list(self._take_stock(now))
        pins, trouble = ALL, ""  # read last, so that what was pinned just now is
        try:
            pins = self._load_pins()
        except DamagedRecord as e:
            trouble = str(e)
        for i, stored in enumerate(stock):
            if stored.kind is Kind.CACHED and pins.hold(stored):
                stock[i] = replace(stored, kind=Kind.PINNED)
        return stock, trouble

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """
        :raises BlockingIOError: another process is.
        """
        self._turn.parent.mkdir(parents=True, exist_ok=True)
        lock = open_locked(self._turn)
        try:
            yield
        finally:
            with suppress(OSError):  # somebody emptied the cache meanwhile
                os.unlink(self._turn)
            os.close(lock)

    def _take_stock(self, now: float) -> Iterator[Stored]:
        uses = self._load_uses()
        for name, file, facts, kind in self._cached(None):
            used_at = uses.of(name, file.filename)
            came_at = file.changed_at / 1e9  # here: it may have been seen elsewhere
            yield Stored(
                name=name,
                filename=file.filename,
                size=file.size,
                used_at=last_use(now, used_at, facts.seen_at, came_at),
                kind=kind,
            )

    def _cached(
        self, names: Collection[NormalizedName] | None
    ) -> Iterator[tuple[NormalizedName, LocalFile, FileFacts, Kind]]:
        """
        The cached files of some projects, or of all, as they are at this moment.
        """
        doubted = self._doubted()
        for name, files in self._walk(names):
            if self.stopped:
                return
            facts = self._facts_of(name)
            asked = self._asked_about(name) if name not in doubted else ()
            for _, file in sorted(files.items()):
                known = facts.get(file.filename)
                if known is not None and known.describe(file):
                    kind = kind_of(known, asked)
                    if kind is not Kind.PRIVATE:
                        yield name, file, known, kind

    def _carry_out(
        self, stock: Sequence[Stored], going: Sequence[Stored], since: Count, now: float
    ) -> Evicted:
        gone, problem = self._remove(going)
        left = counted(stock) - counted(gone)
        if not self.stopped:  # else not all were counted
            left = self.tally.correct(left, since, now).size
        return Evicted(
            files=tuple(gone),
            left=left,
            more=sum(stored.kind is Kind.CACHED for stored in stock) > len(gone),
            problem=problem,
        )

    def _remove(self, going: Sequence[Stored]) -> tuple[list[Stored], str]:
        """
        Remove files that are still what they were taken for.

        :returns: those that went, and what is wrong if others did not.
        """
        wanted = {stored.file for stored in going}
        gone, problem = set(), ""
        for name, file, _, kind in self._cached({name for name, _ in wanted}):
            key = name, file.filename
            if key not in wanted or kind is not Kind.CACHED:
                continue
            try:
                removed = _remove(file)
            except OSError as e:
                problem = f"{file.path} cannot be removed: {e.strerror or e}"
                continue
            if removed:
                self._log.debug("{path} is evicted", path=file.path)
                gone.add(key)
        return [stored for stored in going if stored.file in gone], problem


def _remove(file: LocalFile) -> bool:
    """
    :returns: is it gone by our doing? Links stay, and what took its place meanwhile.
    :raises OSError: it cannot be removed.
    """
    try:
        status = os.lstat(file.path)
        found = (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
        known = (file.size, file.modified_at, file.inode, file.changed_at)
        if found == known:
            os.unlink(file.path)
    except FileNotFoundError:
        return False
    return found == known
