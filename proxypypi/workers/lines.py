"""
The log of a worker: a line for each event, which its parent makes an event of again.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from attrs import define, field
from twisted.logger import (
    ILogObserver,
    InvalidLogLevelError,
    LogEvent,
    Logger,
    LogLevel,
    eventAsText,
)
from zope.interface import implementer

_LONGEST = 256 * 1024  # bytes of a line; longer ones are cut in pieces


@implementer(ILogObserver)
@define(eq=False)
class LineObserver:
    """
    Writes events for :func:`relay`.
    """

    _to: TextIO

    def __call__(self, event: LogEvent) -> None:
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        if not text:
            return
        level = event.get("log_level", LogLevel.info).name
        line = json.dumps([level, str(event.get("log_namespace", "")), text])
        with suppress(OSError):  # the parent is gone, and nobody reads any more
            self._to.write(f"{line}\n")
            self._to.flush()


@define(eq=False)
class Lines:
    """
    Takes bytes as they come, and gives lines.
    """

    _take: Callable[[str], None]
    _rest: bytes = field(default=b"", init=False)

    def add(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._give(line)
        if len(self._rest) > _LONGEST:
            self.end()

    def end(self) -> None:
        """
        What is left is a line, too.
        """
        rest, self._rest = self._rest, b""
        if rest:
            self._give(rest)

    def _give(self, line: bytes) -> None:
        self._take(line.decode("utf-8", "replace"))


def relay(worker: int, line: str) -> None:
    """
    Log what a worker has logged, or printed.
    """
    level, namespace, text = _parse(line)
    log = Logger(namespace=namespace)
    log.emit(level, "worker {worker}: {text}", worker=worker, text=text)


def _parse(line: str) -> tuple["LogLevel", str, str]:
    with suppress(ValueError, TypeError, InvalidLogLevelError):
        level, namespace, text = json.loads(line)
        return LogLevel.levelWithName(level), str(namespace), str(text)
    return LogLevel.warn, __name__, line
