"""
Tests for :mod:`proxypypi.cache.others`.
"""

from pathlib import Path

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.cache.others import follow
from proxypypi.errors import StillFetching
from proxypypi.interfaces import IPartial
from proxypypi.model import Fate
from proxypypi.names import normalize
from proxypypi.store.partials import PartialStore


class FollowTests(SynchronousTestCase):
    def setUp(self) -> None:
        root = Path(self.mktemp()).resolve()
        root.mkdir()
        self.store = PartialStore(root / "partial", root, maybeDeferred)
        self.clock = Clock()
        self.theirs, self.partial = self.open(), self.open()
        self.moves: list[int] = []
        self.following: Deferred[Fate] = Deferred.fromCoroutine(
            follow(self.partial, self.clock, "demo-1.zip", self.note)
        )

    def open(self) -> IPartial:
        partial = self.store.open(normalize("demo"), "demo-1.zip", "5f")
        self.addCleanup(partial.close)
        return partial

    def note(self) -> None:
        self.moves.append(self.partial.size)

    def test_growth(self) -> None:
        """
        Each time it has grown is told, until it grows no more.
        """
        for _ in range(3):
            self.theirs.write(b"12345")
            self.clock.pump([0.02] * 3)
        self.assertNoResult(self.following)
        self.successResultOf(self.theirs.publish())
        self.theirs.close()
        self.clock.advance(0.02)
        self.assertIs(Fate.PUBLISHED, self.successResultOf(self.following))
        self.assertEqual([0, 5, 10, 15], self.moves)

    def test_left(self) -> None:
        """
        What another left is taken up at once.
        """
        self.theirs.close()
        self.clock.advance(0.02)
        self.assertIs(Fate.LEFT, self.successResultOf(self.following))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_for_ever(self) -> None:
        """
        It may take any time as long as it grows, and not when it does not.
        """
        for _ in range(3):
            self.theirs.write(b"1")
            self.clock.pump([1] * 179)
        self.assertNoResult(self.following)
        self.clock.pump([1] * 2)
        self.failureResultOf(self.following, StillFetching)
