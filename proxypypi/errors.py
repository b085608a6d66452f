"""
What can go wrong, in the words of the field.

Each error carries its facts as fields and says them in one sentence that is fit for
a client's terminal. The faces decide on statuses (:mod:`proxypypi.web.router`).
"""

from attrs import define


class ProxypypiError(Exception):
    """
    Whatever is not a defect of ours.
    """


@define(kw_only=True)
class BadSettings(ProxypypiError):
    """
    An option has a value it cannot have, or options contradict each other.
    """

    reason: str

    def __str__(self) -> str:
        return self.reason


@define(kw_only=True)
class BadConfiguration(ProxypypiError):
    """
    The command line, the environment or the file say what cannot be.

    :ivar problems: a line for each, with its key, value and place.
    """

    problems: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.problems)


@define(kw_only=True)
class BadUsers(ProxypypiError):
    """
    A file of users that cannot be used.

    :ivar line: counted from 1; :obj:`None` if it is the whole file.
    """

    path: str
    line: int | None = None
    reason: str

    def __str__(self) -> str:
        where = "" if self.line is None else f", line {self.line}"
        return f"{self.path!r}{where}: {self.reason}"


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
class TokenExists(ProxypypiError):
    """
    There is a token of that name.
    """

    name: str

    def __str__(self) -> str:
        return f"there is a token {self.name!r} already: revoke it, or use another name"


@define(kw_only=True)
class TooLarge(ProxypypiError):
    """
    What a client sends is larger than what is taken.
    """

    reason: str

    def __str__(self) -> str:
        return self.reason


@define(kw_only=True)
class TooSlow(ProxypypiError):
    """
    A client has stopped sending in the middle, or nearly so.
    """

    def __str__(self) -> str:
        return "hardly anything came for too long"


@define(kw_only=True)
class NotDoneAnyMore(ProxypypiError):
    """
    What indexes did once.
    """

    reason: str

    def __str__(self) -> str:
        return self.reason


@define(kw_only=True)
class NoRoom(ProxypypiError):
    """
    The directory does not take an upload: full, over quota, read-only, or worse.
    """

    reason: str

    def __str__(self) -> str:
        return f"this upload cannot be kept: {self.reason}"


@define(kw_only=True)
class TooManyUploads(ProxypypiError):
    """
    :ivar limit: how many there may be at once.
    """

    limit: int

    def __str__(self) -> str:
        return f"{self.limit} uploads are under way already, try again"


