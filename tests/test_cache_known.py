"""
Tests for :mod:`proxypypi.cache.known`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.cache.known import Known
from proxypypi.names import normalize
from proxypypi.store.changes import Changes
from proxypypi.store.generations import Generations

DEMO, OTHER = normalize("demo"), normalize("other")


class KnownTests(SynchronousTestCase):
    def setUp(self) -> None:
        generations = Generations.alone()
        self.ours, self.theirs = Changes(generations), Changes(generations)
        self.known: Known[str] = Known(self.ours, 10)

    def test_until_others_change_it(self) -> None:
        """
        It outlives what we change, and not what others do; it can be looked at still.
        """
        self.assertEqual((None, None), (self.known.get(DEMO), self.known.last(DEMO)))
        self.known.put(DEMO, "value")
        self.ours.changed(DEMO)
        self.assertEqual("value", self.known.get(DEMO))
        self.theirs.changed(DEMO)
        self.assertEqual((None, "value"), (self.known.get(DEMO), self.known.last(DEMO)))
        self.known.put(DEMO, "newer")
        self.assertEqual("newer", self.known.get(DEMO))
        self.known.pop(DEMO)
        self.assertEqual((None, None), (self.known.get(DEMO), self.known.last(DEMO)))

    def test_changed_while_it_was_loaded(self) -> None:
        """
        What was looked for before a change may be of before it.
        """
        epoch = self.ours.epoch(DEMO)
        self.theirs.changed(DEMO)
        self.known.put(DEMO, "value", epoch=epoch)
        self.assertIsNone(self.known.get(DEMO))

    def test_bound(self) -> None:
        """
        What was not used for longest goes first.
        """
        self.known.put(DEMO, "value", 6)
        self.known.put(OTHER, "value", 6)
        self.assertEqual((None, "value"), (self.known.get(DEMO), self.known.get(OTHER)))
