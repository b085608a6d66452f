"""
Tests for :mod:`proxypypi.workers.lines`.
"""

import io
from collections.abc import Sequence
from typing import Any

from twisted.logger import Logger, LogLevel, LogPublisher, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.workers.lines import LineObserver, Lines, relay


class RelayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pipe = io.StringIO()
        self.log = Logger(
            namespace="some.where", observer=LogPublisher(LineObserver(self.pipe))
        )

    def relayed(self) -> Sequence[Any]:
        """
        What has come through the pipe.
        """
        with capturedLogs() as events:
            for line in self.pipe.getvalue().splitlines():
                relay(3, line)
        return events

    def test_events(self) -> None:
        """
        One event makes one line, and one event again: level and namespace are the
        same, and the worker's number is said.
        """
        for level in LogLevel.iterconstants():
            self.log.emit(level, "a {thing}, {{}} and\na line", thing="[x]")
        events = self.relayed()
        self.assertEqual(
            list(LogLevel.iterconstants()), [e["log_level"] for e in events]
        )
        for event in events:
            self.assertEqual("some.where", event["log_namespace"])
            self.assertEqual("worker 3: a [x], {} and\na line", formatEvent(event))

    def test_traceback(self) -> None:
        """
        A failure comes with its traceback.
        """
        try:
            raise ValueError("oops")
        except ValueError:
            self.log.failure("it failed")
        (event,) = self.relayed()
        self.assertIs(LogLevel.critical, event["log_level"])
        said = formatEvent(event)
        self.assertIn("it failed", said)
        self.assertIn("ValueError: oops", said)

    def test_nothing_to_say(self) -> None:
        """
        An event without any text makes no line.
        """
        self.log.info("")
        self.assertEqual("", self.pipe.getvalue())

    def test_printed(self) -> None:
        """
        What is no event is a warning, whatever it is.
        """
        for line in (
            "Segmentation fault",
            "[1]",
            '["info"]',
            '["loud", "a", "b"]',
            "{",
        ):
            with capturedLogs() as events:
                relay(1, line)
            (event,) = events
            self.assertIs(LogLevel.warn, event["log_level"])
            self.assertEqual(f"worker 1: {line}", formatEvent(event))

    def test_parent_is_gone(self) -> None:
        """
        Without anybody who reads, nothing is logged, and that is no error.
        """

        class Broken(io.StringIO):
            def write(self, text: str) -> int:
                raise BrokenPipeError

        LineObserver(Broken())({"log_format": "x", "log_level": LogLevel.info})


class LinesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.taken: list[str] = []
        self.lines = Lines(self.taken.append)

    def test_split(self) -> None:
        """
        Lines are the same however they come, and the last one needs no end.
        """
        data = "first\n\nsecönd\nlast".encode()
        for size in range(1, len(data) + 1):
            self.taken.clear()
            for start in range(0, len(data), size):
                self.lines.add(data[start : start + size])
            self.lines.end()
            self.lines.end()
            self.assertEqual(["first", "", "secönd", "last"], self.taken, size)

    def test_no_end(self) -> None:
        """
        A line that does not end fills no memory.
        """
        for _ in range(10):
            self.lines.add(b"x" * 100_000)
        self.assertEqual(3, len(self.taken))
        self.lines.end()
        self.assertEqual("x" * 1_000_000, "".join(self.taken))
