"""
Whether all files that are here are whole: each is read again. Blocks; for a command.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TypeVar

from attrs import define, field

from proxypypi.cache.inventory import Stock, stock_of
from proxypypi.cache.reader import is_settled
from proxypypi.errors import BadRequest
from proxypypi.model import Distribution, Finding, LocalFile
from proxypypi.names import NormalizedName
from proxypypi.rules.integrity import Digests, agree
from proxypypi.rules.soundness import (
    SOUND,
    UNSETTLED,
    Content,
    Verdict,
    can_be_fetched_again,
    judge,
    unreadable,
)
from proxypypi.store.archives import DAMAGED, digest_file
from proxypypi.store.inspection import can_be_looked_through, look_through
from proxypypi.store.mending import Fault, remove_unchanged

_THREADS = 4
_AHEAD = 64  # files that are read, or were, while one before them still is
_LOOKS = 5  # at a file that is not what it should be
_PAUSE = 0.5  # seconds between them, while it changes

T = TypeVar("T")
R = TypeVar("R")


@define(eq=False)
class Verification:
    """
    Reads all files once, several at a time, and then once more those that seem to be
    wrong: beside a server, a file may be changed, and what is on record of it, while we
    look.

    :ivar files: of the projects that are meant.
    :ivar _asked_about: tells the addresses of the indexes that are, of a project.
    :ivar _told: is told how many bytes were read, of how many.
    :ivar _now: POSIX seconds.
    :ivar _sleep: for so many seconds.
    """

    _root: Path
    files: Mapping[NormalizedName, Mapping[str, LocalFile]]
    _asked_about: Callable[[NormalizedName], Collection[str]]
    _told: Callable[[int, int], None]
    _now: Callable[[], float]
    _sleep: Callable[[float], None]
    _read: int = field(default=0, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    @property
    def count(self) -> int:
        return sum(len(files) for files in self.files.values())

    @property
    def size(self) -> int:
        """
        Of all files, in bytes.
        """
        return sum(f.size for files in self.files.values() for f in files.values())

    def faults(self) -> Iterator[Fault]:
        size = self.size

        def told(count: int) -> None:
            with self._lock:
                self._read += count
                self._told(self._read, size)

        def examine(
            candidate: tuple[Stock, LocalFile],
        ) -> tuple[Stock, LocalFile, bool]:
            return *candidate, _examine(*candidate, told) is SOUND

        doubtful = [
            (stock.name, file.filename)
            for stock, file, is_sound in _in_threads(examine, self._candidates())
            if not is_sound
        ]
        for name, filename in doubtful:
            fault = self._look_again(name, filename)
            if fault is not None:
                yield fault

    def _candidates(self) -> Iterator[tuple[Stock, LocalFile]]:
        for name, files in self.files.items():
            stock = stock_of(self._root, name, files)
            for _, file in sorted(files.items()):
                yield stock, file

    def _look_again(self, name: NormalizedName, filename: str) -> Fault | None:
        fault: Fault | None = None
        for attempt in range(_LOOKS):
            if attempt:
                self._sleep(_PAUSE)
            stock = stock_of(self._root, name)
            file = stock.files.get(filename)
            if file is None:
                return None  # it went
            settled = is_settled(file, self._now())
            verdict = _examine(stock, file, lambda _: None) if settled else None
            if verdict is SOUND:
                return None
            fault = self._fault(stock, file, verdict or UNSETTLED)
            if verdict is not None:
                break
        return fault

    def _fault(self, stock: Stock, file: LocalFile, verdict: Verdict) -> Fault:
        advice, mend = verdict.advice, None
        if verdict.spoilt:
            facts = stock.facts.get(file.filename)
            asked = self._asked_about(stock.name) if not stock.gone else ()
            if can_be_fetched_again(file.filename, facts, stock.page, asked):
                advice = "have it removed by --repair, and fetched again when asked for"
                mend = partial(remove_unchanged, file)
            else:
                advice = f"no index is known to have it: {advice}"
        finding = Finding(
            grade=verdict.grade,
            subject=file.path.removeprefix(f"{self._root}/"),
            what=verdict.what,
            advice=advice,
        )
        return Fault(finding=finding, project=stock.name, mend=mend)


def _examine(
    stock: Stock, file: LocalFile, told: Callable[[int], None]
) -> Verdict | None:
    """
    :param told: of how many bytes more were read.
    :returns: :obj:`None` if it went or was changed meanwhile.
    """
    page = stock.page
    listed = page.by_filename.get(file.filename) if page is not None else None
    digests = Digests.checking(listed.hashes if listed is not None else {})
    try:
        hashes = digest_file(file, digests, told)
    except OSError as e:
        return unreadable(e.strerror or str(e))
    if hashes is None:
        return None
    index = page.index if page is not None else ""
    content = _look_inside(file, hashes, listed)
    facts = stock.facts.get(file.filename)
    return judge(stock.name, file, content, facts, listed, index)


def _look_inside(
    file: LocalFile, hashes: Mapping[str, str], listed: Distribution | None
) -> Content:
    """
    Whether it can be unpacked need not be tried if it is what its index gives.
    """
    broken = odd = ""
    vouched_for = listed is not None and agree(hashes, listed.hashes)
    if not vouched_for and can_be_looked_through(file.filename):
        try:
            look_through(file.path, file.filename)
        except BadRequest as e:
            odd = str(e)
        except DAMAGED as e:
            broken = str(e) or type(e).__name__
    return Content(hashes=hashes, broken=broken, odd=odd)


def _in_threads(work: Callable[[T], R], things: Iterable[T]) -> Iterator[R]:
    """
    :returns: what comes of each, in their order.
    """
    waiting: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(_THREADS)
    try:
        for thing in things:
            waiting.append(pool.submit(work, thing))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
