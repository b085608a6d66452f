"""
What happens here that is worth counting, and who is told of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto
from itertools import product

from attrs import field, frozen
from zope.interface import Interface, implementer

Key = tuple[str, ...]
"""
The name of a metric, then a value for each of its labels: what there is one number of.
"""

UPSTREAM = ("upstream",)
"""
Stands for the names of all upstreams, which only the settings know.
"""

ROUTES = (
    *("simple", "local", "snapshot", "files", "metadata", "packages"),
    *("json", "upload", "requirements", "other"),
)
RESULTS = (
    *("hit", "stale", "refreshed", "miss", "collapsed", "done"),
    *("4xx", "5xx", "cut"),
)
UPSTREAM_RESULTS = (
    *("2xx", "304", "404", "4xx", "5xx"),
    *("unreachable", "timeout", "nonsense"),
)
UPLOAD_RESULTS = (
    *("accepted", "exists", "forbidden", "malformed"),
    *("too_large", "unauthenticated", "other"),
)
BOUNDS = (0.05, 0.25, 1.0, 5.0)  # seconds
SUM = "sum"  # in place of a bound: microseconds in all


class Kind(Enum):
    COUNTER = auto()
    GAUGE = auto()
    HISTOGRAM = auto()


@frozen(eq=False)
class Metric:
    """
    :ivar name: without what all of ours begin with, and what counters end with.
    :ivar doc: one sentence for people.
    :ivar labels: the values that each may have.
    """

    name: str
    doc: str
    labels: Mapping[str, Sequence[str]] = field(factory=dict)
    kind: Kind = Kind.COUNTER

    def keys(self, upstreams: Iterable[str]) -> Iterator[Key]:
        """
        :param upstreams: their names.
        """
        names = tuple(dict.fromkeys(upstreams))
        allowed = (names if v is UPSTREAM else v for v in self.labels.values())
        for values in product(*allowed):
            yield (self.name, *values)


REQUESTS = Metric(
    "requests",
    "Requests of clients, by route and by how they were answered.",
    {"route": ROUTES, "result": RESULTS},
)
SENT = Metric(
    "sent_bytes",
    "Bytes of bodies sent to clients, in answers that came to their end.",
    {"route": ROUTES},
)
SAVED = Metric(
    "saved_bytes",
    "Bytes of files and metadata sent from here, for which no upstream was asked.",
)
UPLOADS = Metric(
    "uploads",
    "Files that were sent to be published, by what became of them.",
    {"result": UPLOAD_RESULTS},
)
FAILED_LOG_INS = Metric(
    "failed_log_ins", "Log-ins with a wrong user, password or token."
)
WITHHELD = Metric(
    "withheld_requests",
    "Requests for files that are withheld, as they were removed upstream.",
)
HELD_BACK = Metric(
    "held_back_requests", "Requests for files that --min-age holds back."
)
UPSTREAM_REQUESTS = Metric(
    "upstream_requests",
    "Requests to upstreams, each try for itself, by how they were answered.",
    {"upstream": UPSTREAM, "result": UPSTREAM_RESULTS},
)
UPSTREAM_SECONDS = Metric(
    "upstream_request_seconds",
    "Seconds until a page was there, or the head of a file, or it failed.",
    {"upstream": UPSTREAM, "le": (*map(str, BOUNDS), "+Inf", SUM)},
    Kind.HISTOGRAM,
)
FETCHED = Metric(
    "fetched_bytes",
    "Bytes of bodies that upstreams have sent, unpacked.",
    {"upstream": UPSTREAM},
)
FILES_KEPT = Metric(
    "files_kept", "Files that were fetched, checked and put into the directory."
)
FILES_NOT_KEPT = Metric(
    "files_not_kept", "Files that the directory did not take, for want of room."
)
FILES_EVICTED = Metric(
    "files_evicted", "Cached files that were removed to make room for others."
)
EVICTED_BYTES = Metric("evicted_bytes", "Bytes that these files had.")
MISMATCHES = Metric(
    "digest_mismatches", "Files whose length or digest was not what the index says."
)
RESUMED = Metric(
    "resumed_transfers", "Transfers of files that went on where they broke."
)
STREAMS = Metric("streams", "Transfers from upstream for one client alone, not kept.")
DEGRADED = Metric(
    "degraded", "Processes whose /-/health says degraded.", kind=Kind.GAUGE
)
BREAKERS = Metric(
    "upstream_breaker_open",
    "Processes that do not ask this upstream for now, as it could not be asked.",
    {"upstream": UPSTREAM},
    Kind.GAUGE,
)
CONNECTIONS = Metric("connections", "Clients that are connected.", kind=Kind.GAUGE)
DOWNLOADS = Metric(
    "downloads", "Files on their way from upstream to the directory.", kind=Kind.GAUGE
)
LOG_INS_WAITING = Metric(
    "log_ins_waiting", "Log-ins whose password waits to be checked.", kind=Kind.GAUGE
)
COUNTED_SINCE = Metric(
    "counted_since_timestamp_seconds",
    "When all counters were zero, in POSIX seconds.",
    kind=Kind.GAUGE,
)

METRICS = (
    *(REQUESTS, SENT, SAVED, UPLOADS, FAILED_LOG_INS, WITHHELD, HELD_BACK),
    *(UPSTREAM_REQUESTS, UPSTREAM_SECONDS, FETCHED),
    *(
        FILES_KEPT,
        FILES_NOT_KEPT,
        FILES_EVICTED,
        EVICTED_BYTES,
        MISMATCHES,
        RESUMED,
        STREAMS,
    ),
    *(DEGRADED, BREAKERS, CONNECTIONS, DOWNLOADS, LOG_INS_WAITING, COUNTED_SINCE),
)

GAUGES = frozenset(metric.name for metric in METRICS if metric.kind is Kind.GAUGE)
"""
The names of those that tell how things are, and are not counted on.
"""


class IEvents(Interface):
    """
    Is told what happens.
    """

    def note(metric: Metric, *labels: str, count: int = 1) -> None:
        """
        It has happened so many times more. To be called in the reactor's thread.

        :param labels: a value for each of the metric's labels, one that it may have.
        """


@implementer(IEvents)
@frozen
class Unheard:
    """
    Nobody is told.
    """

    def note(self, metric: Metric, *labels: str, count: int = 1) -> None:
        pass


UNHEARD = Unheard()
