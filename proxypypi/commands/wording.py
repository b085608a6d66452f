"""
How commands write what they report to people; for programs there is ``--json``.
"""

from datetime import datetime, timezone

from proxypypi.model import Finding

_UNITS = ("kB", "MB", "GB", "TB", "PB")


def plural(count: int, what: str) -> str:
    """
    So many of them: ``1 file``, ``2 files``.
    """
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def amount(size: int) -> str:
    """
    So much, in units that are read at a glance: ``1.7 MB``.

    :param size: bytes.
    """
    if size < 1_000:
        return plural(size, "byte")
    said = ""
    for power, unit in enumerate(_UNITS, 1):
        count = size / 1_000**power
        said = f"{count:,.1f} {unit}"
        if round(count, 1) < 1_000:
            break
    return said


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
