"""
Addresses as the hands see them: origins, credentials, and what may be shown.
"""

from urllib.parse import urlsplit, urlunsplit

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


def origins_of(file_host: str) -> frozenset[Origin]:
    """
    The origin that *file_host* is; both, of http and https, of a host without a scheme.

    :param file_host: see :func:`proxypypi.settings.file_host`.
    """
    if "//" in file_host:
        return frozenset([origin_of(file_host)])
    return frozenset(origin_of(f"{scheme}://{file_host}") for scheme in _PORTS)


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
