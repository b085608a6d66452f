"""
``import``: what a bundle brings is put into the directory.
"""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from time import time
from typing import BinaryIO

from attrs import define, field
from twisted.python import usage

from proxypypi.bundles.arrival import Arrival
from proxypypi.bundles.reading import Bundle
from proxypypi.commands.directory import DirectoryOptions, parse
from proxypypi.commands.exporting import STANDARD
from proxypypi.commands.options import complain
from proxypypi.commands.watching import bar_if_watched
from proxypypi.commands.wording import one_line
from proxypypi.errors import BadBundle, CannotKeep, DoesNotFit
from proxypypi.quantities import amount, plural
from proxypypi.store.files import open_file


class ImportOptions(DirectoryOptions):
    """
    :ivar bundles: paths, or a dash.
    """

    operands = "BUNDLE..."
    longdesc = (
        "Put what bundles of the export command bring into the directory, beside a "
        "running server or without one. Every file is checked before it is there; none "
        "takes the place of another. Under a name that is claimed here, or --private, "
        "only private files come, and none under one that is denied. What was removed "
        "here does not come back. Of two pages of a project the newer one is kept; "
        "claims, yanks and statuses are added to those that there are. What is here "
        "already is skipped: after an interruption, do it again. A bundle is as good "
        "as who made it. - for BUNDLE is stdin."
    )
    optFlags = [["dry-run", None, "Only say what would be brought."]]
    bundles: tuple[str, ...]

    def parseArgs(self, *bundles: str) -> None:
        if not bundles:
            raise usage.UsageError(f"{self.command} needs the name of a BUNDLE")
        self.bundles = tuple(dict.fromkeys(bundles))


@define(eq=False)
class _Outcome:
    """
    What came of all bundles.

    :ivar bad: those that could not be used, or not all of them, and why.
    """

    arrivals: list[Arrival] = field(factory=list, init=False)
    bad: dict[str, str] = field(factory=dict, init=False)

    def names(self, what: str) -> list[str]:
        return [name for a in self.arrivals for name in getattr(a.report, what)]

    def said(self, what: str) -> dict[str, str]:
        """
        What is said of files, by the names of their members.
        """
        return {n: s for a in self.arrivals for n, s in getattr(a.report, what).items()}

    def total(self, what: str) -> int:
        return sum(getattr(arrival.report, what) for arrival in self.arrivals)

    @property
    def troubles(self) -> list[str]:
        return [said for a in self.arrivals for said in a.knowledge.troubles]


def import_(command: str, arguments: Sequence[str]) -> int:
    """
    Take one bundle after the other.
    """
    options = parse(ImportOptions, command, arguments)
    outcome = _Outcome()
    for bundle in options.bundles:
        try:
            with _open(bundle) as stream:
                _take(options, stream, outcome)
        except (BadBundle, CannotKeep, DoesNotFit, OSError) as e:
            outcome.bad[bundle] = _why(e, bundle)
    return _tell(options, outcome)


def _why(error: Exception, bundle: str) -> str:
    """
    What is wrong; of an error of the system also with what, unless it is the bundle.
    """
    if not isinstance(error, OSError):
        return str(error)
    reason, path = error.strerror or str(error), error.filename2 or error.filename
    return reason if path in (None, bundle) else f"{path}: {reason}"


def _open(bundle: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if bundle == STANDARD else open_file(bundle)


def _take(options: ImportOptions, stream: BinaryIO, outcome: _Outcome) -> None:
    arrival = Arrival(options.settings, Bundle.open(stream))
    outcome.arrivals.append(arrival)
    if options["dry-run"]:
        arrival.foresee()
    arrival.check_room()
    if options["dry-run"]:
        return
    with bar_if_watched("read", in_bytes=True) as told:
        arrival.bring(time(), told)


def _tell(options: ImportOptions, outcome: _Outcome) -> int:
    """
    Report what was brought.

    :returns: the exit status.
    """
    lists = ("brought", "already", "others", "damaged", "missing")
    names = {what: outcome.names(what) for what in lists}
    left_out, remarks = outcome.said("left_out"), outcome.said("remarks")
    brought, already = names["brought"], names["already"]
    size, dry = outcome.total("size"), bool(options["dry-run"])
    verb = "would be brought" if dry else "brought"
    options.report(
        {
            **names,
            "left-out": left_out,
            "remarks": remarks,
            "size": size,
            "pages": outcome.total("pages"),
            "bad": outcome.bad,
            "dry-run": dry,
        },
        [
            *(f"{name} would be brought" for name in brought if dry),
            f"{plural(len(brought), 'file')} {verb} ({amount(size)}), "
            f"{len(already)} were here",
        ],
    )
    for name in names["others"]:
        complain(f"{name}: there is another file of that name here, which stays")
    for name in names["damaged"]:
        complain(f"{name} is damaged in the bundle, and was not brought")
    for name in names["missing"]:
        complain(f"{name} is not in the bundle, although its manifest names it")
    for name, reason in left_out.items():
        complain(f"{name} is left out: {one_line(reason)}")
    for name, remark in remarks.items():
        complain(f"{name} {verb}, and {remark}")
    for trouble in outcome.troubles:
        complain(trouble)
    for bundle, reason in outcome.bad.items():
        complain(f"{bundle}: {reason}")
    wrong = names["others"] or names["damaged"] or names["missing"] or left_out
    return 1 if wrong or outcome.troubles or outcome.bad else 0
