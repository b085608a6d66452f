"""
What clients ask for, and cannot or must not have.
"""

from math import isinf

from attrs import define

from proxypypi.errors.base import ProxypypiError
from proxypypi.moments import render_second


@define(kw_only=True)
class BadName(ProxypypiError):
    """
    A name that no project or file can have.

    :ivar kind: ``"project"`` or ``"file"``.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        shown = self.name if len(self.name) <= 60 else self.name[:57] + "..."
        return f"{shown!a} is no {self.kind} name"


@define(kw_only=True)
class BadRequest(ProxypypiError):
    """
    A request that cannot be understood.
    """

    reason: str

    def __str__(self) -> str:
        return self.reason


@define(kw_only=True)
class BadMoment(ProxypypiError):
    """
    A page is asked for as of what is no moment.

    :ivar said: what stands in its place.
    """

    said: str

    def __str__(self) -> str:
        shown = self.said if len(self.said) <= 40 else self.said[:37] + "..."
        return (
            f"{shown!a} is no moment: say a day as 2026-11-01, a time as "
            "2026-11-01T12:00:00Z, or an age as 7d or 12h"
        )


@define(kw_only=True)
class NotAllowed(ProxypypiError):
    """
    A request for what its client may not do.
    """

    reason: str

    def __str__(self) -> str:
        return self.reason


@define(kw_only=True)
class NotAuthenticated(ProxypypiError):
    """
    It has to be said who asks, or what was said is wrong.
    """

    reason: str

    def __str__(self) -> str:
        return self.reason


@define(kw_only=True)
class TooManyListeners(ProxypypiError):
    """
    Too many want to be told what goes on.

    :ivar limit: how many may.
    """

    limit: int

    def __str__(self) -> str:
        return f"{self.limit} listen already, which are all that may: try again"


@define(kw_only=True)
class TooManyLogIns(ProxypypiError):
    """
    More passwords wait to be checked than can be in a reasonable time.

    :ivar waited: seconds, as long as one can; 0 if so many wait already.
    """

    waited: float = 0.0

    def __str__(self) -> str:
        if self.waited:
            return (
                f"this log-in waited {self.waited:g} s to be checked, as many others "
                "are: try again"
            )
        return "too many log-ins are being checked: try again"


@define(kw_only=True)
class NotAcceptable(ProxypypiError):
    """
    None of the forms of a page is among those that the client accepts.
    """

    offered: tuple[str, ...]

    def __str__(self) -> str:
        return f"this page comes as {', '.join(self.offered)} only"


@define(kw_only=True)
class RangeNotSatisfiable(ProxypypiError):
    """
    The bytes asked for lie outside of the file.

    :ivar size: of the file, in bytes.
    """

    size: int

    def __str__(self) -> str:
        return f"the file has only {self.size} bytes"


@define(kw_only=True)
class NoSuchProject(ProxypypiError):
    """
    Upstream says that there is no such project, and there is none here.

    :ivar remembered: it said so a while ago; it was not asked now.
    """

    project: str
    remembered: bool = False

    def __str__(self) -> str:
        return f"there is no project {self.project!r}"


@define(kw_only=True)
class NobodyIsAsked(NoSuchProject):
    """
    No upstream may be asked about the project.
    """

    def __str__(self) -> str:
        return f"no index is asked about {self.project!r}"


@define(kw_only=True)
class NoSuchRelease(ProxypypiError):
    """
    The project has no file of such a version.
    """

    project: str
    version: str

    def __str__(self) -> str:
        return f"there is no version {self.version!r} of {self.project}"


@define(kw_only=True)
class NoDocument(ProxypypiError):
    """
    The index has no JSON API, or none for us, or it has nothing to say.
    """

    url: str

    def __str__(self) -> str:
        return f"{self.url} has no document of the JSON API"


@define(kw_only=True)
class NoSuchFile(ProxypypiError):
    """
    The project has no such file.

    :ivar why: in place of the usual sentence; empty for that.
    """

    filename: str
    why: str = ""

    def __str__(self) -> str:
        return self.why or f"there is no file {self.filename!r}"


@define(kw_only=True)
class Quarantined(ProxypypiError):
    """
    The project's files must not be offered (PEP 792).

    :ivar here: is it people here who say so, and not its index?
    :ivar reason: that they give; :obj:`None` for none.
    """

    project: str
    here: bool = False
    reason: str | None = None

    def __str__(self) -> str:
        by = "here" if self.here else "by its index"
        because = f": {self.reason}" if self.reason else ""
        return f"{self.project} is quarantined {by}{because}"


@define(kw_only=True)
class NameDenied(ProxypypiError):
    """
    The operator does not want this project to be had from here.

    :ivar glob: of ``--deny``, that its name matches.
    """

    project: str
    glob: str

    def __str__(self) -> str:
        return (
            f"{self.project} is refused here: its name is denied (--deny {self.glob})"
        )


@define(kw_only=True)
class TooYoung(ProxypypiError):
    """
    A file was uploaded too short a time ago.

    :ivar until: POSIX seconds at which it is old enough; infinite if that is never
        known.
    :ivar can_be_released: is its digest known, by which a release goes?
    """

    filename: str
    until: float
    can_be_released: bool = True

    def __str__(self) -> str:
        if isinf(self.until):
            why = "held back, as its index gives no upload-time"
        else:
            why = f"too young, held back until {render_second(self.until)}"
        if self.can_be_released:
            return f"{why}; to free it: proxypypi release {self.filename}"
        return f"{why}; a cooldown-exemption in the configuration file frees it"


@define(kw_only=True)
class AllTooYoung(ProxypypiError):
    """
    The project has files, and each was uploaded too short a time ago.

    :ivar until: as for :class:`TooYoung`, of the first of them.
    """

    project: str
    until: float

    def __str__(self) -> str:
        held_back = f"all files of {self.project} are held back"
        if isinf(self.until):
            return f"{held_back}, as their index gives no upload-time"
        return f"{held_back}, the first of them until {render_second(self.until)}"


@define(kw_only=True)
class Withheld(ProxypypiError):
    """
    A file was removed upstream when it was so young that it may be malware.
    """

    filename: str

    def __str__(self) -> str:
        return (
            f"{self.filename} was removed upstream soon after its upload, so it is "
            f"withheld; to free it: proxypypi release {self.filename}"
        )
