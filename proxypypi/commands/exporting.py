"""
``export``: a bundle of what is here, for where there is no Internet.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import (
    contextmanager,
    nullcontext,
    redirect_stdout,
)
from pathlib import Path
from tempfile import TemporaryFile
from time import time
from typing import TYPE_CHECKING, BinaryIO

from twisted.python import usage

from proxypypi.bundles.manifest import Kind, Member, place_of
from proxypypi.bundles.writing import check_free, new_file, write_bundle
from proxypypi.commands.directory import DirectoryOptions, parse
from proxypypi.commands.options import complain
from proxypypi.commands.prefetch import Shopping
from proxypypi.commands.watching import bar_if_watched
from proxypypi.errors import BadSettings
from proxypypi.kinds import DURATION, INSTANT
from proxypypi.quantities import amount, plural

if TYPE_CHECKING:
    from proxypypi.bundles.contents import Contents

STANDARD = "-"  # in place of a file: stdin or stdout
_DATE = "2026-11-01"
_A_DAY = 86_400.0


class ExportOptions(DirectoryOptions):
    """
    :ivar bundle: where it goes; :obj:`None` for stdout.
    :ivar shopping: what goes in; :obj:`None` for all.
    :ivar since: POSIX seconds; what came before is left out. 0 for nothing.
    """

    operands = "BUNDLE [FILE|REQUIREMENT...]"
    longdesc = (
        "Write a bundle: a tar of what is here, for the import command of another "
        "machine. Beside a running server or without one. Without a FILE or a "
        "REQUIREMENT all that /local/ lists goes in; else what these name, as prefetch "
        "takes them, as far as it is here: nothing is fetched. With the files go the "
        "pages of their indexes, when each file came, claims, yanks, statuses and "
        "attestations; no tokens, users, pins or releases. - for BUNDLE is stdout."
    )
    optParameters = [
        [
            *("since", None, None),
            "Only files that came here since then, and pages that were known to hold: "
            "a time, such as 2026-11-01 or 2026-11-01T12:00:00Z, or an age, such as "
            "7d. [default: all]",
        ],
    ]
    optFlags = [
        ["all-releases", None, "Of a requirement, all that fit, not only the newest."],
        ["force", "f", "Replace BUNDLE, if there is such a file."],
    ]
    meant = {"no-proxy": ["true"]}
    bundle: Path | None
    shopping: Shopping | None = None
    since: float = 0.0

    def parseArgs(self, *arguments: str) -> None:
        if not arguments:
            raise usage.UsageError(f"{self.command} needs the name of a BUNDLE")
        bundle, *wanted = arguments
        self.bundle = None if bundle == STANDARD else Path(bundle).absolute()
        if wanted:
            shopping = self.shopping = Shopping()
            for argument in wanted:
                shopping.add(argument)

    def postOptions(self) -> None:
        super().postOptions()
        if self["since"]:
            self.since = _moment(self["since"], time())
        if self.bundle is None:
            if sys.stdout.isatty():
                raise usage.UsageError("a bundle is nothing for a terminal")
            return
        folder = self.bundle.parent.resolve()
        if not folder.is_dir():
            raise usage.UsageError(f"{str(folder)!r}: there is no such directory")
        if folder.is_relative_to(self.settings.directory):
            raise usage.UsageError(
                f"{str(self.bundle)!r} is in the cache directory: write it elsewhere"
            )


def export(command: str, arguments: Sequence[str]) -> int:
    """
    Find out what goes in, then write it.
    """
    options = parse(ExportOptions, command, arguments)
    if options.bundle is not None:
        check_free(options.bundle, options["force"])
    # Not before: what it needs is much, and of no use to other commands.
    from proxypypi.commands.packing import pack

    folder = options.bundle.parent if options.bundle is not None else None
    with TemporaryFile(dir=folder) as others:
        wanted = options.shopping.wanted if options.shopping is not None else None
        with bar_if_watched("looked through") as told:
            contents, trouble = pack(
                *(options.settings, wanted, others),
                *(options.since, bool(options["all-releases"]), told),
            )
        if trouble:
            complain(trouble)
        others.seek(0)
        with _opened(options) as out, bar_if_watched("written", in_bytes=True) as told:
            lost = write_bundle(contents.pieces, others, out, time(), told)
    return _tell(options, contents, lost)


@contextmanager
def _opened(options: ExportOptions) -> Iterator[BinaryIO]:
    if options.bundle is not None:
        with new_file(options.bundle, bool(options["force"])) as out:
            yield out
        return
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def _moment(text: str, now: float) -> float:
    """
    :param text: an age, or a time; of a day its beginning is meant.
    :raises usage.UsageError: it is neither.
    """
    try:
        return now - float(DURATION.read(text))
    except BadSettings:
        pass
    try:
        at: float = INSTANT.read(text)
    except BadSettings as e:
        raise usage.UsageError(f"--since: {e}, nor an age, such as 7d") from e
    return at - _A_DAY if len(text) == len(_DATE) else at


def _tell(options: ExportOptions, contents: "Contents", lost: Sequence[Member]) -> int:
    """
    Report what went in.

    :returns: the exit status.
    """
    gone = {member.name for member in lost}
    members = [piece.member for piece in contents.pieces]
    files = [m for m in members if place_of(m).kind is Kind.FILE and m.name not in gone]
    pages = sum(place_of(member).kind is Kind.PAGE for member in members)
    unparseable = options.shopping.unparseable if options.shopping is not None else []
    size, root = sum(member.size for member in files), options.settings.directory
    where = nullcontext() if options.bundle is not None else redirect_stdout(sys.stderr)
    with where:
        options.report(
            {
                "bundle": str(options.bundle) if options.bundle is not None else None,
                "files": [member.name for member in files],
                "size": size,
                "pages": pages,
                "missing": [{"wanted": s, "reason": r} for s, r in contents.missing],
                "unparseable": list(unparseable),
                "lost": sorted(gone),
                "left-out": contents.left_out,
            },
            [f"{plural(len(files), 'file')} ({amount(size)}) of {root}"],
        )
    for line in unparseable:
        complain(f"{line}: names nothing of an index")
    for said, reason in contents.missing:
        complain(f"{said}: {reason}")
    for name in sorted(gone):
        complain(f"{name} went, or was changed, before it was in the bundle")
    for name, reason in contents.left_out.items():
        complain(f"{name} is left out: {reason}")
    if not (contents.missing or unparseable or gone):
        return 0
    complain("the bundle was written all the same, without these")
    return 1
