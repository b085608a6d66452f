"""
``claim`` and ``unclaim``: which projects are ours alone.
"""

from collections.abc import Sequence
from time import time

from proxypypi.commands.directory import NamesOptions, parse
from proxypypi.commands.options import complain
from proxypypi.store.claims import ClaimStore


class ClaimOptions(NamesOptions):
    longdesc = (
        "Of a claimed project no upstream is asked, from the next request on. One that "
        "has private files and that no upstream has is claimed by itself when it is "
        "first asked for."
    )


class UnclaimOptions(NamesOptions):
    longdesc = (
        "Take claims back: upstreams are asked about the projects again, from the next "
        "request on. One that has private files and that no upstream has is claimed "
        "anew when it is asked for."
    )


def claim(command: str, arguments: Sequence[str]) -> int:
    """
    Have no upstream asked about projects.
    """
    options = parse(ClaimOptions, command, arguments)
    root = options.settings.directory
    store = ClaimStore.of(root)
    made = {name: store.claim(name, time(), "by command") for name in options.names}
    options.report(
        {
            "claimed": [name for name in made if made[name]],
            "already": [name for name in made if not made[name]],
        },
        [
            f"{name} is claimed in {root}: no upstream is asked about it"
            if is_new
            else f"{name} was claimed already"
            for name, is_new in made.items()
        ],
    )
    return 0


def unclaim(command: str, arguments: Sequence[str]) -> int:
    """
    Have upstreams asked about projects again.
    """
    options = parse(UnclaimOptions, command, arguments)
    root = options.settings.directory
    store = ClaimStore.of(root)
    dropped = {name: store.unclaim(name) for name in options.names}
    unknown = [name for name in dropped if not dropped[name]]
    released = [name for name in dropped if dropped[name]]
    options.report(
        {"unclaimed": released, "not-claimed": unknown},
        [f"{name} is no longer claimed" for name in released],
    )
    for name in unknown:
        complain(f"{name} is not claimed in {root}")
    return 1 if unknown else 0
