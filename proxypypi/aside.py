"""
Work that nobody waits for.
"""

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure


def begin(work: Coroutine[Any, Any, None], log: Logger, what: str) -> None:
    """
    Begin it. What was not foreseen in it goes to the log, or nobody would know.

    :param what: is done, in a few words.
    """

    def tell(failure: Failure) -> None:
        log.failure("{what} has failed", failure, what=what)

    Deferred.fromCoroutine(work).addErrback(tell)
