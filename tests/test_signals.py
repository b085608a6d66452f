"""
Tests for :mod:`proxypypi.signals`.
"""

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from attrs import define, field
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from proxypypi import signals
from proxypypi.signals import Signals


@define(eq=False)
class FakeReactor:
    """
    What a reactor has to do with signals.
    """

    got: list[int] = field(factory=list)

    def sigTerm(self, number: int, frame: FrameType | None = None) -> None:
        self.got.append(number)

    def sigInt(self, number: int, frame: FrameType | None = None) -> None:
        self.got.append(number)

    def callFromThread(self, call: Callable[..., Any], *args: Any) -> None:
        call(*args)


class SignalsTests(SynchronousTestCase):
    def setUp(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.reactor = FakeReactor()
        self.hurried: list[None] = []
        self.reread: list[None] = []
        self.terminal = False
        self.patch(signals, "_has_terminal", lambda: self.terminal)

    def install(self) -> None:
        signal.signal(signal.SIGTERM, self.reactor.sigTerm)
        signal.signal(signal.SIGINT, self.reactor.sigInt)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        Signals(
            self.reactor,
            lambda: self.hurried.append(None),
            lambda: self.reread.append(None),
        ).install()

    def test_twice(self) -> None:
        """
        The first one is the reactor's, all that follow are a wish for haste.
        """
        for first in (signal.SIGTERM, signal.SIGINT):
            for second in (signal.SIGTERM, signal.SIGINT):
                self.reactor.got.clear()
                self.hurried.clear()
                self.install()
                signal.raise_signal(first)
                self.assertEqual(([first], []), (self.reactor.got, self.hurried))
                signal.raise_signal(second)
                signal.raise_signal(second)
                told = ([first], [None, None])
                self.assertEqual(told, (self.reactor.got, self.hurried))

    def test_hang_up(self) -> None:
        """
        HUP is to read again, unless there was a terminal and is none any more.
        """
        for before, after, ends in (
            (False, False, False),
            (True, True, False),
            (True, False, True),
        ):
            self.reactor.got.clear()
            self.reread.clear()
            self.terminal = before
            self.install()
            self.terminal = after
            os.kill(os.getpid(), signal.SIGHUP)
            expected = ([signal.SIGTERM], []) if ends else ([], [None])
            got = self.reactor.got, self.reread
            self.assertEqual(expected, got, (before, after))

    def test_not_in_place(self) -> None:
        """
        Handlers that are not the reactor's stay, as they do if it has none.
        """

        def other(number: int, frame: FrameType | None) -> None: ...

        for reactor in (self.reactor, MemoryReactorClock()):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, other)
            Signals(reactor, lambda: None, lambda: None).install()
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                self.assertIs(other, signal.getsignal(number))
