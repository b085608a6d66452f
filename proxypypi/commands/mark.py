"""
``mark``: the status of a project (PEP 792).
"""

from collections.abc import Sequence

from twisted.python import usage

from proxypypi.commands.directory import parse
from proxypypi.commands.options import complain
from proxypypi.commands.project import KnownProject, ProjectOptions
from proxypypi.store.marks import STATUSES, set_status


class MarkOptions(ProjectOptions):
    """
    :ivar status: what the project is from now on.
    """

    operands = f"PROJECT {'|'.join(STATUSES)}"
    longdesc = (
        "Say on a project's page that it is archived (expect no updates), deprecated "
        "(use something else), or quarantined: then it lists no files, and each is "
        "answered 403. An active project is an ordinary one. What an index "
        "quarantined stays so. A running server notices at once."
    )
    optParameters = [["reason", None, None, "What to tell people."]]
    status: str

    def parseArgs(self, *operands: str) -> None:
        super().parseArgs(*operands)
        if len(self.rest) != 1 or self.rest[0] not in STATUSES:
            allowed = f"{', '.join(STATUSES[:-1])} or {STATUSES[-1]}"
            raise usage.UsageError(f"{self.command} needs a PROJECT and {allowed}")
        self.status = self.rest[0]


def mark(command: str, arguments: Sequence[str]) -> int:
    """
    Say what has become of a project.
    """
    options = parse(MarkOptions, command, arguments)
    name, status, reason = options.project, options.status, options["reason"]
    known = KnownProject.find(options.root, name) is not None
    if not known and status != "active":
        complain(options.unknown)
        return 1
    set_status(options.decisions, name, status, reason)
    options.report(
        {"project": name, "status": status, "reason": reason},
        [f"{name} is {status}{f': {reason}' if reason else ''}"],
    )
    return 0
