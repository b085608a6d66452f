"""
Tests for :mod:`proxypypi.rules.freshness`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.rules.freshness import Freshness, Verdict

FRESH, AGING, EXPIRED = Verdict.FRESH, Verdict.AGING, Verdict.EXPIRED


class FreshnessTests(SynchronousTestCase):
    def test_judge(self) -> None:
        """
        A page is fresh, then it may be given out while it is refreshed, then not.
        """
        freshness = Freshness(max_age=600.0, while_refreshing=300.0)
        cases = [
            (0.0, FRESH),
            (599.9, FRESH),
            (600.0, AGING),
            (899.9, AGING),
            (900.0, EXPIRED),
            (1e9, EXPIRED),
            (-0.1, EXPIRED),
            (-1e9, EXPIRED),
        ]
        for age, verdict in cases:
            self.assertIs(verdict, freshness.judge(1000.0, 1000.0 + age), age)

    def test_no_age(self) -> None:
        """
        With no time to live, a page is never fresh, and nobody need wait for all that.
        """
        freshness = Freshness(max_age=0.0)
        for age, verdict in ((0.0, AGING), (299.9, AGING), (300.0, EXPIRED)):
            self.assertIs(verdict, freshness.judge(1000.0, 1000.0 + age), age)

    def test_nothing_while_refreshing(self) -> None:
        """
        Without the second span, a page goes from fresh to expired.
        """
        freshness = Freshness(max_age=600.0, while_refreshing=0.0)
        for age, verdict in ((599.9, FRESH), (600.0, EXPIRED)):
            self.assertIs(verdict, freshness.judge(1000.0, 1000.0 + age), age)

    def test_ttl(self) -> None:
        """
        What is left of a page's time, negative once that is over.
        """
        freshness = Freshness(max_age=600.0)
        for age, ttl in ((0.0, 600.0), (599.0, 1.0), (600.0, 0.0), (640.0, -40.0)):
            self.assertEqual(ttl, freshness.ttl(1000.0, 1000.0 + age), age)

    def test_five_minutes(self) -> None:
        """
        If nobody says otherwise, a refresh may take five minutes.
        """
        self.assertEqual(300.0, Freshness(max_age=600.0).while_refreshing)
