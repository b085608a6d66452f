"""
Blocking calls that may never come back.
"""

from collections.abc import Callable
from threading import Thread
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


def in_own_thread(reactor: Any, work: Callable[[], T]) -> "Deferred[T]":
    """
    Unlike the reactor's threads, this one keeps nobody from ending the program.

    :param reactor: an ``IReactorFromThreads``.
    """
    result: Deferred[T] = Deferred(lambda _: None)

    def tell(outcome: "T | Failure") -> None:
        if not result.called:
            result.callback(outcome)  # a Failure makes it fail

    def run() -> None:
        try:
            outcome: T | Failure = work()
        except Exception:
            outcome = Failure()
        reactor.callFromThread(tell, outcome)

    Thread(target=run, daemon=True).start()
    return result
