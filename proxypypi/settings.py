"""
What a user can set, checked and in the program's own units.
"""

from pathlib import Path
from urllib.parse import urljoin, urlsplit

from attrs import field, frozen
from distlib.index import DEFAULT_INDEX as _DISTLIB_INDEX

from proxypypi.errors import BadSettings

DEFAULT_INDEX: str = urljoin(_DISTLIB_INDEX, "/simple/")
DEFAULT_LISTEN = "tcp:8000:interface=127.0.0.1"


def index_address(url: str) -> str:
    """
    An index's base address, with its final slash.

    :raises BadSettings: it is no absolute http or https address.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as e:
        raise BadSettings(reason=f"{url!r}: {e}") from e
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadSettings(
            reason=f"{url!r} is no index address: it must start with http:// or https://"
        )
    if any(c.isspace() or not c.isprintable() for c in url):
        raise BadSettings(reason=f"{url!r} is no index address: it has a space in it")
    if "?" in url or "#" in url:
        raise BadSettings(
            reason=f"{url!r} is no index address: it has a query or a fragment"
        )
    return url if url.endswith("/") else url + "/"


def seconds(text: str) -> float:
    """
    A number of seconds, not negative.

    :raises BadSettings: *text* is not one.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < 1e10:
        raise BadSettings(
            reason=f"{text!r} is no number of seconds, such as 600 or 0.5"
        )
    return value


@frozen(kw_only=True)
class Settings:
    """
    All settings of one server.

    :ivar directory: where files are kept and private ones are found; absolute.
    :ivar listen: Twisted server endpoint descriptions.
    :ivar index_url: the upstream index; :obj:`None` to have none.
    :ivar index_ttl: seconds a fetched project page is fresh.
    :ivar drain: seconds that running transfers may go on after the end was asked for.
    """

    directory: Path
    listen: tuple[str, ...] = (DEFAULT_LISTEN,)
    index_url: str | None = field(default=DEFAULT_INDEX)
    index_ttl: float = 600.0
    drain: float = 30.0
