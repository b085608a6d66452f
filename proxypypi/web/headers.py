"""
What the headers of our answers say, and those of conditional requests ask.
"""

import re
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import quote

from twisted.web.http import MOVED_PERMANENTLY
from twisted.web.server import Request

from proxypypi.interfaces import IReaders
from proxypypi.model import Outcome

PUBLIC_PAGE = "public, max-age=60"
ALWAYS_ASK = "no-cache"
NEVER_KEEP = "no-store"
FOR_EVER = "public, max-age=31536000, immutable"
FOR_AN_HOUR = "public, max-age=3600"

_TAG = re.compile(r'(?:W/)?("[^"]*")')


def header(request: Request, name: str) -> str | None:
    """
    The value of a request's header; several of the same name are joined by commas.
    """
    values = request.requestHeaders.getRawHeaders(name.encode("ascii"))
    return b", ".join(values).decode("latin-1") if values else None


def set_headers(request: Request, **headers: str | None) -> None:
    """
    Set headers of the answer, ``cache_control="..."`` for ``Cache-Control: ...``.

    What is :obj:`None` is left out. What somebody had to log in for is nothing that
    caches may keep for others.
    """
    for name, value in headers.items():
        if value is not None:
            if name == "cache_control" and request.getComponent(IReaders) is not None:
                value = value.replace("public", "private")
            request.responseHeaders.setRawHeaders(name.replace("_", "-"), [value])


def forget(request: Request, *names: str) -> None:
    """
    Leave headers of the answer out, though they were set.
    """
    for name in names:
        request.responseHeaders.removeHeader(name)


def cache_status(outcome: Outcome) -> str:
    """
    ``Cache-Status`` (:rfc:`9211`).
    """
    parts = ["proxypypi"]
    if outcome.hit:
        parts.append("hit")
    if outcome.forwarded is not None:
        parts.append(f"fwd={outcome.forwarded}")
    if outcome.status is not None:
        parts.append(f"fwd-status={outcome.status}")
    if outcome.ttl is not None:
        parts.append(f"ttl={round(outcome.ttl)}")
    if outcome.stored:
        parts.append("stored")
    if outcome.collapsed:
        parts.append("collapsed")
    if outcome.detail:
        parts.append(f"detail={outcome.detail}")
    return "; ".join(parts)


def redirect(request: Request, location: str) -> bytes:
    """
    Send a client to where it always has to go.

    :param location: relative, so that any host name and mount point works.
    """
    _, mark, query = request.uri.partition(b"?")
    query_text = quote((mark + query).decode("latin-1"), safe="?/&=+%;:@,")
    request.setResponseCode(MOVED_PERMANENTLY)
    set_headers(
        request,
        location=location + query_text,
        content_length="0",
        cache_control=PUBLIC_PAGE,
        cache_status=cache_status(Outcome(hit=True)),
    )
    return b""


def http_date(seconds: float) -> str:
    """
    POSIX seconds as a header has them.
    """
    return formatdate(seconds, usegmt=True)


def is_unchanged(request: Request, etag: str | None, modified_at: float | None) -> bool:
    """
    Is what the client has still good (:rfc:`9110`, section 13)?

    :param etag: ours, with its quotes; :obj:`None` if there is none.
    :param modified_at: POSIX seconds; :obj:`None` if not known.
    """
    known = header(request, "If-None-Match")
    if known is not None:
        return etag is not None and (
            known.strip() == "*" or etag in _TAG.findall(known)
        )
    since = _moment(header(request, "If-Modified-Since"))
    if since is None or modified_at is None:
        return False
    return int(modified_at) <= since


def is_same_file(request: Request, etag: str | None, modified_at: float | None) -> bool:
    """
    May a range be given, by ``If-Range``? A weak tag, or none of ours, does not do.
    """
    known = header(request, "If-Range")
    if known is None:
        return True
    if known.startswith(('"', "W/")):
        return known == etag
    return modified_at is not None and _moment(known) == int(modified_at)


def _moment(date: str | None) -> float | None:
    if date is None:
        return None
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
