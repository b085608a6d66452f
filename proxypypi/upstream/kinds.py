"""
What parts of the network there are, beside the one that is everybody's.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from socket import inet_aton

from attrs import frozen

_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits
_OURSELVES = re.compile(
    r"(.+\.)?(localhost|localhost6?\.localdomain6?|localhost6|ip6-(localhost|loopback))"
)


@frozen
class AddressRefused(Exception):
    """
    All that a host name resolves to are addresses its index may not lead us to.

    :ivar kind: as :func:`kind_of` has it.
    """

    address: str
    kind: str

    def __str__(self) -> str:
        return f"{self.address} is a {self.kind} address, and the index is not"


def kind_of(address: str) -> str | None:
    """
    Which part of the network that is not everybody's an address lies in.

    :param address: IPv4 or IPv6; IPv4 inside of IPv6 is judged as what it leads to.
    :returns: such as ``"loopback"``; :obj:`None` for a global address.
    """
    ip = _inner(ip_address(address))
    if ip.is_unspecified:  # most systems connect that to themselves
        return "loopback"
    for kind in ("loopback", "link_local", "multicast"):
        if getattr(ip, f"is_{kind}"):
            return kind.replace("_", "-")
    if ip.is_reserved:
        return "reserved"
    if not ip.is_global or (isinstance(ip, IPv6Address) and ip.is_site_local):
        return "private"
    return None


def _inner(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(ip.packed[-4:])
    return ip.ipv4_mapped or ip.sixtofour or ip


def kind_of_host(host: str) -> str | None:
    """
    The same of a host's name, as far as that alone tells.

    :param host: a name, or an address in any form that a resolver might take for one.
    """
    host = host.lower().rstrip(".")
    if _OURSELVES.fullmatch(host):
        return "loopback"
    try:
        return kind_of(host)
    except ValueError:
        pass
    try:
        return kind_of(str(IPv4Address(inet_aton(host))))  # 127.1, 0x7f000001 ...
    except (OSError, ValueError):
        return None
