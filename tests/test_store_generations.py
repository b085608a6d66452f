"""
Tests for :mod:`proxypypi.store.generations`.
"""

import subprocess
import sys
from tempfile import TemporaryFile

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.names import normalize
from proxypypi.store.generations import SIZE, Generations

CHANGE = """
import sys
from proxypypi.store.generations import Generations
generations = Generations.shared(int(sys.argv[1]))
for before, after in [generations.replace("demo") for _ in range(20_000)]:
    print(before, after)
"""


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

    def test_one_at_a_time(self) -> None:
        """
        Of the changes of several processes, each knows the number that was before it,
        so that together they are one chain.
        """
        name = normalize("demo")
        with TemporaryFile() as file:
            file.truncate(SIZE)
            generations = Generations.shared(file.fileno())
            first = generations.of(name)
            args = [sys.executable, "-c", CHANGE, str(file.fileno())]
            children = [
                subprocess.Popen(args, stdout=subprocess.PIPE, pass_fds=[file.fileno()])
                for _ in range(2)
            ]
            pairs = [
                line.split()
                for child in children
                for line in child.communicate()[0].splitlines()
            ]
            after = dict(pairs)
            self.assertEqual(len(pairs), len(after), "a change was overlooked")
            number = str(first).encode()
            for _ in pairs:
                number = after[number]
            self.assertEqual(generations.of(name), int(number))
