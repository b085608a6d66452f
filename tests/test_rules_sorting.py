"""
Tests for :mod:`proxypypi.rules.sorting`.
"""

import heapq
import random
from collections.abc import Callable, Iterator

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.rules import sorting
from proxypypi.rules.sorting import in_order


class InOrderTests(SynchronousTestCase):
    @given(st.lists(st.tuples(st.integers(0, 9), st.integers())))
    def test_as_sorted(self, things: list[tuple[int, int]]) -> None:
        """
        The order is that of sorted, also of those that are equal, however many runs
        that takes.
        """
        self.patch(sorting, "_RUN", 3)

        def key(thing: tuple[int, int]) -> int:
            return thing[0]

        self.assertEqual(sorted(things, key=key), list(in_order(things, key)))

    def test_never_many_at_once(self) -> None:
        """
        No more than some thousand are sorted without a chance for other threads.
        """
        sizes: list[int] = []

        def merge(*runs: Iterator[int], key: Callable[[int], int]) -> Iterator[int]:
            each = [list(run) for run in runs]
            sizes.extend(map(len, each))
            return heapq.merge(*each, key=key)

        self.patch(sorting, "merge", merge)
        things = random.sample(range(12_000), 12_000)
        found = in_order(iter(things), key=lambda thing: thing)
        self.assertEqual(list(range(12_000)), list(found))
        self.assertEqual([5_000, 5_000, 2_000], sizes)
