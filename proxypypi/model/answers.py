"""
How an answer was come by, and for how long it holds.
"""

from attrs import frozen


@frozen(kw_only=True)
class Outcome:
    """
    How an answer was come by, in the terms of :rfc:`9211`.

    :ivar hit: it was here, and nobody was waited for.
    :ivar ttl: seconds for which it is fresh yet, negative if it is not; :obj:`None`
        to leave that out.
    :ivar forwarded: why upstream was asked: ``"miss"``, ``"stale"``; :obj:`None` if it
        was not.
    :ivar status: that upstream answered; :obj:`None` to leave that out.
    :ivar stored: what upstream gave is kept.
    :ivar collapsed: it is that of a request already under way.
    :ivar detail: a token that says more; empty for none.
    """

    hit: bool = False
    ttl: float | None = None
    forwarded: str | None = None
    status: int | None = None
    stored: bool = False
    collapsed: bool = False
    detail: str = ""


@frozen(kw_only=True)
class Validity:
    """
    For how long an answer about a project would be given again just as it was.

    :ivar until: POSIX seconds.
    :ivar slot: where the project's number is among
        :class:`~proxypypi.store.generations.Generations`.
    :ivar number: what it was before the answer was made; it holds while it is the same.
    """

    until: float
    slot: int
    number: int
