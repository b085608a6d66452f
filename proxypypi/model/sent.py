"""
What an index sent, and what is believed of it.
"""

from enum import Enum

from attrs import field, frozen


@frozen(kw_only=True)
class RawPage:
    """
    A project page exactly as an index sent it.

    :ivar index: address of the index that was asked, without credentials.
    :ivar url: the page's address after redirects; relative links start here.
    :ivar content_type: the header's value.
    :ivar body: decoded of any content coding.
    :ivar etag: for the next conditional request; :obj:`None` if none was sent.
    :ivar last_modified: likewise, an HTTP date.
    :ivar last_serial: ``X-PyPI-Last-Serial``, as it was sent.
    :ivar sent_at: POSIX seconds by the index's own clock; :obj:`None` if that is not
        known, as of a page that was kept. It makes no other page of it.
    """

    index: str
    url: str
    content_type: str
    body: bytes = field(repr=False)
    etag: str | None = None
    last_modified: str | None = None
    last_serial: str | None = None
    sent_at: float | None = field(default=None, eq=False)


class Change(Enum):
    """
    What upstream says that is not believed at once.
    """

    GONE = "gone-upstream"
    EMPTY = "empty-upstream"
    OLDER = "older-upstream"


@frozen(kw_only=True)
class Doubt:
    """
    What upstream says of a project instead of what it said before.

    :ivar since: POSIX seconds of the refresh that heard it first.
    :ivar believed: has it been said for long enough?
    """

    change: Change
    since: float
    believed: bool = False


@frozen(kw_only=True)
class HeldList:
    """
    An index's project list that is kept.

    :ivar page: its body left out.
    :ivar digest: sha256 of the body.
    :ivar checked_at: when it was last known to hold, POSIX seconds.
    """

    page: RawPage
    digest: str
    checked_at: float


@frozen(kw_only=True)
class Beginning:
    """
    How a list of projects begins, in one form: all of it but what is here, and its end.

    :ivar size: bytes, not compressed.
    :ivar digest: sha256 of the same.
    :ivar crc: CRC-32 of the same.
    """

    size: int
    digest: str
    crc: int
