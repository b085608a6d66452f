"""
``prefetch``: fills the cache with what requirements and lock files name.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from attrs import define, field
from twisted.python import usage

from proxypypi.cache.prefetch import Fetched
from proxypypi.commands.directory import DirectoryOptions, parse
from proxypypi.commands.options import complain
from proxypypi.errors import BadLockFile, BadName
from proxypypi.rules.lockfiles import parse_lock_file
from proxypypi.rules.requirements import parse_requirement, parse_requirements
from proxypypi.rules.wanted import Wanted

_LOCK_FILES = (".lock", ".toml")
_FILES = (*_LOCK_FILES, ".txt", ".in")


@define(eq=False)
class Shopping:
    """
    All that is wanted, and what could not be understood.
    """

    wanted: list[Wanted] = field(factory=list, init=False)
    unparseable: list[str] = field(factory=list, init=False)

    def add(self, argument: str) -> None:
        """
        :param argument: the name of a file, or a requirement.
        :raises usage.UsageError: it is neither, or the file cannot be read.
        """
        if "/" in argument or argument.endswith(_FILES):
            self._add_file(argument)
            return
        try:
            self.wanted.append(parse_requirement(argument))
        except (ValueError, BadName) as e:
            raise usage.UsageError(
                f"{argument!r} is neither a requirement nor the name of a file"
            ) from e

    def _add_file(self, name: str) -> None:
        try:
            text = Path(name).read_text("utf-8-sig")
        except (OSError, ValueError) as e:
            reason = getattr(e, "strerror", None) or "it is not in UTF-8"
            raise usage.UsageError(f"{name!r} cannot be read: {reason}") from e
        if not name.endswith(_LOCK_FILES):
            found = parse_requirements(text)
            self.wanted.extend(found.wanted)
            self.unparseable.extend(found.unparseable)
            return
        try:
            locked = parse_lock_file(text)
        except BadLockFile as e:
            raise usage.UsageError(f"{name!r} cannot be used: {e}") from e
        self.wanted.extend(locked.wanted)
        self.unparseable.extend(locked.unparseable)


class PrefetchOptions(DirectoryOptions):
    """
    :ivar shopping: what the arguments name.
    """

    operands = "FILE|REQUIREMENT..."
    longdesc = (
        "Fetch into the directory, beside a running server or without one, what is "
        "named and not there. FILE is a requirements file, or a lock file, which ends "
        "in .lock or .toml: pylock.toml, uv.lock, poetry.lock. Of a requirement, such "
        "as 'demo' or 'demo>=1.0', all wheels and sdists come of the newest release "
        "that fits; of a lock file, the files it lists. What these depend on does not "
        "come: have it written down by uv lock, uv export or pip-compile. The indexes "
        "are those of a server with the same environment and --config."
    )
    shopping: Shopping

    def parseArgs(self, *arguments: str) -> None:
        if not arguments:
            raise usage.UsageError(f"{self.command} needs a FILE or a REQUIREMENT")
        self.shopping = Shopping()
        for argument in arguments:
            self.shopping.add(argument)


def prefetch(command: str, arguments: Sequence[str]) -> int:
    """
    Fetch it, and tell what came of that.
    """
    options = parse(PrefetchOptions, command, arguments)
    # Not before: what it needs is much, and of no use to other commands.
    from proxypypi.commands.fetching import fetch

    shopping = options.shopping
    return tell(options, fetch(options.settings, shopping.wanted), shopping.unparseable)


def tell(
    options: DirectoryOptions, fetched: Iterable[Fetched], unparseable: Sequence[str]
) -> int:
    """
    Report what came of it.

    :returns: the exit status.
    """
    fetched = list(fetched)
    failed = [one for one in fetched if one.problem]
    kept = [one for one in fetched if not one.problem]
    options.report(
        {
            "cached": [one.said for one in kept],
            "unparseable": list(unparseable),
            "failed": [{"requirement": o.said, "reason": o.problem} for o in failed],
            "files": sorted({name for one in fetched for name in one.files}),
        },
        [f"{one.said}: {_count(one.files)}" for one in kept],
    )
    for line in unparseable:
        complain(f"{line}: names nothing of an index")
    for one in failed:
        complain(f"{one.said}: {one.problem}")
    return 1 if failed or unparseable else 0


def _count(files: Sequence[str]) -> str:
    return "1 file is here" if len(files) == 1 else f"{len(files)} files are here"
