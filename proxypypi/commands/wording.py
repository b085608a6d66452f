"""
How commands write what they report to people; for programs there is ``--json``.
"""

from datetime import datetime, timezone

from proxypypi.model import Finding


def moment(seconds: float | None) -> str | None:
    """
    POSIX seconds as a time of :rfc:`3339`; :obj:`None` for none.
    """
    if seconds is None:
        return None
    at = datetime.fromtimestamp(seconds, timezone.utc)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def one_line(text: str) -> str:
    """
    What people or an index wrote, without anything that breaks a line, or a terminal.
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def told(finding: Finding, label: str = "") -> str:
    """
    :param label: in place of its grade; then nothing has to be done any more.
    """
    advice = f"; {finding.advice}" if finding.advice and not label else ""
    said = f"{finding.subject}: {finding.what}{advice}"
    return f"{label or finding.grade.value}: {one_line(said)}"
