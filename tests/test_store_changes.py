"""
Tests for :mod:`proxypypi.store.changes`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.names import NormalizedName, normalize
from proxypypi.store.changes import Changes
from proxypypi.store.generations import Generations

DEMO, OTHER = normalize("demo"), normalize("other")


class ChangesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.generations = Generations.alone()
        self.ours, self.theirs = (Changes(self.generations) for _ in range(2))

    def test_our_own(self) -> None:
        """
        A change of ours changes the number for everybody, and our epoch stays.
        """
        epoch, number = self.ours.epoch(DEMO), self.generations.of(DEMO)
        self.ours.changed(DEMO)
        self.assertNotEqual(number, self.generations.of(DEMO))
        self.assertEqual(epoch, self.ours.epoch(DEMO))

    def test_of_others(self) -> None:
        """
        Each change of another's is the end of an epoch, of that project's alone.
        """
        others = self.ours.epoch(OTHER)
        seen = {self.ours.epoch(DEMO)}
        for count in range(2, 10):
            self.theirs.changed(DEMO)
            seen.add(self.ours.epoch(DEMO))
            self.assertEqual(count, len(seen))
            self.assertEqual(self.ours.epoch(DEMO), self.ours.epoch(DEMO))
        self.assertEqual(others, self.ours.epoch(OTHER))

    def test_both(self) -> None:
        """
        One of another's is not hidden by one of ours, whenever they came.
        """
        for unseen in (True, False):
            epoch = self.ours.epoch(DEMO)
            self.theirs.changed(DEMO)
            if not unseen:
                self.ours.epoch(DEMO)
            self.ours.changed(DEMO)
            self.assertNotEqual(epoch, self.ours.epoch(DEMO), unseen)

    def test_while_we_change(self) -> None:
        """
        What was loaded while both of us changed something is not good for long.
        """
        epoch = self.ours.epoch(DEMO)
        with self.ours.changing(DEMO):
            self.theirs.changed(DEMO)
            loaded = self.ours.epoch(DEMO)
        self.assertEqual(3, len({epoch, loaded, self.ours.epoch(DEMO)}))

    def test_change_that_fails(self) -> None:
        """
        Some of it may have been done all the same.
        """
        epoch = self.theirs.epoch(DEMO)
        with self.assertRaises(OSError), self.ours.changing(DEMO):
            raise OSError
        self.assertNotEqual(epoch, self.theirs.epoch(DEMO))

    def test_by_nobody_of_us(self) -> None:
        """
        A change from outside counts for all of us.
        """
        both = (self.ours, self.theirs)
        before = [changes.epoch(DEMO) for changes in both]
        self.ours.others_changed(DEMO)
        for changes, epoch in zip(both, before, strict=True):
            self.assertNotEqual(epoch, changes.epoch(DEMO))

    def test_in_the_same_slot(self) -> None:
        """
        A change of a project that shares its number with another ends both their
        epochs, unless it is ours.
        """
        slot = self.generations.slot(DEMO)
        names = (NormalizedName(f"n{i}") for i in range(100_000))
        neighbour = next(n for n in names if self.generations.slot(n) == slot)
        epoch = self.ours.epoch(DEMO)
        self.ours.changed(neighbour)
        self.assertEqual(epoch, self.ours.epoch(DEMO))
        self.theirs.changed(neighbour)
        self.assertNotEqual(epoch, self.ours.epoch(DEMO))
