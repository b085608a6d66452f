"""
What keeps a file from being published.
"""

from attrs import define

from proxypypi.errors.base import ProxypypiError


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
