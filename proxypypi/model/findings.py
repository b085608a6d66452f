"""
What a look at something has come to.
"""

from enum import Enum

from attrs import frozen


class Grade(Enum):
    """
    How bad that is.
    """

    OK = "ok"
    WARNING = "warning"  # it works, but somebody should know
    ERROR = "error"


@frozen(kw_only=True)
class Finding:
    """
    :ivar subject: what was looked at; of files, the path from the directory.
    :ivar what: was found, in a sentence without its full stop.
    :ivar advice: what to do about it, likewise; empty for nothing.
    """

    grade: Grade
    subject: str
    what: str
    advice: str = ""

    @classmethod
    def ok(cls, subject: str, what: str) -> "Finding":
        return cls(grade=Grade.OK, subject=subject, what=what)

    @classmethod
    def warning(cls, subject: str, what: str, advice: str = "") -> "Finding":
        return cls(grade=Grade.WARNING, subject=subject, what=what, advice=advice)

    @classmethod
    def error(cls, subject: str, what: str, advice: str = "") -> "Finding":
        return cls(grade=Grade.ERROR, subject=subject, what=what, advice=advice)
