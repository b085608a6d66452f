"""
How fast is this beside nginx, devpi-server, proxpi and pypiserver?

    python bench/compare.py

Installs these, each in an environment of its own, starts all in turn against the same
fake upstream on loopback, runs the same loads against each, and writes a table of
ratios to ``bench/RESULTS.rst``. What was measured is kept in ``bench/results.json``,
so that ``--rows`` can measure some rows anew. Takes a quarter of an hour; ``--quick``
takes five minutes. Needs nginx, wrk, curl and the test extra.
"""

import argparse
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from pathlib import Path
from subprocess import SubprocessError
from tempfile import TemporaryDirectory, gettempdir

from attrs import define, evolve, field

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import idle, report  # noqa: E402
from bench.content import Content, fill  # noqa: E402
from bench.loads import missing_programs  # noqa: E402
from bench.peers import Ours, Place, Server, Static, install  # noqa: E402
from bench.processes import Failed  # noqa: E402
from bench.results import Results  # noqa: E402
from bench.rows import GROUPS, Group, Row  # noqa: E402
from bench.upstream import Upstream  # noqa: E402

RESULTS = ROOT / "bench" / "results.json"
TABLE = ROOT / "bench" / "RESULTS.rst"
ROWS = [row.name for group in GROUPS for row in group.rows]
_MEMORY = Path("/dev/shm")
_ROOM = 8e9  # bytes
_TROUBLE = (Failed, OSError, HTTPException, SubprocessError, ValueError)


@define(eq=False)
class Comparison:
    """
    :ivar folder: for all that is made on the way.
    :ivar rounds: how often each server is measured.
    """

    upstream: Upstream
    environments: Path
    folder: Path
    rounds: int
    results: Results
    _started: int = field(default=0, init=False)

    def run(self, group: Group, rows: Sequence[Row]) -> None:
        day = time.strftime("%Y-%m-%d", time.gmtime())
        for row in rows:
            self.results.begin(row.name, day, min(self.rounds, row.rounds))
        if group.files is not None:
            self._one_by_one(group, rows)
        elif group.fresh:
            for turn in range(self.rounds):
                with self._running(group, rows) as servers:
                    self._round(rows, servers, turn)
        else:
            with self._running(group, rows) as servers:
                for row in rows:
                    for turn in range(self.rounds):
                        self._round([row], servers, turn)

    def _round(self, rows: Sequence[Row], servers: list[Server], turn: int) -> None:
        """
        Each server once, in another order each time.
        """
        first = turn % len(servers)
        for row in rows:
            for server in (*servers[first:], *servers[:first]):
                self._measure(row, server, turn)

    def _measure(self, row: Row, server: Server, turn: int) -> None:
        """
        Note the figures, or why there are none; who failed once is not asked again.
        """
        if type(server) in row.without or turn >= row.rounds:
            return
        if self.results.failed(row.name, server.name):
            return
        try:
            found = row.measure(self.upstream, server)
        except _TROUBLE as e:
            self._fail(row, server, e)
            return
        values = {metric.name: value for metric, value in found.items()}
        told = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        print(f"{row.name} {turn + 1}: {server.name}: {told}", flush=True)
        self.results.add(row.name, server.name, turn, values)

    def _fail(self, row: Row, server: Server, error: Exception) -> None:
        why = str(error).strip().splitlines()[0] if str(error) else repr(error)
        print(f"{row.name}: {server.name}: {why}", flush=True)
        self.results.fail(row.name, server.name, why)

    def _one_by_one(self, group: Group, rows: Sequence[Row]) -> None:
        directory = None
        if group.files:
            directory = self.folder / f"files-{group.files}"
            fill(directory, group.files)
        for turn in range(self.rounds):
            for row in rows:
                for server in self._servers(group, directory):
                    self.results.versions[server.name] = server.version()
                    self._measure(row, server, turn)
                    _end(server)
        if directory is not None:
            shutil.rmtree(directory)

    def _servers(self, group: Group, directory: Path | None) -> list[Server]:
        self._started += 1
        place = Place(
            state=self.folder,
            environments=self.environments,
            content=self.upstream.content,
            upstream=(self.upstream.shaped if group.shaped else self.upstream.plain),
            projects=group.projects,
            directory=directory,
        )
        return [
            server(evolve(place, state=self.folder / f"{self._started}-{n}"))
            for n, server in enumerate(group.servers)
        ]

    @contextmanager
    def _running(self, group: Group, rows: Sequence[Row]) -> Iterator[list[Server]]:
        servers = self._servers(group, None)
        try:
            with ThreadPoolExecutor() as pool:
                running = list(pool.map(partial(self._started_well, rows), servers))
            ready = [s for s, well in zip(servers, running, strict=True) if well]
            self._copy_pages(group, ready)
            yield ready
        finally:
            with ThreadPoolExecutor() as pool:
                list(pool.map(_end, servers))

    def _started_well(self, rows: Sequence[Row], server: Server) -> bool:
        try:
            server.start()
            server.prepare()
        except _TROUBLE as e:
            for row in rows:
                self._fail(row, server, e)
            return False
        self.results.versions[server.name] = server.version()
        return True

    def _copy_pages(self, group: Group, servers: Sequence[Server]) -> None:
        by_kind = {type(server): server for server in servers}
        static = by_kind.get(Static)
        if isinstance(static, Static) and Ours in by_kind:
            for project in group.copied:
                static.copy(project, by_kind[Ours])


