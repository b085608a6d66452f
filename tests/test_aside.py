"""
Tests for :mod:`proxypypi.aside`.
"""

from twisted.internet.defer import Deferred
from twisted.logger import Logger, LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.aside import begin


class AsideTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.waiting: Deferred[None] = Deferred()

    async def work(self) -> None:
        await self.waiting

    def test_unforeseen(self) -> None:
        """
        The log tells at once what has failed, and how.
        """
        begin(self.work(), Logger(), "cleaning up")
        with capturedLogs() as events:
            self.waiting.errback(ZeroDivisionError("oops"))
        [event] = events
        self.assertEqual(LogLevel.critical, event["log_level"])
        self.assertEqual("cleaning up has failed", formatEvent(event))
        [failure] = self.flushLoggedErrors(ZeroDivisionError)
        self.assertIs(event["log_failure"], failure)

    def test_done(self) -> None:
        """
        Of what comes to its end nothing is said.
        """
        with capturedLogs() as events:
            begin(self.work(), Logger(), "cleaning up")
            self.waiting.callback(None)
        self.assertEqual([], list(events))
