"""
``stats``: what the server has done, and what is in the directory.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.python import usage

from proxypypi.commands.directory import DirectoryOptions, parse
from proxypypi.events import (
    FAILED_LOG_INS,
    FETCHED,
    FILES_KEPT,
    FILES_NOT_KEPT,
    MISMATCHES,
    REQUESTS,
    RESUMED,
    SAVED,
    SENT,
    STREAMS,
    UPLOADS,
    UPSTREAM_REQUESTS,
    WITHHELD,
)
from proxypypi.rules.balance import Balance
from proxypypi.store.census import CACHED, PRIVATE, UNREAD, Census
from proxypypi.store.totals import TotalsStore

_MANY = 1_000  # projects, which take about a second
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")
_PLAIN = (
    *(FILES_KEPT, FILES_NOT_KEPT, MISMATCHES, RESUMED, STREAMS),
    *(WITHHELD, FAILED_LOG_INS),
)


class StatsOptions(DirectoryOptions):
    longdesc = (
        "Say what the servers of this directory have done since they began to count, "
        "and what is in it. A running server is not asked: its counts are here a few "
        "seconds later. It has the same ones, and more, at /-/metrics."
    )

    def parseArgs(self, *arguments: str) -> None:
        if arguments:
            raise usage.UsageError(f"unexpected argument {arguments[0]!r}")


def stats(command: str, arguments: Sequence[str]) -> int:
    """
    Say what was counted.
    """
    options = parse(StatsOptions, command, arguments)
    root = options.settings.directory
    totals = TotalsStore.of(root, maybeDeferred).load()
    balance = Balance(totals.counts if totals is not None else {})
    since = _moment(totals.since) if totals is not None else None
    with _progress() as told:
        census = Census.take(root, told)
    options.report(
        {"since": since, **_facts(balance), "directory": _facts_of(census)},
        [f"{name:<19}{said}" for name, said in _lines(since, balance, census)],
    )
    return 0


def _facts(balance: Balance) -> dict[str, Any]:
    return {
        "requests": {r: balance.by(REQUESTS, r) for r in balance.by(REQUESTS)},
        "hits-ratio": balance.hits_ratio,
        "sent-bytes": balance.of(SENT),
        "saved-bytes": balance.of(SAVED),
        "fetched-bytes": balance.of(FETCHED),
        "upstreams": {
            name: {
                "requests": balance.by(UPSTREAM_REQUESTS, name),
                "fetched-bytes": balance.of(FETCHED, name),
            }
            for name in balance.by(UPSTREAM_REQUESTS)
        },
        "uploads": balance.by(UPLOADS),
        **{metric.name.replace("_", "-"): balance.of(metric) for metric in _PLAIN},
    }


def _facts_of(census: Census) -> dict[str, Any]:
    return {
        "projects": census.projects,
        **{
            kind: {"files": census.files[kind], "bytes": census.sizes[kind]}
            for kind in (CACHED, PRIVATE, UNREAD)
        },
    }


def _lines(
    since: str | None, balance: Balance, census: Census
) -> Iterator[tuple[str, str]]:
    if since is None:
        yield "since", "nothing was counted yet"
    else:
        yield "since", since
        yield from _counted(balance)
    yield "projects", f"{census.projects:,}"
    for kind in (CACHED, PRIVATE, UNREAD):
        if census.files[kind] or kind is not UNREAD:
            files = _plural(census.files[kind], "file")
            yield kind, f"{files}, {_size(census.sizes[kind])}"


def _counted(balance: Balance) -> Iterator[tuple[str, str]]:
    ratio = balance.hits_ratio
    from_here = "" if ratio is None else f", {ratio:.1%} from here"
    results = _listed(balance.results())
    yield "requests", f"{balance.of(REQUESTS):,}{from_here}{results}"
    yield "sent", _size(balance.of(SENT))
    yield "saved", f"{_size(balance.of(SAVED))} of files that were here"
    yield "fetched", _size(balance.of(FETCHED))
    for name in balance.by(UPSTREAM_REQUESTS):
        count = balance.of(UPSTREAM_REQUESTS, name)
        failures = balance.failures_of(name)
        failed = f"{sum(failures.values()):,} failed{_listed(failures)}"
        yield "upstream", f"{name}: {_plural(count, 'request')}, {failed}"
    uploads = balance.by(UPLOADS)
    if uploads:
        yield "uploads", f"{balance.of(UPLOADS):,}{_listed(uploads)}"
    for metric in _PLAIN:
        if balance.of(metric):
            yield metric.name.replace("_", " "), f"{balance.of(metric):,}"


def _listed(counts: Mapping[str, int]) -> str:
    listed = ", ".join(f"{count:,} {what}" for what, count in counts.items())
    return f" ({listed})" if listed else ""


def _plural(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _size(count: float) -> str:
    for unit in _UNITS:
        if count < 1_000 or unit == _UNITS[-1]:
            break
        count /= 1_000
    return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"


def _moment(seconds: float) -> str:
    at = datetime.fromtimestamp(seconds, timezone.utc)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """
    A bar for who looks, if it will be a while.
    """
    with ExitStack() as stack:
        shown: list[Callable[[int, int], None]] = []

        def tell(done: int, all: int) -> None:
            if not shown and all >= _MANY and sys.stderr.isatty():
                from proxypypi.commands.progress import bar

                shown.append(stack.enter_context(bar("projects")))
            for show in shown:
                show(done, all)

        yield tell
