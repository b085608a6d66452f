"""
Tests for :mod:`proxypypi.rules.balance`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.events import FETCHED, REQUESTS, SAVED, UPSTREAM_REQUESTS
from proxypypi.rules.balance import Balance

BALANCE = Balance(
    {
        (REQUESTS.name, "simple", "hit"): 60,
        (REQUESTS.name, "simple", "stale"): 10,
        (REQUESTS.name, "simple", "4xx"): 5,
        (REQUESTS.name, "simple", "cut"): 0,
        (REQUESTS.name, "files", "hit"): 20,
        (REQUESTS.name, "files", "miss"): 7,
        (REQUESTS.name, "json", "refreshed"): 2,
        (REQUESTS.name, "metadata", "collapsed"): 1,
        (REQUESTS.name, "local", "hit"): 1_000,
        (REQUESTS.name, "other", "done"): 1_000,
        (SAVED.name,): 5,
        (FETCHED.name, "pypi"): 10,
        (FETCHED.name, "gpu"): 1,
        (UPSTREAM_REQUESTS.name, "pypi", "2xx"): 9,
        (UPSTREAM_REQUESTS.name, "pypi", "304"): 8,
        (UPSTREAM_REQUESTS.name, "pypi", "404"): 7,
        (UPSTREAM_REQUESTS.name, "pypi", "timeout"): 6,
        (UPSTREAM_REQUESTS.name, "gpu", "2xx"): 0,
    }
)


class BalanceTests(SynchronousTestCase):
    def test_of(self) -> None:
        """
        What is asked for with fewer labels is the sum over the others.
        """
        for metric, labels, count in (
            (SAVED, (), 5),
            (FETCHED, (), 11),
            (FETCHED, ("gpu",), 1),
            (REQUESTS, ("simple",), 75),
            (REQUESTS, ("files", "miss"), 7),
            (REQUESTS, ("odd",), 0),
        ):
            self.assertEqual(count, BALANCE.of(metric, *labels), labels)

    def test_by(self) -> None:
        """
        What there was none of is left out.
        """
        self.assertEqual({"pypi": 10, "gpu": 1}, BALANCE.by(FETCHED))
        self.assertEqual({"pypi": 30}, BALANCE.by(UPSTREAM_REQUESTS))
        self.assertEqual(
            {"hit": 60, "stale": 10, "4xx": 5}, BALANCE.by(REQUESTS, "simple")
        )

    def test_results(self) -> None:
        """
        Results are those of all routes.
        """
        results = BALANCE.results()
        self.assertEqual((1_080, 7), (results["hit"], results["miss"]))
        self.assertNotIn("cut", results)

    def test_hits_ratio(self) -> None:
        """
        Only what may come from an upstream counts, and only what was given out.
        """
        self.assertEqual(0.9, BALANCE.hits_ratio)
        self.assertIsNone(Balance({}).hits_ratio)
        none = Balance({(REQUESTS.name, "simple", "miss"): 1})
        self.assertEqual(0.0, none.hits_ratio)

    def test_failures(self) -> None:
        """
        That there is no such project is an answer like others.
        """
        self.assertEqual({"timeout": 6}, BALANCE.failures_of("pypi"))
        self.assertEqual({}, BALANCE.failures_of("gpu"))
