"""
A bar on a terminal, for what takes long.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)


@contextmanager
def bar(
    what: str, console: Console | None = None, in_bytes: bool = False
) -> Iterator[Callable[[int, int], None]]:
    """
    A context in which it is shown; it goes away afterwards.

    :param what: is counted.
    :param console: :obj:`None` for stderr.
    :param in_bytes: is it bytes that are counted?
    :returns: what to tell how many are done, of how many; by any thread.
    """
    count: ProgressColumn = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (BarColumn(), count, TextColumn(what), TimeElapsedColumn())
    with Progress(
        *columns, console=console or Console(stderr=True), transient=True
    ) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, all: progress.update(task, completed=done, total=all)
