"""
Tests for :mod:`proxypypi.auth.queue`.
"""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.auth.queue import FairQueue
from proxypypi.errors import TooManyLogIns


class FairQueueTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.queue = FairQueue()
        self.order: list[str] = []

    def take(self, client: str, count: int = 1) -> "list[Deferred[None]]":
        turns = [self.queue.take(client) for _ in range(count)]
        for turn in turns:
            turn.addCallback(lambda _: self.order.append(client))
        return turns

    def test_few_at_once(self) -> None:
        self.take("a", 5)
        self.assertEqual(2, len(self.order))
        for expected in (3, 4, 5, 5, 5):
            self.queue.end()
            self.assertEqual(expected, len(self.order))
        self.take("b", 3)
        self.assertEqual(["b", "b"], self.order[5:])

    def test_each_in_turn(self) -> None:
        """
        However many one has waiting, another waits for one of them at most.
        """
        self.take("a", 50)
        self.take("b", 2)
        self.take("c")
        for _ in range(6):
            self.queue.end()
        self.assertEqual(["a", "a", "a", "b", "c", "a", "b", "a"], self.order)

    def test_too_many(self) -> None:
        """
        When there are too many, one is refused of those who have most.
        """
        many = self.take("a", 102)
        (one,) = self.take("b")
        self.assertNoResult(one)
        self.failureResultOf(many[-1], TooManyLogIns)
        self.assertNoResult(many[-2])
        self.failureResultOf(self.take("a")[0], TooManyLogIns)
        self.queue.end()
        self.queue.end()
        self.assertEqual(["a", "a", "a", "b"], self.order)

    def test_all_are_equal(self) -> None:
        """
        Who comes when all have as few waiting as can be is not kept for later.
        """
        self.take("a", 2)
        turns = [self.take(f"{number}")[0] for number in range(101)]
        refused = [turn for turn in turns if turn.called]
        self.assertEqual(1, len(refused))
        self.failureResultOf(refused[0], TooManyLogIns)
        for _ in range(100):
            self.queue.end()
        self.assertEqual(102, len(self.order))
