"""
Tests for :mod:`proxypypi.store.turns`.
"""

import os
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.interfaces import ITurn, ITurns
from proxypypi.store.turns import NoTurns, Turn, Turns


class TurnsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()) / "turns"
        self.clock = Clock()
        self.ours, self.theirs = (Turns(self.directory, self.clock) for _ in range(2))

    def start(self, turns: Turns, what: str = "demo") -> "Deferred[Turn]":
        return Deferred.fromCoroutine(turns.take(what))

    def take(self, turns: Turns, what: str = "demo") -> Turn:
        turn = self.successResultOf(self.start(turns, what))
        self.addCleanup(turn.end)
        return turn

    def test_interface(self) -> None:
        """
        They are what is asked of turns, where there are others and where there are not.
        """
        for turns in (self.ours, NoTurns()):
            verifyObject(ITurns, turns)
        verifyObject(ITurn, self.take(self.ours))

    def test_one_after_the_other(self) -> None:
        """
        Who comes second waits for the end of the first, and knows that it did.
        """
        turn = self.take(self.ours)
        self.assertFalse(turn.waited)
        waiting = self.start(self.theirs)
        self.clock.pump([0.01] * 50)
        self.assertNoResult(waiting)
        self.assertFalse(self.take(self.theirs, "other").waited)
        turn.end()
        turn.end()
        self.clock.advance(0.05)
        second = self.successResultOf(waiting)
        self.assertTrue(second.waited)
        second.end()
        self.assertFalse(self.take(self.ours).waited)

    def test_nothing_left(self) -> None:
        """
        No file stays, nor does a descriptor.
        """
        before = len(os.listdir("/proc/self/fd"))
        turn = self.take(self.ours)
        waiting = self.start(self.theirs)
        turn.end()
        self.clock.advance(0.05)
        self.successResultOf(waiting).end()
        self.assertEqual([], os.listdir(self.directory))
        self.assertEqual(before, len(os.listdir("/proc/self/fd")))

    def test_no_end(self) -> None:
        """
        Who waits for too long goes ahead, and takes nothing away from the first.
        """
        first = self.take(self.ours)
        waiting = self.start(self.theirs)
        self.clock.pump([0.1] * 460)
        self.successResultOf(waiting).end()
        self.assertEqual(["demo"], os.listdir(self.directory))
        self.assertNoResult(self.start(self.theirs))
        first.end()

    def test_no_place(self) -> None:
        """
        Where no file can be made, nobody waits.
        """
        self.directory.parent.write_bytes(b"")
        for turns in (self.ours, self.theirs):
            self.assertFalse(self.take(turns).waited)

    def test_removed(self) -> None:
        """
        That somebody emptied the cache meanwhile harms nobody.
        """
        turn = self.take(self.ours)
        os.unlink(self.directory / "demo")
        turn.end()
        self.take(self.theirs)

    def test_alone(self) -> None:
        """
        Where there is nobody else, there is nothing to wait for, nor to keep.
        """
        for _ in range(2):
            turn = self.successResultOf(Deferred.fromCoroutine(NoTurns().take("demo")))
            self.assertFalse(turn.waited)
        turn.end()
        self.assertFalse(self.directory.exists())
