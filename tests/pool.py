"""
Threads, of a sort.
"""

from collections.abc import Callable
from typing import Any

from twisted.python.failure import Failure


class Pool:
    """
    A thread pool of no threads.
    """

    def callInThreadWithCallback(
        self, done: Callable[[bool, Any], Any], call: Any, *arguments: Any, **more: Any
    ) -> None:
        try:
            result = call(*arguments, **more)
        except Exception:
            done(False, Failure())
        else:
            done(True, result)
