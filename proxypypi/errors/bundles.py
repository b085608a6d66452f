"""
What is wrong with bundles.
"""

from attrs import define

from proxypypi.errors.base import ProxypypiError


@define(kw_only=True)
class BadBundle(ProxypypiError):
    """
    What is no bundle, or none that can be used.

    :ivar reason: a sentence about "it".
    """

    reason: str

    def __str__(self) -> str:
        return self.reason


@define(kw_only=True)
class BundleExists(ProxypypiError):
    """
    There is something where a bundle is to be written.
    """

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@define(kw_only=True)
class DoesNotFit(ProxypypiError):
    """
    What a bundle brings does not fit.

    :ivar size: bytes that it brings.
    """

    size: int
    reason: str

    def __str__(self) -> str:
        return f"it brings {self.size:,} bytes, which do not fit: {self.reason}"
