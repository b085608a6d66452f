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