def _end(server: Server) -> None:
    server.stop()
    shutil.rmtree(server.place.state, ignore_errors=True)


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").strip().splitlines()[0],
        epilog=f"Rows: {', '.join(ROWS)}.",
    )
    parser.add_argument(
        "--rows", nargs="+", metavar="ROW", choices=ROWS, default=ROWS,
        help="measure these only; all others stay as they were",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, metavar="N", help="default: 3")
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument(
        "--environments", type=Path, metavar="DIR",
        default=cache / "proxypypi-bench",
        help="where the others are installed; default: %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--scratch", type=Path, metavar="DIR", default=scratch(),
        help="for all that is cached, some 8 GB, removed in the end; "
        "default: %(default)s",
    )  # fmt: skip
    parser.add_argument("--results", type=Path, metavar="FILE", default=RESULTS)
    parser.add_argument("--table", type=Path, metavar="FILE", default=TABLE)
    return parser.parse_args(arguments)


def scratch() -> Path:
    """
    Memory, if there is a lot of it: else disks are compared, and not servers.
    """
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM:
        return _MEMORY
    return Path(gettempdir())


def described(folder: Path) -> str:
    return "in memory (tmpfs)" if folder == _MEMORY else "on a disk"


def main() -> None:
    chosen = options()
    missing = missing_programs()
    if missing:
        sys.exit(
            f"There is no {' and no '.join(missing)} here. On Debian:\n"
            "apt-get install nginx-light wrk curl"
        )
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    environments = chosen.environments.absolute()
    environments.mkdir(parents=True, exist_ok=True)
    install(environments)
    results = Results.load(chosen.results)
    results.forget_all_but(ROWS)
    began = time.monotonic()
    with TemporaryDirectory(prefix="bench-", dir=chosen.scratch) as temp:
        content = Content.make(Path(temp, "content"))
        upstream = Upstream(content, Path(temp, "upstream"))
        rounds = chosen.rounds or (1 if chosen.quick else 3)
        comparison = Comparison(upstream, environments, Path(temp), rounds, results)
        try:
            upstream.start()
            for group in GROUPS:
                rows = [row for row in group.rows if row.name in chosen.rows]
                if rows:
                    comparison.run(group, rows)
                    results.save(chosen.results)
        finally:
            upstream.stop()
    if any(name.startswith("start-") for name in chosen.rows):
        results.parts = list(idle.parts())
        results.save(chosen.results)
    chosen.table.write_text(report.render(results, described(chosen.scratch)))
    print(f"{chosen.table}: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
