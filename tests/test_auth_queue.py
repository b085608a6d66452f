"""
Tests for :mod:`proxypypi.auth.queue`.
"""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.auth.queue import FairQueue
from proxypypi.errors import TooManyLogIns


class FairQueueTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.queue = FairQueue(self.clock)
        self.order: list[str] = []

    def take(
        self, client: str, count: int = 1, *, name: str = ""
    ) -> "list[Deferred[None]]":
        turns = [self.queue.take(client, name) for _ in range(count)]
        for turn in turns:
            turn.addCallback(lambda _: self.order.append(client + name))
        return turns

    def end(self, count: int) -> None:
        for _ in range(count):
            self.queue.end()

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
        self.end(6)
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
        self.end(2)
        self.assertEqual(["a", "a", "a", "b"], self.order)

    def test_all_are_equal(self) -> None:
        """
        When all have as few waiting as can be, who comes is refused, not who is next.
        """
        self.take("a", 2)
        *others, last = [self.take(f"{number}")[0] for number in range(101)]
        self.failureResultOf(last, TooManyLogIns)
        self.end(100)
        self.assertEqual([str(number) for number in range(100)], self.order[2:])
        self.assertTrue(all(turn.called for turn in others))

    def test_users_of_one_client(self) -> None:
        """
        Behind a web server all are one client: however often one user's password is
        tried, another user waits for one of these at most.
        """
        self.take("a", 50, name="1")
        self.take("a", 2, name="2")
        self.take("a", name="3")
        self.take("b")
        self.end(8)
        expected = ["a1", "a1", "a1", "b", "a2", "a3", "a1", "a2", "a1", "a1"]
        self.assertEqual(expected, self.order)

    def test_too_many_users_of_one_client(self) -> None:
        """
        Who is refused there is one of the user with most.
        """
        many = self.take("a", 102, name="1")
        (one,) = self.take("a", name="2")
        self.assertNoResult(one)
        self.failureResultOf(many[-1], TooManyLogIns)
        self.end(2)
        self.assertEqual(["a1", "a1", "a1", "a2"], self.order)

    def test_waited_too_long(self) -> None:
        """
        Who has waited for ten seconds is told so, and waits no longer; the rest do.
        """
        self.take("a", 2)
        self.clock.advance(1.0)
        early = [*self.take("a", 3), *self.take("b")]
        self.clock.advance(9.0)
        late = self.take("a", name="late")
        self.clock.advance(0.99)
        for turn in early:
            self.assertNoResult(turn)
        self.clock.advance(0.01)
        for turn in early:
            error = self.failureResultOf(turn, TooManyLogIns).value
            self.assertIn("waited 10 s", str(error))
        self.assertNoResult(late[0])
        self.end(1)
        self.assertEqual(["a", "a", "alate"], self.order)
        self.end(2)
        self.take("c", 2)
        self.assertEqual(["c", "c"], self.order[3:])
        self.assertEqual([], self.clock.getDelayedCalls())
