"""
``verify``: is what is here whole?
"""

from collections.abc import Iterator, Mapping, Sequence
from time import sleep, time
from typing import Any

from attrs import evolve, frozen

from proxypypi.commands.asking import askings_of
from proxypypi.commands.directory import ProjectsOptions, parse
from proxypypi.commands.options import complain
from proxypypi.commands.watching import bar_if_watched
from proxypypi.commands.wording import told
from proxypypi.model import Finding, Grade
from proxypypi.quantities import amount, plural
from proxypypi.store.mending import Fault
from proxypypi.upkeep import whom_to_ask


class VerifyOptions(ProjectsOptions):
    longdesc = (
        "Read all files again, or those of the projects that are named, and say of "
        "each that is not what it was, or not what its index lists, what to do. Also "
        "said are records that are damaged, what was left unfinished, and what is left "
        "out of every listing and why. This goes beside a running server. The exit "
        "status is 1 if there is an error left; a warning is not one."
    )
    optFlags = [
        [
            "repair",
            None,
            "Remove what the server gets anew by itself: damaged files that their "
            "index lists, damaged records of the cache, and what was left unfinished. "
            "Private files and decisions are never touched.",
        ]
    ]


@frozen
class _Outcome:
    """
    :ivar repaired: is it put right?
    """

    finding: Finding
    repaired: bool = False

    @property
    def facts(self) -> Mapping[str, Any]:
        return {
            "grade": self.finding.grade.value,
            "path": self.finding.subject,
            "what": self.finding.what,
            "advice": self.finding.advice,
            "repaired": self.repaired,
        }

    @property
    def line(self) -> str:
        return told(self.finding, "repaired" if self.repaired else "")


def verify(command: str, arguments: Sequence[str]) -> int:
    """
    Look at everything, and tell what is wrong.
    """
    options = parse(VerifyOptions, command, arguments)
    # Not before: what it needs is of no use to other commands.
    from proxypypi.cache.verifying import verify_all

    root = options.settings.directory
    asked_about = whom_to_ask(root, askings_of(options.configuration))
    with bar_if_watched("read", in_bytes=True) as note:
        verified = verify_all(root, options.names, asked_about, note, time, sleep)
    faults = verified.faults
    outcomes = list(_mend(faults) if options["repair"] else map(_told, faults))
    left = [each for each in outcomes if not each.repaired]
    errors = sum(each.finding.grade is Grade.ERROR for each in left)
    of = f"{plural(verified.count, 'file')}, {amount(verified.size)}"
    warnings = plural(len(left) - errors, "warning")
    verdict = f"{plural(errors, 'error')}, {warnings}" if left else "all is well"
    options.report(
        {
            "files": verified.count,
            "bytes": verified.size,
            "faults": [each.facts for each in outcomes],
            "missing": list(verified.missing),
        },
        [*(each.line for each in outcomes), f"{of}: {verdict}"],
    )
    for name in verified.missing:
        complain(f"there is no file of {name} in {root}")
    return 1 if errors or verified.missing else 0


def _mend(faults: Sequence[Fault]) -> Iterator[_Outcome]:
    """
    What was mended by somebody else meanwhile is not told.
    """
    for fault in faults:
        if fault.mend is None:
            yield _told(fault)
            continue
        try:
            if fault.mend():
                yield _Outcome(fault.finding, repaired=True)
        except OSError as e:
            advice = f"it cannot be removed: {e.strerror or e}"
            yield _Outcome(evolve(fault.finding, advice=advice))


def _told(fault: Fault) -> _Outcome:
    return _Outcome(fault.finding)
