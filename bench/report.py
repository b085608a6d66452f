"""
The table of all results, as reStructuredText.
"""

import os
from collections.abc import Iterator, Sequence

from bench.peers import EVERYBODY, Direct, Ours, Server
from bench.results import Results, Spread
from bench.rows import GROUPS, Group, Metric, Row

SERVERS: Sequence[type[Server]] = (*EVERYBODY, Direct)
PEERS = SERVERS[1:]

_HEAD = """\
Speed, beside others
====================

Made by ``python bench/compare.py``, which says with ``--help`` how to measure some rows
anew. One machine with {cores} cores, all traffic on loopback, so the programs that ask
and the fake upstream take their share of the same cores; what is cached lies
{where}. Single figures say little, the ratios of one row more: the servers
take turns, and a ratio is taken within one round, of figures that are seconds apart.

How to read it
--------------

A ratio says how many times better proxypypi is: 2.00 is twice the requests per second,
half the seconds, half the memory. It is the median of the rounds, with the least and
the most behind it; what differs by less than a fifth is no difference. *CPU* is that of
all processes of a server, per request or per GB that clients get; it is steadier than
the rates, as these often end where the program that asks does. "Slow and far" is an
upstream behind a link of 20 MB/s in all with 50 ms of delay. *Longest wait of others*
is seen from outside: a client on a connection of its own asks for a small hot page
every millisecond meanwhile, so what the machine does otherwise is in it too. Clients
are ``wrk`` (64 connections for one second, the headers pip sends) for what is small,
and ``curl`` for what is large. Who needs a tenth of a second for one hot page is asked
for it once, by one client. Redirects are followed: proxpi sends clients to the upstream
when a file takes it more than 0.9 seconds. A start is that of the whole program, its
imports included: ``twistd web`` alone, with nothing of ours, takes some 0.2 seconds.

"""

_OF_PARTS = """\
Why idle memory is above its goal, and a start behind those of proxpi and pypiserver:
resident memory of a Python process, and the seconds that it ran, when it has loaded so
much (``python bench/idle.py``)."""


def _number(value: float) -> str:
    """
    With three digits that count.
    """
    if value and abs(value) < 0.01:
        return f"{value:.4f}"
    for limit, digits in ((1, 3), (10, 2), (100, 1)):
        if abs(value) < limit:
            return f"{value:.{digits}f}"
    return f"{value:,.0f}"


def _cell(spread: Spread | None, several: bool) -> str:
    if spread is None:
        return "\\-"
    middle = _number(spread.middle)
    if not several:
        return middle
    return f"{middle} ({_number(spread.least)}-{_number(spread.most)})"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """
    A simple table, as wide as it has to be.
    """
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    rule = "  ".join("=" * width for width in widths)

    def line(cells: Sequence[str]) -> str:
        padded = (c.ljust(w) for c, w in zip(cells, widths, strict=True))
        return "  ".join(padded).rstrip()

    return "\n".join([rule, line(head), rule, *map(line, lines), rule])


def _measured(results: Results) -> Iterator[tuple[Group, Row, Metric]]:
    for group in GROUPS:
        for row in group.rows:
            names = results.rows.get(row.name, {"values": {}})["values"]
            for metric in row.metrics:
                if metric.name in names:
                    yield group, row, metric


def _ratios(results: Results) -> str:
    lines = []
    for _, row, metric in _measured(results):
        if not metric.ratio:
            continue
        several = results.rows[row.name]["rounds"] > 1
        ratios = [
            _cell(
                results.ratio(row.name, metric.name, Ours.name, p.name, metric.more),
                several,
            )
            for p in PEERS
        ]
        goal = row.goals.get(metric, "")
        lines.append([f"{row.about}: {metric.name}", goal or "\\-", *ratios])
    return _table(["what", "goal", *(peer.name for peer in PEERS)], lines)


def _figures(results: Results) -> str:
    lines = []
    for _, row, metric in _measured(results):
        several = results.rows[row.name]["rounds"] > 1
        cells = [
            _cell(results.spread(row.name, metric.name, server.name), several)
            for server in SERVERS
        ]
        goal = row.goals.get(metric, "")
        lines.append([f"{row.about}: {metric.name}", goal or "\\-", *cells])
    return _table(["what", "goal", *(server.name for server in SERVERS)], lines)


def _missing(results: Results) -> str:
    told: dict[tuple[str, str], list[str]] = {}
    for group in GROUPS:
        for row in group.rows:
            if row.name not in results.rows:
                continue
            why = {server.name: reason for server, reason in group.cannot.items()}
            why |= results.rows[row.name]["why"]
            for server, reason in why.items():
                told.setdefault((server, reason), []).append(row.name)
    return "\n".join(
        f"- {server}: {reason} ({', '.join(rows)})"
        for (server, reason), rows in told.items()
    )


def _servers(results: Results) -> str:
    return "\n".join(
        f"- *{server.name}* ({results.versions.get(server.name, 'not run')}): "
        f"{server.about}."
        for server in SERVERS
    )


def _runs(results: Results) -> str:
    runs: dict[tuple[str, int], list[str]] = {}
    for name, row in results.rows.items():
        runs.setdefault((row["day"], row["rounds"]), []).append(name)
    return "\n".join(
        f"- {day}, {rounds} round{'s' * (rounds > 1)}: {', '.join(sorted(rows))}"
        for (day, rounds), rows in sorted(runs.items())
    )


def _parts(results: Results) -> str:
    lines = [
        [name, f"{memory:.1f}", f"{seconds:.2f}"]
        for name, memory, seconds in results.parts
    ]
    return f"{_OF_PARTS}\n\n{_table(['with', 'MB', 'seconds'], lines)}"


def render(results: Results, where: str) -> str:
    """
    :param where: what kind of directory things were cached in.
    """
    head = _HEAD.format(cores=os.cpu_count(), where=where)
    parts = [
        ("Who is compared", _servers(results)),
        ("Ratios", _ratios(results)),
        ("Figures", _figures(results)),
        ("What memory and a start are made of", _parts(results)),
        ("What is missing, and why", _missing(results)),
        ("When it was measured", _runs(results)),
    ]
    return head + "\n\n".join(
        f"{title}\n{'-' * len(title)}\n\n{text}\n" for title, text in parts
    )
