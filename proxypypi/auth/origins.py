"""
Where log-ins come from.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address

_HOST_BITS = 64  # of an IPv6 address, which its owner may choose at will


def origin_of(client: str) -> str:
    """
    What all addresses have in common that one client can easily have.

    :param client: its address; what is none stands for itself.
    """
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if isinstance(address, IPv4Address):
        return client
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    network = IPv6Address(int(address) >> _HOST_BITS << _HOST_BITS)
    return f"{network}/{128 - _HOST_BITS}"
