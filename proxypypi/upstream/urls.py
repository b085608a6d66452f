"""
Addresses as the hands see them: origins, credentials, and what may be shown.
"""

from base64 import b64encode
from urllib.parse import unquote, urlsplit, urlunsplit

from attrs import frozen

_PORTS = {"http": 80, "https": 443}


@frozen
class Origin:
    """
    Whom a connection leads to; credentials belong to one of these.

    :ivar host: lower-case, an IPv6 address without its brackets.
    """

    scheme: str
    host: str
    port: int


def origin_of(url: str) -> Origin:
    """
    :raises ValueError: *url* is no absolute http or https address.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ValueError(f"only http and https are followed, not {parts.scheme!r}")
    if not parts.hostname:
        raise ValueError("it names no host")
    port = _PORTS[parts.scheme] if parts.port is None else parts.port
    return Origin(parts.scheme, parts.hostname, port)


def bare(url: str) -> str:
    """
    *url* without user, password and fragment.
    """
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))


def shown(url: str) -> str:
    """
    *url* as an error may show it: a query can be as secret as a password.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is none"
    return urlunsplit(
        (parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")
    )


def authorization_of(url: str) -> bytes | None:
    """
    The Basic ``Authorization`` that the user and password in *url* make.
    """
    parts = urlsplit(url)
    if parts.username is None and parts.password is None:
        return None
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return b"Basic " + b64encode(pair.encode())
