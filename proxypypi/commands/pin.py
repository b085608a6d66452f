"""
``pin`` and ``unpin``: what is never evicted.
"""

from collections.abc import Mapping, Sequence
from time import time

from twisted.python import usage

from proxypypi.commands.directory import DirectoryOptions, parse
from proxypypi.commands.options import complain
from proxypypi.errors import BadSettings
from proxypypi.kinds import GLOB
from proxypypi.names import is_distribution
from proxypypi.store.pins import PinStore


class PinOptions(DirectoryOptions):
    """
    :ivar pins: as they are kept.
    """

    operands = "[NAME|FILE|PATTERN...]"
    longdesc = (
        "Keep cached files from being evicted, by a server with --max-size as well as "
        "by prune: those of a project, or of all whose names fit a pattern, such as "
        "'acme-*'; or a file, or those that fit a pattern with the ending of a file, "
        "such as 'torch-2.*.whl'. Without any, what is pinned is listed. A running "
        "server heeds it from its next eviction on."
    )
    pins: tuple[str, ...]

    def parseArgs(self, *pins: str) -> None:
        self.pins = tuple(dict.fromkeys(map(_read, pins)))


class UnpinOptions(PinOptions):
    operands = "NAME|FILE|PATTERN..."
    longdesc = (
        "Take pins back, each as it was made: proxypypi pin without an operand lists "
        "them."
    )

    def parseArgs(self, *pins: str) -> None:
        if not pins:
            raise usage.UsageError(f"{self.command} needs a NAME, FILE or PATTERN")
        super().parseArgs(*pins)


def pin(command: str, arguments: Sequence[str]) -> int:
    """
    Pin something, or list what is pinned.
    """
    options = parse(PinOptions, command, arguments)
    store = PinStore.of(options.settings.directory)
    if not options.pins:
        _list(options, store.all())
        return 0
    before = store.pin(options.pins, time())
    options.report(
        {
            "pinned": [pin for pin in options.pins if pin not in before],
            "already": [pin for pin in options.pins if pin in before],
        },
        [
            f"{pin} was pinned already" if pin in before else f"{pin} is pinned"
            for pin in options.pins
        ],
    )
    return 0


def unpin(command: str, arguments: Sequence[str]) -> int:
    """
    Take pins back.
    """
    options = parse(UnpinOptions, command, arguments)
    root = options.settings.directory
    before = PinStore.of(root).unpin(options.pins)
    unknown = [pin for pin in options.pins if pin not in before]
    dropped = [pin for pin in options.pins if pin in before]
    options.report(
        {"unpinned": dropped, "not-pinned": unknown},
        [f"{pin} is no longer pinned" for pin in dropped],
    )
    for pin in unknown:
        complain(f"{pin} is not pinned in {root}")
    return 1 if unknown else 0


def _list(options: PinOptions, pins: Mapping[str, float]) -> None:
    options.report({"pins": list(pins)}, pins)


def _read(pin: str) -> str:
    """
    :raises UsageError: nothing can have such a name.
    """
    if is_distribution(pin):
        return pin
    try:
        glob: str = GLOB.read(pin)
    except BadSettings as e:
        raise usage.UsageError(
            f"{pin!r} is neither a project, nor a file, nor a pattern of either"
        ) from e
    return glob
