"""
``stats``: what the server has done, and what is in the directory.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.python import usage

from proxypypi.commands.directory import DirectoryOptions, parse
from proxypypi.commands.watching import bar_if_watched
from proxypypi.commands.wording import moment
from proxypypi.events import (
    EVICTED_BYTES,
    FAILED_LOG_INS,
    FETCHED,
    FILES_EVICTED,
    FILES_KEPT,
    FILES_NOT_KEPT,
    HELD_BACK,
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
from proxypypi.quantities import amount, plural
from proxypypi.rules.balance import Balance
from proxypypi.store.census import CACHED, PRIVATE, UNREAD, Census
from proxypypi.store.totals import TotalsStore

_PLAIN = (
    *(FILES_KEPT, FILES_NOT_KEPT, MISMATCHES, RESUMED, STREAMS),
    *(FILES_EVICTED, EVICTED_BYTES, WITHHELD, HELD_BACK, FAILED_LOG_INS),
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
    since = moment(totals.since) if totals is not None else None
    with bar_if_watched("projects") as told:
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
            files = plural(census.files[kind], "file")
            yield kind, f"{files}, {amount(census.sizes[kind])}"


def _counted(balance: Balance) -> Iterator[tuple[str, str]]:
    ratio = balance.hits_ratio
    from_here = "" if ratio is None else f", {ratio:.1%} from here"
    results = _listed(balance.results())
    yield "requests", f"{balance.of(REQUESTS):,}{from_here}{results}"
    yield "sent", amount(balance.of(SENT))
    yield "saved", f"{amount(balance.of(SAVED))} of files that were here"
    yield "fetched", amount(balance.of(FETCHED))
    for name in balance.by(UPSTREAM_REQUESTS):
        count = balance.of(UPSTREAM_REQUESTS, name)
        failures = balance.failures_of(name)
        failed = f"{sum(failures.values()):,} failed{_listed(failures)}"
        yield "upstream", f"{name}: {plural(count, 'request')}, {failed}"
    uploads = balance.by(UPLOADS)
    if uploads:
        yield "uploads", f"{balance.of(UPLOADS):,}{_listed(uploads)}"
    for metric in _PLAIN:
        if balance.of(metric):
            yield metric.name.replace("_", " "), f"{balance.of(metric):,}"


def _listed(counts: Mapping[str, int]) -> str:
    listed = ", ".join(f"{count:,} {what}" for what, count in counts.items())
    return f" ({listed})" if listed else ""
