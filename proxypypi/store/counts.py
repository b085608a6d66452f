"""
Numbers that only grow, and some that do not, of all processes of one server.
"""

import fcntl
import mmap
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from attrs import define, field
from zope.interface import implementer

from proxypypi.events import GAUGES, METRICS, IEvents, Key, Metric

_ROWS = 256  # of processes at a time; those that are too many have the last in common
_WIDTH = 8  # bytes of a number
_PID = 0  # the place in a row; 0 for one that nobody has had yet


@implementer(IEvents)
@define(eq=False)
class Counts:
    """
    A number for each key, in one row for each process, which alone writes there. What
    counts is their sum.

    Whoever gets the row of a process that has ended counts on from there. So nothing is
    lost, nor counted twice; gauges of such a row do not count.

    :ivar _fd: of the file that all have open; :obj:`None` if we are alone.
    :ivar _places: of the keys, in a row.
    :ivar _row: ours. The kernel's lock on it tells others that we are there.
    """

    _memory: mmap.mmap
    _fd: int | None
    _places: Mapping[Key, int]
    _numbers: memoryview = field(init=False)
    _own: memoryview = field(init=False)
    _row: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._numbers = memoryview(self._memory).cast("Q")
        if self._fd is not None:
            free = (r for r in range(_ROWS) if self._lock(r, fcntl.LOCK_EX))
            self._row = next(free, _ROWS - 1)
        self._own = self._numbers_of(self._row)
        self._own[_PID] = os.getpid()
        for key, place in self._places.items():
            if key[0] in GAUGES:
                self._own[place] = 0

    @classmethod
    def alone(cls, upstreams: Sequence[str]) -> "Counts":
        """
        Those of a server of one process.

        :param upstreams: their names.
        """
        places = _places(upstreams)
        return cls(mmap.mmap(-1, _length(places) * _WIDTH), None, places)

    @classmethod
    def shared(cls, fd: int, upstreams: Sequence[str]) -> "Counts":
        """
        Those of all processes that have this file open.

        :param fd: of a file of :meth:`size`; it has to stay open.
        """
        return cls(mmap.mmap(fd, cls.size(upstreams)), fd, _places(upstreams))

    @staticmethod
    def size(upstreams: Sequence[str]) -> int:
        """
        :returns: bytes, of all numbers.
        """
        return _ROWS * _length(_places(upstreams)) * _WIDTH

    @property
    def is_first(self) -> bool:
        """
        Are we the process that was there before all others?
        """
        return self._row == 0

    def note(self, metric: Metric, *labels: str, count: int = 1) -> None:
        self._own[self._places[(metric.name, *labels)]] += count

    def set(self, metric: Metric, *labels: str, value: int) -> None:
        """
        :param metric: a gauge.
        """
        self._own[self._places[(metric.name, *labels)]] = value

    def add(self, totals: Mapping[Key, int]) -> None:
        """
        Count on from there. What is not known any more is left out.
        """
        for key in totals.keys() & self._places.keys():
            if key[0] not in GAUGES:
                self._own[self._places[key]] += totals[key]

    def totals(self) -> Mapping[Key, int]:
        totals = dict.fromkeys(self._places, 0)
        for row, numbers in self._rows():
            is_alive = self._is_alive(row)
            for key, place in self._places.items():
                if is_alive or key[0] not in GAUGES:
                    totals[key] += numbers[place]
        return totals

    def pids(self) -> Mapping[int, int]:
        """
        The processes that are there, by their rows.
        """
        others = {row: n[_PID] for row, n in self._rows() if self._is_alive(row)}
        return {**others, self._row: os.getpid()}  # twistd may have forked meanwhile

    def _rows(self) -> Iterator[tuple[int, memoryview]]:
        """
        Those that somebody has, or has had.
        """
        for row in range(len(self._numbers) // _length(self._places)):
            numbers = self._numbers_of(row)
            if numbers[_PID]:
                yield row, numbers

    def _numbers_of(self, row: int) -> memoryview:
        length = _length(self._places)
        return self._numbers[row * length : (row + 1) * length]

    def _is_alive(self, row: int) -> bool:
        if row == self._row or not self._lock(row, fcntl.LOCK_SH):
            return True
        assert self._fd is not None, "nobody else is there"
        fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, row)
        return False

    def _lock(self, row: int, how: int) -> bool:
        """
        :returns: has no other process locked it?
        """
        assert self._fd is not None
        try:
            fcntl.lockf(self._fd, how | fcntl.LOCK_NB, 1, row)
        except OSError:
            return False
        return True


def _places(upstreams: Sequence[str]) -> dict[Key, int]:
    keys = chain.from_iterable(metric.keys(upstreams) for metric in METRICS)
    return {key: place for place, key in enumerate(keys, _PID + 1)}


def _length(places: Mapping[Key, int]) -> int:
    """
    Of a row, in numbers.
    """
    return len(places) + 1
