"""
What an upstream does not do, or does wrong.
"""

from attrs import define

from proxypypi.errors.base import ProxypypiError


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
class UnreadablePage(ProxypypiError):
    """
    Bytes that are no project page or list, whatever their type says.
    """

    reason: str

    def __str__(self) -> str:
        return self.reason
