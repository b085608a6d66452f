"""
Tests for :mod:`proxypypi.cache.bounded`.
"""

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.cache.bounded import Bounded

_keys = st.sampled_from("abcde")
_steps = st.lists(
    st.tuples(st.just("put"), _keys, st.integers(0, 12))
    | st.tuples(st.just("get"), _keys, st.just(0))
    | st.tuples(st.just("pop"), _keys, st.just(0))
)


class BoundedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.kept: Bounded[str, str] = Bounded(3)

    def has(self, keys: str) -> None:
        self.assertEqual(
            {key: key if key in keys else None for key in "abcdef"},
            {key: self.kept.get(key) for key in "abcdef"},
        )

    def put(self, keys: str, cost: int = 1) -> None:
        for key in keys:
            self.kept.put(key, key, cost)

    def test_oldest_goes(self) -> None:
        """
        What was put there first goes first.
        """
        self.put("abc")
        self.has("abc")
        self.put("d")
        self.has("bcd")

    def test_used_stays(self) -> None:
        """
        To get it is to use it.
        """
        self.put("abc")
        self.kept.get("a")
        self.put("d")
        self.has("acd")

    def test_costs(self) -> None:
        """
        Room is made for what costs more; the newest is kept whatever it costs.
        """
        self.put("abc")
        self.put("d", cost=2)
        self.has("cd")
        self.put("e", cost=4)
        self.has("e")
        self.put("abc")
        self.has("abc")

    def test_replaced(self) -> None:
        """
        The new value counts, and its cost alone.
        """
        self.put("a", cost=3)
        self.kept.put("a", "b", 1)
        self.assertEqual("b", self.kept.get("a"))
        self.put("cd")
        self.assertEqual("b", self.kept.get("a"))

    def test_pop(self) -> None:
        """
        What is taken out leaves its room; what is not there is None.
        """
        self.put("a", cost=3)
        self.assertEqual(("a", None), (self.kept.pop("a"), self.kept.pop("a")))
        self.put("bcd")
        self.has("bcd")

    @given(_steps)
    def test_like_a_model(self, steps: list[tuple[str, str, int]]) -> None:
        """
        Whatever is done in whatever order, it behaves as a plain model does.
        """
        limit = 10
        kept: Bounded[str, int] = Bounded(limit)
        model: OrderedDict[str, tuple[int, int]] = OrderedDict()
        for number, (step, key, cost) in enumerate(steps):
            if step == "put":
                kept.put(key, number, cost)
                model.pop(key, None)
                model[key] = (number, cost)
                while sum(c for _, c in model.values()) > limit and len(model) > 1:
                    model.popitem(last=False)
            elif step == "pop":
                self.assertEqual(model.pop(key, (None, 0))[0], kept.pop(key))
            else:
                if key in model:
                    model.move_to_end(key)
                self.assertEqual(model.get(key, (None, 0))[0], kept.get(key))
