"""
Counts as text that Prometheus reads, and what else reads that. Import this when it is
asked for: the library takes memory.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path

from attrs import frozen
from prometheus_client import generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import Metric as Family
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from proxypypi.events import BOUNDS, METRICS, SUM, Key, Kind, Metric

_PLAIN = "text/plain; version=0.0.4; charset=utf-8"
_OPEN = "application/openmetrics-text"
_BUCKETS = (*map(str, BOUNDS), "+Inf")


@frozen
class Exposition(Collector):
    """
    :ivar totals: all counts.
    :ivar upstreams: their names.
    :ivar pids: of our processes, by a number that each keeps.
    :ivar directory: on the volume whose free bytes are told.
    """

    totals: Mapping[Key, int]
    upstreams: Sequence[str]
    pids: Mapping[int, int]
    directory: Path

    def render(self, accept: str) -> tuple[bytes, str]:
        """
        Blocks, for a moment.

        :param accept: what the client takes.
        :returns: also the type that it is of.
        """
        if _OPEN in accept:
            text: str | bytes = openmetrics.generate_latest(self)
            content_type = f"{_OPEN}; version=1.0.0; charset=utf-8"
        else:
            text, content_type = generate_latest(self), _PLAIN
        return text if isinstance(text, bytes) else text.encode(), content_type

    def collect(self) -> Iterator[Family]:
        for metric in METRICS:
            yield self._family(metric)
        yield from self._room()
        yield from _of_processes(self.pids)

    def _family(self, metric: Metric) -> Family:
        name, labels = f"proxypypi_{metric.name}", list(metric.labels)
        if metric.kind is Kind.HISTOGRAM:
            return self._histogram(metric, name)
        kind = GaugeMetricFamily if metric.kind is Kind.GAUGE else CounterMetricFamily
        family = kind(name, metric.doc, labels=labels)
        for key in metric.keys(self.upstreams):
            family.add_metric(key[1:], self.totals[key])
        return family

    def _histogram(self, metric: Metric, name: str) -> Family:
        family = HistogramMetricFamily(name, metric.doc, labels=["upstream"])
        for upstream in dict.fromkeys(self.upstreams):
            counts = (self.totals[(metric.name, upstream, le)] for le in _BUCKETS)
            seconds = self.totals[(metric.name, upstream, SUM)] / 1e6
            buckets = list(zip(_BUCKETS, map(float, accumulate(counts)), strict=True))
            family.add_metric([upstream], buckets, seconds)
        return family

    def _room(self) -> Iterator[Family]:
        try:
            status = os.statvfs(self.directory)
        except OSError:
            return
        free = float(status.f_bavail * status.f_frsize)
        doc = "Bytes that are free on the volume of the cache directory."
        yield GaugeMetricFamily("proxypypi_free_bytes", doc, value=free)


def _of_processes(pids: Mapping[int, int]) -> Iterable[Family]:
    """
    What the library tells of a process, of each of them.
    """
    families: dict[str, Family] = {}
    for number, pid in pids.items():
        for found in _look_at(pid):
            family = families.setdefault(
                found.name, Family(found.name, found.documentation, found.type)
            )
            for sample in found.samples:
                labels = {"process": str(number)}
                family.add_sample(sample.name, labels, sample.value)
    return families.values()


def _look_at(pid: int) -> Iterable[Family]:
    return ProcessCollector(pid=lambda: pid, registry=None).collect()
