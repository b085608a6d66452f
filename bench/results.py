"""
What was measured, kept in a JSON file that a later run of some rows is merged into.
"""

import json
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from attrs import define, field, frozen

from bench.idle import Part


@frozen
class Spread:
    """
    The median of some rounds, and the least and the most.
    """

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread | None":
        if not values:
            return None
        return cls(median(values), min(values), max(values))


@define
class Results:
    """
    :ivar rows: by name of a row, then ``values`` by metric and server, one for each
        round, and by server the reason ``why`` one is missing.
    :ivar versions: by server.
    :ivar parts: what :func:`bench.idle.parts` found.
    """

    rows: dict[str, dict[str, Any]] = field(factory=dict)
    versions: dict[str, str] = field(factory=dict)
    parts: list[Part] = field(factory=list)

    @classmethod
    def load(cls, path: Path) -> "Results":
        if not path.exists():
            return cls()
        kept = json.loads(path.read_text())
        return cls(kept["rows"], kept["versions"], kept.get("parts", []))

    def save(self, path: Path) -> None:
        kept = {
            "versions": self.versions,
            "rows": self.rows,
            "parts": self.parts,
        }
        path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")

    def forget_all_but(self, rows: Container[str]) -> None:
        """
        Rows that are measured no more are not told of any more.
        """
        self.rows = {name: row for name, row in self.rows.items() if name in rows}

    def begin(self, row: str, day: str, rounds: int) -> None:
        """
        Forget what there was of a row.
        """
        self.rows[row] = {"day": day, "rounds": rounds, "values": {}, "why": {}}

    def add(
        self, row: str, server: str, turn: int, values: Mapping[str, float]
    ) -> None:
        for metric, value in values.items():
            servers = self.rows[row]["values"].setdefault(metric, {})
            column = servers.setdefault(server, [None] * self.rows[row]["rounds"])
            column[turn] = round(value, 4)

    def fail(self, row: str, server: str, why: str) -> None:
        self.rows[row]["why"][server] = why

    def failed(self, row: str, server: str) -> bool:
        return server in self.rows[row]["why"]

    def column(self, row: str, metric: str, server: str) -> list[float | None]:
        found: list[float | None] = self.rows[row]["values"][metric].get(server, [])
        return found

    def spread(self, row: str, metric: str, server: str) -> Spread | None:
        column = self.column(row, metric, server)
        return Spread.of([value for value in column if value is not None])

    def ratio(
        self, row: str, metric: str, ours: str, theirs: str, more: bool
    ) -> Spread | None:
        """
        How many times better ours is, round by round.
        """
        return Spread.of(
            [
                a / b if more else b / a
                for a, b in self._pairs(row, metric, ours, theirs)
                if a > 0 and b > 0
            ]
        )

    def _pairs(
        self, row: str, metric: str, ours: str, theirs: str
    ) -> Iterator[tuple[float, float]]:
        columns = (self.column(row, metric, server) for server in (ours, theirs))
        for a, b in zip(*columns, strict=False):
            if a is not None and b is not None:
                yield a, b
