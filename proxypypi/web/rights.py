"""
Who may have the server do something, where nobody has to say who they are.
"""

from ipaddress import ip_address
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.web.server import Request

from proxypypi.errors import NotAllowed
from proxypypi.web.headers import header

_BY_WAY_OF = ("Forwarded", "X-Forwarded-For", "Via", "Origin")
_OURS = ("same-origin", "none")


def check_local(request: Request) -> None:
    """
    Only programs of this machine, on their own account: neither somebody behind a web
    server, nor a page in somebody's browser.

    :raises NotAllowed: the request is another's.
    """
    client: Any = request.getClientAddress()
    if not isinstance(client, UNIXAddress) and not _is_loopback(client):
        raise NotAllowed(reason="only clients on this machine may do this")
    for name in _BY_WAY_OF:
        if header(request, name) is not None:
            raise NotAllowed(reason=f"not with the header {name}")
    site = header(request, "Sec-Fetch-Site")
    if site is not None and site not in _OURS:
        raise NotAllowed(reason="not for a page of another site")


def _is_loopback(client: Any) -> bool:
    try:
        address = ip_address(client.host)
    except (AttributeError, ValueError):
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
