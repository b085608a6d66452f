"""
``prune``: removes cached files by size or by last use.
"""

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from time import sleep, time
from typing import Any

from attrs import frozen
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock
from twisted.python import usage

from proxypypi.cache.eviction import Evicted, Eviction
from proxypypi.commands.asking import askings_of
from proxypypi.commands.directory import DirectoryOptions, parse
from proxypypi.commands.options import complain
from proxypypi.errors import BadSettings
from proxypypi.kinds import DURATION, SIZE, Kind
from proxypypi.rules.eviction import Stored, counted, surplus, unused
from proxypypi.rules.merge import iso
from proxypypi.store.directory import Directory
from proxypypi.store.partials import PartialStore
from proxypypi.upkeep import build_eviction

_PATIENCE = 60  # seconds in which a server comes to the end of what it evicts
_LOOK = 0.1  # seconds between looks whether it has


class PruneOptions(DirectoryOptions):
    """
    :ivar most: bytes that cached files may have; :obj:`None` for any number.
    :ivar idle: seconds after which what was not used goes; :obj:`None` for never.
    """

    longdesc = (
        "Remove cached files, beside a running server or without one: of more than "
        "--max-size, those that were not used for longest, and all that were not used "
        "for --unused-for. Private files, those that an index no longer has or is not "
        "asked for, pinned ones and what was used within a minute stay. What has gone "
        "is fetched again when somebody asks for it: which indexes that can be is what "
        "the server has left word of, and the environment and --config. What crashes "
        "left of files on their way goes, too."
    )
    optParameters = [
        [
            "max-size",
            None,
            None,
            "How much cached files may take together. [SIZE; default: the server's, if "
            "the environment or --config says it]",
        ],
        [
            "unused-for",
            None,
            None,
            "Remove all that were not used for so long. [DURATION; default: never]",
        ],
    ]
    optFlags = [["dry-run", None, "Only say what would be removed."]]
    most: int | None
    idle: float | None

    def postOptions(self) -> None:
        super().postOptions()
        self.most = self._read("max-size", SIZE)
        self.idle = self._read("unused-for", DURATION)
        if self.most is None:
            self.most = self.settings.max_size
        if self.most is None and self.idle is None:
            raise usage.UsageError(
                f"{self.command} needs --max-size or --unused-for, to know what is too "
                "much; or have --max-size in the environment or in --config"
            )

    def _read(self, name: str, kind: Kind) -> Any:
        if self[name] is None:
            return None
        try:
            return kind.read(self[name])
        except BadSettings as e:
            raise usage.UsageError(f"--{name}: {e}") from e

    def choose(self, files: Sequence[Stored], now: float) -> list[Stored]:
        """
        :returns: what is to go.
        """
        old = [] if self.idle is None else unused(files, now, now - self.idle)
        gone = {stored.file for stored in old}
        rest = [stored for stored in files if stored.file not in gone]
        return [*old, *surplus(rest, now, self.most)]


@frozen
class _LeftOver:
    """
    What is left of a file that was on its way.
    """

    path: Path
    size: int


def prune(command: str, arguments: Sequence[str]) -> int:
    """
    Remove what is too much, and tell what that was.
    """
    options = parse(PruneOptions, command, arguments)
    root = options.settings.directory
    eviction = build_eviction(
        root,
        Directory(root, Clock(), maybeDeferred),
        askings_of(options.configuration),
    )
    done = (_plan if options["dry-run"] else _evict)(options, eviction)
    if done is None:
        complain("another process removes files at this moment: try again")
        return 1
    left_over = _sweep(root, dry_run=bool(options["dry-run"]))
    _report(options, done, left_over)
    problems = [problem for problem in (done.problem, done.pins) if problem]
    for problem in problems:
        complain(problem)
    if options.most is not None and done.left > options.most:
        complain(
            f"{done.left:,} bytes stay: they are pinned, were used a moment ago, or "
            "could not be fetched again"
        )
    return 1 if problems else 0


def _plan(options: PruneOptions, eviction: Eviction) -> Evicted:
    """
    :returns: what :func:`_evict` would, though nothing goes.
    """
    now = time()
    stock, pins = eviction.look(now)
    going = options.choose(stock, now)
    left = counted(stock) - counted(going)
    return Evicted(files=tuple(going), left=left, pins=pins)


def _evict(options: PruneOptions, eviction: Eviction) -> Evicted | None:
    """
    :returns: :obj:`None` if another process does not come to an end with it.
    """
    for _ in range(round(_PATIENCE / _LOOK)):
        done = eviction.evict(options.choose, time())
        if done is not None:
            return done
        sleep(_LOOK)
    return None


def _sweep(root: Path, *, dry_run: bool) -> list[_LeftOver]:
    partials = root / ".proxypypi" / "cache" / "partial"
    store = PartialStore(partials, root, maybeDeferred)
    found = []
    for path, size in store.left_over(time()):
        if not dry_run:
            path.unlink(missing_ok=True)
        found.append(_LeftOver(path.relative_to(partials), size))
    return found


def _report(
    options: PruneOptions, done: Evicted, left_over: Sequence[_LeftOver]
) -> None:
    dry_run = bool(options["dry-run"])
    size = counted(done.files) + sum(each.size for each in left_over)
    are = "would be" if dry_run else "are"
    options.report(
        {
            "removed": [
                {
                    "project": stored.name,
                    "filename": stored.filename,
                    "size": stored.size,
                    "used": iso(stored.used_at),
                }
                for stored in done.files
            ],
            "left-over": [
                {"path": str(each.path), "size": each.size} for each in left_over
            ],
            "freed": size,
            "left": done.left,
            "dry-run": dry_run,
        },
        [
            *(
                f"{stored.size:>15,}  {_shown(stored.used_at)}  {stored.filename}"
                for stored in done.files
            ),
            *(f"{each.size:>15,}  left over         {each.path}" for each in left_over),
            f"files that {are} removed: {len(done.files) + len(left_over)}, "
            f"{size:,} bytes; cached files of {done.left:,} bytes stay",
        ],
    )


def _shown(moment: float) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%d %H:%M")
