"""
``doctor``: would a server work here?
"""

import os
from collections.abc import Sequence
from pathlib import Path

from twisted.python import usage

from proxypypi.commands.directory import ReportOptions, parse
from proxypypi.commands.options import RunOptions
from proxypypi.commands.wording import told
from proxypypi.config import configure
from proxypypi.errors import BadConfiguration
from proxypypi.layers import unread
from proxypypi.model import Finding, Grade


class DoctorOptions(ReportOptions, RunOptions):
    """
    Those of a server, which may be bad: that is what is to be found out.

    :ivar problems: that a start would end with.
    """

    longdesc = (
        "Say whether a server would work here with these options, in a line for each "
        "thing that it needs, and what to do if not: the options and the files that "
        "they name, the directory and its volume, the addresses, and each upstream. "
        "If the server runs already, it is asked how it is. Nothing is left behind. "
        "The exit status is 1 if there is an error; a warning is not one. Run it as "
        "the user that the server runs as."
    )
    problems: tuple[str, ...] = ()

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        try:
            usage.Options.parseOptions(self, options)
        except usage.UsageError as e:
            raise usage.UsageError(unread(str(e), self.longOpt)) from e

    def postOptions(self) -> None:
        try:
            self.configuration = configure(self.given, os.environ, Path.cwd())
        except BadConfiguration as e:
            self.problems = e.problems


def doctor(command: str, arguments: Sequence[str]) -> int:
    """
    Look at all that a server needs.
    """
    options = parse(DoctorOptions, command, arguments)
    findings = [Finding.error("options", problem) for problem in options.problems]
    if not findings:
        findings = _examine(options)
    options.report(
        {
            "checks": [
                {
                    "grade": each.grade.value,
                    "subject": each.subject,
                    "what": each.what,
                    "advice": each.advice,
                }
                for each in findings
            ]
        },
        map(told, findings),
    )
    return 1 if any(each.grade is Grade.ERROR for each in findings) else 0


def _examine(options: DoctorOptions) -> list[Finding]:
    # Not before: what it needs is much, and of no use to other commands.
    from twisted.internet import reactor

    from proxypypi.commands.fetching import run
    from proxypypi.doctor.examination import examine

    return run(reactor, lambda: examine(options.configuration, reactor, os.environ))
