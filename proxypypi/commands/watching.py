"""
Who sits at a terminal sees how far what takes long has come.
"""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Told = Callable[[int, int], None]
"""
Is told how many are done, of how many.
"""


def bar_if_watched(what: str, in_bytes: bool = False) -> AbstractContextManager[Told]:
    """
    A progress bar, if somebody looks.

    :param what: is counted.
    :param in_bytes: is it bytes that are counted?
    """
    if not sys.stderr.isatty():
        return nullcontext(lambda done, planned: None)
    # Not before: it is much.
    from proxypypi.commands.progress import bar

    return bar(what, in_bytes=in_bytes)
