"""
What is wrong with lists of what to fetch.
"""

from attrs import define

from proxypypi.errors.base import ProxypypiError


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
