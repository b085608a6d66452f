"""
What counts come to: how much was answered from here, and what that saved.
"""

from collections.abc import Mapping

from attrs import define

from proxypypi.events import REQUESTS, UPSTREAM_REQUESTS, Key, Metric

_CACHED_ROUTES = ("simple", "files", "metadata", "packages", "json")
_FROM_HERE = ("hit", "stale")
_WAITED = ("refreshed", "miss", "collapsed")
_NO_FAILURES = ("2xx", "304", "404")


@define(eq=False)
class Balance:
    """
    :ivar counts: all that there are; what is missing is zero.
    """

    counts: Mapping[Key, int]

    def of(self, metric: Metric, *labels: str) -> int:
        """
        :param labels: the values of the first labels; of the others, any counts.
        """
        start = (metric.name, *labels)
        return sum(n for key, n in self.counts.items() if key[: len(start)] == start)

    def by(self, metric: Metric, *labels: str) -> dict[str, int]:
        """
        How many there were by the label that comes next, but for those that there were
        none of.

        :param labels: as for :meth:`of`.
        """
        start = (metric.name, *labels)
        values = dict.fromkeys(
            key[len(start)]
            for key, n in self.counts.items()
            if key[: len(start)] == start and n
        )
        return {value: self.of(metric, *labels, value) for value in values}

    def results(self) -> dict[str, int]:
        """
        How requests were answered, of all routes.
        """
        found: dict[str, int] = {}
        for route in self.by(REQUESTS):
            for result, count in self.by(REQUESTS, route).items():
                found[result] = found.get(result, 0) + count
        return found

    @property
    def hits_ratio(self) -> float | None:
        """
        Of the pages, files and documents that were given out, the part that nobody had
        to wait for an upstream for; :obj:`None` while there are none.
        """
        found = [self.by(REQUESTS, route) for route in _CACHED_ROUTES]
        here = sum(f.get(result, 0) for f in found for result in _FROM_HERE)
        waited = sum(f.get(result, 0) for f in found for result in _WAITED)
        return here / (here + waited) if here + waited else None

    def failures_of(self, upstream: str) -> dict[str, int]:
        """
        Why an upstream did not give what it was asked for.
        """
        return failures(self.by(UPSTREAM_REQUESTS, upstream))


def failures(answers: Mapping[str, int]) -> dict[str, int]:
    """
    Those of an upstream's answers that are failures: that there is no such thing is
    none.
    """
    return {result: n for result, n in answers.items() if result not in _NO_FAILURES}
