"""
``list``: what is here, and what was decided about it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from math import isfinite
from pathlib import Path
from time import time
from typing import Any

from proxypypi.cache.inventory import Stock, stock_of, take_stock
from proxypypi.commands.decisions import tell_decisions
from proxypypi.commands.directory import ProjectsOptions, parse
from proxypypi.commands.options import complain
from proxypypi.commands.wording import moment, one_line
from proxypypi.moments import render_second
from proxypypi.quantities import amount, plural
from proxypypi.rules.inventory import Item, Kind
from proxypypi.settings import Settings

_MOST = 10  # complaints; where one record is not ours to read, none may be


class ListOptions(ProjectsOptions):
    longdesc = (
        "Say what is here: a line for each project, or for each file of those that are "
        "named. With --decisions, say what people decided about them: claims, yanks, "
        "statuses, releases, removals and pins, one a line. Only records are read: no "
        "index is asked, and no file is looked into, so that of a file that is new it "
        "may not be known yet whose it is. Which projects are denied, and how young "
        "files are withheld, is as the environment and --config say."
    )
    optFlags = [["decisions", None, "What people decided, in place of what is here."]]


def list_here(command: str, arguments: Sequence[str]) -> int:
    """
    Say what is here.
    """
    options = parse(ListOptions, command, arguments)
    if options["decisions"]:
        return tell_decisions(options)
    if options.names:
        return _tell_files(options)
    settings, now = options.settings, time()
    projects: list[Mapping[str, Any]] = []
    troubles: list[str] = []
    for stock in take_stock(settings.directory):
        projects.append(_facts(stock, stock.items(settings, now), settings))
        troubles += stock.troubles
    options.report({"projects": projects}, map(_line, projects))
    return _complain(troubles)


def _tell_files(options: ProjectsOptions) -> int:
    settings = options.settings
    root, now = settings.directory, time()
    stocks = [stock_of(root, name) for name in options.names]
    here = [(stock, stock.items(settings, now)) for stock in stocks if stock.files]
    missing = [stock.name for stock in stocks if not stock.files]
    options.report(
        {
            "projects": [
                {
                    **_facts(stock, items, settings),
                    "files": [_file_facts(item, root) for item in items],
                }
                for stock, items in here
            ],
            "missing": missing,
        },
        [_file_line(item, root) for _, items in here for item in items],
    )
    troubles = [trouble for stock, _ in here for trouble in stock.troubles]
    for name in missing:
        complain(f"there is no file of {name} in {root}")
    return max(_complain(troubles), 1 if missing else 0)


def _complain(troubles: Sequence[str]) -> int:
    """
    :returns: the exit status.
    """
    for trouble in troubles[:_MOST]:
        complain(trouble)
    if len(troubles) > _MOST:
        complain(f"and {len(troubles) - _MOST} more; verify tells them all")
    return 1 if troubles else 0


def _facts(stock: Stock, items: Sequence[Item], settings: Settings) -> dict[str, Any]:
    kinds = Counter(item.kind for item in items)
    status, reason = stock.status
    return {
        "project": stock.name,
        "count": len(stock.files),
        "bytes": sum(file.size for file in stock.files.values()),
        "private": kinds[Kind.PRIVATE],
        "cached": kinds[Kind.CACHED],
        "unread": kinds[Kind.UNREAD],
        "claimed": stock.claimed,
        "denied": any(fnmatchcase(stock.name, glob) for glob in settings.deny),
        "status": status,
        "status-reason": reason,
    }


def _line(facts: Mapping[str, Any]) -> str:
    kinds = [(facts[kind.name.lower()], kind.value) for kind in Kind]
    said = [
        facts["project"],
        plural(facts["count"], "file"),
        amount(facts["bytes"]),
        ", ".join(f"{count} {kind}" for count, kind in kinds if count),
        *(what for what in ("claimed", "denied") if facts[what]),
    ]
    if facts["status"] not in (None, "active"):
        reason = facts["status-reason"]
        because = f": {one_line(reason)}" if reason else ""
        said.append(f"{facts['status']}{because}")
    return "  ".join(said)


def _file_facts(item: Item, root: Path) -> Mapping[str, Any]:
    return {
        "filename": item.file.filename,
        "path": _path(item, root),
        "version": item.version,
        "bytes": item.file.size,
        "kind": item.kind.name.lower(),
        "index": item.index,
        "sha256": item.sha256,
        "uploaded": moment(item.uploaded_at),
        "yanked": item.yanked,
        "yanked-here": item.yanked_here,
        "removed-upstream": moment(item.missed_at),
        "withheld": item.withheld,
        "held-back": None if item.held_back is None else render_second(item.held_back),
        "released": item.released,
    }


def _file_line(item: Item, root: Path) -> str:
    return "  ".join(
        [
            _path(item, root),
            item.version or "no version",
            amount(item.file.size),
            f"cached from {one_line(item.index)}" if item.index else item.kind.value,
            *_remarks(item),
        ]
    )


def _remarks(item: Item) -> Iterator[str]:
    if item.yanked is not None:
        by = "here" if item.yanked_here else "upstream"
        because = f": {one_line(item.yanked)}" if item.yanked else ""
        yield f"yanked {by}{because}"
    if item.missed_at is not None:
        yield f"removed upstream by {moment(item.missed_at)}"
    if item.withheld:
        yield "withheld"
    if item.held_back is not None:
        is_known = isfinite(item.held_back)
        until = f" until {render_second(item.held_back)}" if is_known else ""
        yield f"held back{until}"
    if item.released:
        yield "released"


def _path(item: Item, root: Path) -> str:
    return item.file.path.removeprefix(f"{root}/")
