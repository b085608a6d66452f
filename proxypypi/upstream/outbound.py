"""
Which outbound proxy, if any, leads to an origin.

The environment says so in the usual variables, in upper or lower case:
``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` for the rest, and ``NO_PROXY`` for what
is asked directly. They mean what they mean to :mod:`urllib.request`, and networks such
as ``10.0.0.0/8`` are understood in ``NO_PROXY``, too.
"""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network

from attrs import field, frozen

from proxypypi.errors import BadSettings
from proxypypi.settings import Credentials, masked
from proxypypi.upstream.urls import Origin, origin_of


@frozen
class OutboundProxy:
    """
    Who connects for us.

    :ivar authorization: the ``Proxy-Authorization`` it is given.
    """

    origin: Origin
    authorization: bytes | None = field(default=None, repr=False)

    def __str__(self) -> str:
        scheme, host, port = self.origin.scheme, self.origin.host, self.origin.port
        return (
            f"{scheme}://[{host}]:{port}"
            if ":" in host
            else f"{scheme}://{host}:{port}"
        )

    @classmethod
    def parse(cls, value: str) -> "OutboundProxy":
        """
        :param value: an address; without a scheme, http is meant.
        :raises BadSettings: it is none, or the proxy is of another kind.
        """
        url = value.strip()
        url = url if "://" in url else f"http://{url}"
        try:
            if not (url.isascii() and url.isprintable()) or " " in url:
                raise ValueError("it is no address")
            origin = origin_of(url)
            credentials = Credentials.of_url(url)
        except ValueError:
            reason = "it must be http://HOST:PORT or https://HOST:PORT"
            raise BadSettings(reason=f"{masked(value)!r}: {reason}") from None
        return cls(origin, None if credentials is None else credentials.basic)


@frozen
class Outbound:
    """
    The proxies of an environment.

    :ivar proxies: by the scheme of what is asked.
    :ivar except_for: what ``NO_PROXY`` says.
    """

    proxies: Mapping[str, OutboundProxy] = field(factory=dict)
    except_for: str = ""

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> "Outbound":
        """
        :raises BadSettings: a proxy's address is none.
        """
        said = _variables(environment)
        proxies = {}
        for scheme in ("http", "https"):
            kind = scheme if scheme in said else "all"
            if kind in said:
                try:
                    proxies[scheme] = OutboundProxy.parse(said[kind])
                except BadSettings as e:
                    variable = f"{kind.upper()}_PROXY"
                    raise BadSettings(reason=f"{variable}: {e}") from None
        return cls(proxies, said.get("no", ""))

    def proxy_for(self, origin: Origin) -> OutboundProxy | None:
        """
        :returns: :obj:`None` if *origin* is asked directly.
        """
        proxy = self.proxies.get(origin.scheme)
        if proxy is None or self._excepts(origin):
            return None
        return proxy

    def _excepts(self, origin: Origin) -> bool:
        entries = [entry.strip().lower() for entry in self.except_for.split(",")]
        return any(_covers(entry, origin) for entry in entries if entry)


def _covers(entry: str, origin: Origin) -> bool:
    """
    :param entry: ``*``, a host or a domain, both with a port or not, or a network.
    """
    if entry == "*":
        return True
    if "/" in entry:
        return _holds(entry, origin.host)
    entry = entry.lstrip(".")
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    names = (origin.host, host, f"{host}:{origin.port}")
    return any(name == entry or name.endswith(f".{entry}") for name in names)


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    """
    What stands before ``_PROXY``, to its value. Lower case wins, even if it is empty.
    """
    found = {}
    for name, value in environment.items():
        if name.lower().endswith("_proxy"):
            found[name.lower().removesuffix("_proxy")] = value
    for name, value in environment.items():
        if name.endswith("_proxy"):
            found[name.lower().removesuffix("_proxy")] = value
    return {kind: value for kind, value in found.items() if value.strip()}


def _holds(network: str, host: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
