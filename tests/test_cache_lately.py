"""
Tests for :mod:`proxypypi.cache.lately`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.cache.lately import Lately

ASKED, OTHER = ("asked", "2xx"), ("other",)


class LatelyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.lately = Lately({"asked"})

    def growth(self, count: int) -> int:
        grown = self.lately.growth({ASKED: count, OTHER: 7 * count})
        self.assertEqual(set(), set(grown) - {ASKED}, "only what it is to know of")
        return grown.get(ASKED, 0)

    def note(self, now: float, count: int) -> None:
        self.lately.note(now, {ASKED: count, OTHER: 1})

    def test_since_the_start(self) -> None:
        """
        Shortly after the start, what was counted in earlier lives is left out.
        """
        self.note(1_000.0, 70)
        self.assertEqual(0, self.growth(70))
        self.assertEqual(5, self.growth(75))

    def test_nothing_noted(self) -> None:
        """
        If nothing was noted yet, all counts.
        """
        self.assertEqual(5, self.growth(5))

    def test_ten_minutes(self) -> None:
        """
        What happened more than ten minutes ago counts no more.
        """
        for second in range(0, 3600, 5):
            self.note(second, second)
        self.assertTrue(540 <= self.growth(3600) <= 600, self.growth(3600))

    def test_each_minute(self) -> None:
        """
        It is noted once a minute, however often there is a chance to.
        """
        for second in range(60):
            self.note(second, second)
        self.assertEqual(60, self.growth(60))
