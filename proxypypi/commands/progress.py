"""
A bar on a terminal, for what takes long.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

Told = Callable[[int, int], None]
"""
Is told how many are done, and of how many.
"""


def bar(what: str, console: Console | None = None) -> AbstractContextManager[Told]:
    """
    A context in which it is shown; it goes away afterwards.

    :param what: is counted.
    :param console: :obj:`None` for stderr.
    """
    return _bar(console, MofNCompleteColumn(), TextColumn(what))


def bar_of_bytes(console: Console | None = None) -> AbstractContextManager[Told]:
    """
    As :func:`bar`, of bytes, and how many come in a second.
    """
    return _bar(console, DownloadColumn(), TransferSpeedColumn())


@contextmanager
def _bar(console: Console | None, *columns: ProgressColumn) -> Iterator[Told]:
    with Progress(
        *(BarColumn(), *columns, TimeElapsedColumn()),
        console=console or Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, all: progress.update(task, completed=done, total=all)
