"""
Tests for :mod:`proxypypi.doctor.threads`.
"""

from collections.abc import Callable
from queue import Queue
from threading import Event
from typing import Any

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.doctor.threads import in_own_thread


@define(eq=False)
class Loop:
    """
    A reactor that does what threads ask for when it is told to.
    """

    _calls: Queue[Callable[[], Any]] = field(factory=Queue)

    def callFromThread(self, call: Callable[..., Any], *arguments: Any) -> None:
        self._calls.put(lambda: call(*arguments))

    def turn(self) -> None:
        self._calls.get(timeout=10.0)()


class OwnThreadTests(SynchronousTestCase):
    def test_result(self) -> None:
        """
        What comes of it is there when the reactor has its turn.
        """
        loop = Loop()
        result: Deferred[int] = in_own_thread(loop, lambda: 3)
        self.assertNoResult(result)
        loop.turn()
        self.assertEqual(3, self.successResultOf(result))

    def test_failure(self) -> None:
        """
        So it is if it goes wrong.
        """

        def fail() -> int:
            raise OSError("no")

        loop = Loop()
        result = in_own_thread(loop, fail)
        loop.turn()
        self.failureResultOf(result, OSError)

    def test_given_up(self) -> None:
        """
        Who has given it up is not told any more.
        """
        loop, goes_on = Loop(), Event()
        result = in_own_thread(loop, goes_on.wait)
        result.cancel()
        self.failureResultOf(result, CancelledError)
        goes_on.set()
        loop.turn()
