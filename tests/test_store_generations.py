"""
Tests for :mod:`proxypypi.store.generations`.
"""

from tempfile import TemporaryFile

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.names import normalize
from proxypypi.store.generations import SIZE, Generations


class GenerationsTests(SynchronousTestCase):
    def test_a_change(self) -> None:
        """
        A change of one project gives it a number it never had, and others keep theirs.
        """
        generations = Generations.alone()
        one, other = normalize("one"), normalize("other")
        seen = {generations.of(one)}
        before = generations.of(other)
        for count in range(2, 100):
            bumped = generations.bump(one)
            self.assertEqual(bumped, generations.of(one))
            self.assertEqual(bumped, generations.at(generations.slot(one)))
            seen.add(bumped)
            self.assertEqual(count, len(seen))
        self.assertEqual(before, generations.of(other))

    def test_shared(self) -> None:
        """
        Who has the same file open sees the change at once.
        """
        name = normalize("demo")
        with TemporaryFile() as file:
            file.truncate(SIZE)
            ours = Generations.shared(file.fileno())
            theirs = Generations.shared(file.fileno())
            before = theirs.of(name)
            ours.bump(name)
            self.assertNotEqual(before, theirs.of(name))
            self.assertEqual(ours.of(name), theirs.of(name))
