"""
Tests for ``docs/metrics.rst``: it has all that is counted, as it is.
"""

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import proxypypi
from proxypypi.events import (
    METRICS,
    RESULTS,
    ROUTES,
    UPLOAD_RESULTS,
    UPSTREAM_RESULTS,
    Kind,
)

PAGE = Path(proxypypi.__file__).parents[1] / "docs" / "metrics.rst"

TEXT = PAGE.read_text("utf-8")


def names() -> dict[str, str]:
    """
    Of our metrics as Prometheus has them, with what they mean.
    """
    ending = {Kind.COUNTER: "_total", Kind.GAUGE: "", Kind.HISTOGRAM: ""}
    return {f"proxypypi_{m.name}{ending[m.kind]}": m.doc for m in METRICS}


class MetricsPageTests(SynchronousTestCase):
    def test_metrics(self) -> None:
        """
        Each has a row, with its labels and what it says of itself.
        """
        labels = (", ".join(f"``{label}``" for label in m.labels) for m in METRICS)
        for (name, doc), said in zip(names().items(), labels, strict=True):
            row = f"   * - ``{name}``\n     - {said or 'none'}\n     - {doc}\n"
            self.assertIn(row, TEXT)

    def test_nothing_else(self) -> None:
        """
        The page names none that there is not.
        """
        known = {*names(), "proxypypi_free_bytes"}
        self.assertEqual(set(), set(re.findall(r"\bproxypypi_\w+", TEXT)) - known)

    def test_values(self) -> None:
        """
        What the values of labels mean is said, of each of them, in their order.
        """
        for title, values in (
            ("``route``:", ROUTES),
            ("``result`` of requests:", RESULTS),
            ("``result`` of requests to upstreams:", UPSTREAM_RESULTS),
            ("``result`` of uploads:", UPLOAD_RESULTS),
        ):
            table = TEXT.partition(f"\n{title}\n")[2].split("\n==")[1]
            first = (line.partition("  ")[0] for line in table.splitlines())
            told = [v for cell in first for v in re.findall("``(.+?)``", cell)]
            self.assertEqual(list(values), told, title)
