"""
What keeps a server from running as it was told to.
"""

from attrs import define

from proxypypi.errors.base import ProxypypiError


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
class TokenExists(ProxypypiError):
    """
    There is a token of that name.
    """

    name: str

    def __str__(self) -> str:
        return f"there is a token {self.name!r} already: revoke it, or use another name"


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


@define
class Stopping(ProxypypiError):
    """
    The server ends; what it takes no longer, the next one may.
    """

    def __str__(self) -> str:
        return "this server is stopping: try again soon"


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