@define(kw_only=True)
class FileExists(ProxypypiError):
    """
    There is a file of that name, with other content.
    """

    filename: str
    project: str

    def __str__(self) -> str:
        return (
            f"File already exists ({self.filename!a} of {self.project}), with other "
            "content: a release is not replaced, use a new version"
        )


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
    """

    project: str

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
class NoProjectList(ProxypypiError):
    """
    The index does not say which projects it has.

    :ivar url: that was asked, without credentials.
    """

    url: str

    def __str__(self) -> str:
        return f"there is no project list at {self.url}"


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
class NoFittingRelease(ProxypypiError):
    """
    No release of a project is what somebody wants.

    :ivar reason: follows "no such release".
    """

    project: str
    reason: str

    def __str__(self) -> str:
        return f"there is no such release of {self.project}: {self.reason}"


@define(kw_only=True)
class BadLockFile(ProxypypiError):
    """
    What is no lock file, or none that is known here.
    """

    reason: str

    def __str__(self) -> str:
        return f"it is no lock file that is known: {self.reason}"


@define(kw_only=True)
class UpstreamError(ProxypypiError):
    """
    Upstream did not give what it was asked for.

    :ivar url: that was asked, without credentials.
    :ivar reason: what happened, in a few words.
    :ivar status: that upstream answered; :obj:`None` if it did not get that far.
    :ivar dead_for: seconds in which it is of no use to ask it anything; 0 if this is
        of one question alone.
    """

    url: str
    reason: str
    status: int | None = None
    dead_for: float = 0.0

    def __str__(self) -> str:
        return f"upstream failed: {self.reason} ({self.url})"


@define(kw_only=True)
class UpstreamUnreachable(UpstreamError):
    """
    No connection, or none that was let be: DNS, refused, TLS, reset, cut.

    Worth another try at once.
    """


@define(kw_only=True)
class UpstreamTimeout(UpstreamError):
    """
    Upstream kept silent for too long.
    """


@define(kw_only=True)
class UpstreamRefusal(UpstreamError):
    """
    Upstream answered, with a status that means no.

    :ivar status: 400 or above, or a redirect that is not followed; :obj:`None` if it
        was an outbound proxy that refused.
    """


@define(kw_only=True)
class UpstreamNonsense(UpstreamError):
    """
    Upstream answered what cannot be understood or must not be believed.
    """


@define(kw_only=True)
class WrongBytes(UpstreamNonsense):
    """
    A file's length or digest differs from what its index says.
    """

    filename: str


@define(kw_only=True)
class StillFetching(ProxypypiError):
    """
    The answer is on its way, but not here in the time a client can wait.

    :ivar what: is being fetched.
    """

    what: str

    def __str__(self) -> str:
        return f"still fetching {self.what}, try again"


@define(kw_only=True)
class CannotFollow(StillFetching):
    """
    Another process fetched it, and has thrown away what we have given out of it.
    """

    def __str__(self) -> str:
        return f"what has come of {self.what} was thrown away, try again"


@define(kw_only=True)
class JustArrived(StillFetching):
    """
    It has come meanwhile, or somebody puts it there; it will be known in a moment.
    """


@define(kw_only=True)
class TooManyStreams(ProxypypiError):
    """
    Too many transfers run that cannot be shared.

    :ivar limit: how many may.
    """

    limit: int

    def __str__(self) -> str:
        return f"{self.limit} unshared transfers are running already, try again"


@define(kw_only=True)
class UnreadablePage(ProxypypiError):
    """
    Bytes that are no project page or list, whatever their type says.
    """

    reason: str

    def __str__(self) -> str:
        return self.reason


@define(kw_only=True)
class CannotMake(ProxypypiError):
    """
    The list of all projects could not be made of what the indexes sent.

    :ivar reason: the last that was said by the process that should have made it.
    """

    reason: str

    def __str__(self) -> str:
        return f"the project list cannot be made: {self.reason}"


@define(kw_only=True)
class CannotKeep(ProxypypiError):
    """
    The directory does not take a file: full, over quota, read-only, or worse.
    """

    filename: str
    reason: str

    def __str__(self) -> str:
        return f"{self.filename} cannot be kept: {self.reason}"


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


@define(kw_only=True)
class DamagedRecord(ProxypypiError):
    """
    What people decided cannot be read any more.

    :ivar so: what that means.
    """

    path: str
    reason: str
    so: str = "it frees nothing"

    def __str__(self) -> str:
        return f"{self.path} cannot be read, so {self.so}: {self.reason}"


@define(kw_only=True)
class DirectoryInUse(ProxypypiError):
    """
    Another server keeps its files in this directory.

    :ivar pid: of that server, as it said itself.
    """

    directory: str
    pid: str

    def __str__(self) -> str:
        return f"another proxypypi (pid {self.pid}) already serves {self.directory}"


@define(kw_only=True)
class CannotListen(ProxypypiError):
    """
    An address to listen on is taken, not ours, or not to be had.
    """

    endpoint: str
    reason: str

    def __str__(self) -> str:
        return f"cannot listen on {self.endpoint}: {self.reason}"


@define(kw_only=True)
class BadCertificate(ProxypypiError):
    """
    The key and certificate of an address to listen on cannot be used.
    """

    endpoint: str
    reason: str

    def __str__(self) -> str:
        return f"{self.endpoint}: {self.reason}"


@define(kw_only=True)
class BadPidFile(ProxypypiError):
    """
    A pid file holds what is no process's number.
    """

    path: str
    content: str

    def __str__(self) -> str:
        return (
            f"there is no pid in {self.path}, but {self.content!a}: "
            "remove it, if it is not another program's"
        )


@define(kw_only=True)
class AlreadyRunning(ProxypypiError):
    """
    The daemon that a pid file is for runs.
    """

    pid: int

    def __str__(self) -> str:
        return f"proxypypi (pid {self.pid}) is already running"


@define(kw_only=True)
class NotOurs(ProxypypiError):
    """
    A pid file is locked by a process, but not by the one that it names.
    """

    path: str
    pid: int

    def __str__(self) -> str:
        return (
            f"{self.path} names pid {self.pid}, but another process has it locked: "
            "nothing was done"
        )
