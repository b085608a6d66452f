"""
``refresh``: pages that are to be fetched anew.
"""

from collections.abc import Sequence

from proxypypi.commands.directory import NamesOptions, parse
from proxypypi.store.wishes import Wishes


class RefreshOptions(NamesOptions):
    longdesc = (
        "The page of a project is fetched anew, whole, when it is asked for the next "
        "time, however fresh it is; one that was missing is looked for again."
    )


def refresh(command: str, arguments: Sequence[str]) -> int:
    """
    Have project pages fetched anew.
    """
    options = parse(RefreshOptions, command, arguments)
    root = options.settings.directory
    wishes = Wishes.of(root)
    for name in options.names:
        wishes.make(name)
    options.report(
        {"refreshed": list(options.names)},
        [
            f"{name} is fetched anew at its next request, in {root}"
            for name in options.names
        ],
    )
    return 0
