"""
What the server does, at a moment: as it is told to programs, and shown to people.
"""

import msgspec


class _Told(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    pass


class UpstreamNow(_Told, frozen=True):
    """
    :ivar url: without credentials.
    :ivar lately: how it answered in the last minutes, and how many times.
    :ivar shut: how many processes do not ask it for now, as it could not be asked.
    """

    name: str
    url: str
    lately: dict[str, int]
    shut: int


class Fetching(_Told, frozen=True):
    """
    A file on its way from an upstream.

    :ivar got: bytes that have come.
    :ivar size: bytes in all; :obj:`None` if not known.
    :ivar waiting: how many clients of this process get it as it comes; :obj:`None` if
        another process fetches it.
    """

    project: str
    filename: str
    got: int
    size: int | None = None
    waiting: int | None = None


class NewFile(_Told, frozen=True):
    """
    A private file.

    :ivar seen_at: when it was first seen here, as :rfc:`3339` has it.
    """

    project: str
    filename: str
    seen_at: str


class SharedName(_Told, frozen=True):
    """
    A project that has private files here, and that an index has, too.
    """

    project: str
    index: str


class Overview(_Told, frozen=True):
    """
    Counts are of all processes, since they began.

    :ivar processes: how many there are; with workers, one of them does not serve.
    :ivar troubles: what makes our answers worse than they could be, in sentences; as
        this process knows it.
    :ivar others_degraded: how many other processes know of some, be it the same.
    :ivar counted_since: as :rfc:`3339` has it; :obj:`None` if nothing is counted yet.
    :ivar requests: of clients, by result.
    :ivar hits_ratio: see :class:`~proxypypi.rules.balance.Balance`.
    :ivar counts: of what else happened, by the names of metrics; none is zero.
    :ivar fetching: those that began first, if there are too many.
    :ivar fetching_count: of all of them.
    :ivar private: the newest private files; :obj:`None` if that is not known yet. So
        is *shared*.
    """

    processes: int
    troubles: list[str]
    others_degraded: int
    counted_since: str | None
    requests: dict[str, int]
    hits_ratio: float | None
    sent_bytes: int
    fetched_bytes: int
    saved_bytes: int
    counts: dict[str, int]
    upstreams: list[UpstreamNow]
    fetching: list[Fetching]
    fetching_count: int
    private: list[NewFile] | None
    shared: list[SharedName] | None
