"""
What cannot be made or kept here, or not yet.
"""

from attrs import define

from proxypypi.errors.base import ProxypypiError


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
class JustGone(StillFetching):
    """
    It was here a moment ago, and has been removed.
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

    :ivar others_may: is it too large by itself, so that others may find room?
    """

    filename: str
    reason: str
    others_may: bool = False

    def __str__(self) -> str:
        return f"{self.filename} cannot be kept: {self.reason}"


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
