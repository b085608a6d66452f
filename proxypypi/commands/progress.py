"""
A bar on a terminal, for what takes long.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)


@contextmanager
def bar(
    what: str, console: Console | None = None
) -> Iterator[Callable[[int, int], None]]:
    """
    A context in which it is shown; it goes away afterwards.

    :param what: is counted.
    :param console: :obj:`None` for stderr.
    :returns: what to tell how many are done, of how many.
    """
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(what), TimeElapsedColumn())
    with Progress(
        *columns, console=console or Console(stderr=True), transient=True
    ) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, all: progress.update(task, completed=done, total=all)
