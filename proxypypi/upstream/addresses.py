"""
Where connections may lead.

An index can name any address it likes in its links and redirects. One on the public
network has no business naming our loopback, our neighbours or our cloud's metadata
service, so what a host name resolves to is judged before it is connected to.
"""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IAddress,
    IConnector,
    IDelayedCall,
    IHostnameResolver,
    IHostResolution,
    IProtocol,
    IProtocolFactory,
    IReactorPluggableNameResolver,
    IReactorTime,
    IResolutionReceiver,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.error import SchemeNotSupported
from twisted.web.iweb import IAgentEndpointFactory, IPolicyForHTTPS
from zope.interface import implementer

from proxypypi.upstream.urls import Origin

CONNECT_TIMEOUT = 5.0
RECEIVE_SIZE = 256 * 1024  # Twisted's 64 KiB is a third slower on large files
_REMEMBERED = 60.0  # seconds that we believe to know the index's own addresses

_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits


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


@implementer(IResolutionReceiver)
@define(eq=False)
class _Gathering:
    """
    All addresses of one resolution.
    """

    addresses: list[IAddress] = field(factory=list, init=False)
    complete: "Deferred[list[IAddress]]" = field(factory=Deferred, init=False)

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        pass

    def addressResolved(self, address: IAddress) -> None:
        self.addresses.append(address)

    def resolutionComplete(self) -> None:
        if not self.complete.called:
            self.complete.callback(self.addresses)


@define(eq=False)
class _Surroundings:
    """
    The kinds of address that the index's own host has, looked up when they matter.
    """

    _host: str
    _resolver: IHostnameResolver
    _clock: IReactorTime
    _kinds: frozenset[str | None] = field(default=frozenset(), init=False)
    _known_until: float = field(default=0.0, init=False)

    async def kinds(self) -> frozenset[str | None]:
        now = self._clock.seconds()
        if self._kinds and now < self._known_until:
            return self._kinds
        gathering = _Gathering()
        self._resolver.resolveHostName(gathering, self._host)
        found = await gathering.complete
        self._kinds = frozenset(kind_of(_host(a)) for a in found)
        self._known_until = now + _REMEMBERED
        return self._kinds


@implementer(IHostnameResolver)
@define(eq=False)
class _Guard:
    """
    Resolves for one connection, and passes on only where it may lead.

    :ivar refused: set when an address was found but none was passed on.
    """

    _resolver: IHostnameResolver
    _surroundings: _Surroundings
    refused: AddressRefused | None = field(default=None, init=False)

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        gathering = _Gathering()
        resolution = self._resolver.resolveHostName(
            gathering, hostName, portNumber, addressTypes, transportSemantics
        )
        resolutionReceiver.resolutionBegan(resolution)
        Deferred.fromCoroutine(self._pass_on(gathering, resolutionReceiver))
        return resolution

    async def _pass_on(
        self, gathering: _Gathering, receiver: IResolutionReceiver
    ) -> None:
        try:
            found = await gathering.complete
            kinds = [kind_of(_host(address)) for address in found]
            allowed: frozenset[str | None] = frozenset([None])
            if set(kinds) - allowed:
                allowed |= await self._surroundings.kinds()
            good = [a for a, kind in zip(found, kinds, strict=True) if kind in allowed]
            if found and not good:
                self.refused = AddressRefused(_host(found[0]), kinds[0] or "")
            for address in good:
                receiver.addressResolved(address)
        finally:
            receiver.resolutionComplete()


@implementer(IReactorTime, IReactorPluggableNameResolver)
@define(eq=False)
class _Reactor:
    """
    As much of a reactor as a :class:`HostnameEndpoint` needs, with its own resolver.
    """

    _reactor: Any
    nameResolver: IHostnameResolver

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        previous, self.nameResolver = self.nameResolver, resolver
        return previous

    def connectTCP(self, *args: Any, **kwargs: Any) -> IConnector:
        connector: IConnector = self._reactor.connectTCP(*args, **kwargs)
        return connector

    def seconds(self) -> float:
        now: float = self._reactor.seconds()
        return now

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> IDelayedCall:
        call: IDelayedCall = self._reactor.callLater(delay, callable, *args, **kwargs)
        return call

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        calls: Sequence[IDelayedCall] = self._reactor.getDelayedCalls()
        return calls


@implementer(IStreamClientEndpoint)
@define(eq=False)
class _Explaining:
    """
    Says why, when nothing was left to connect to.
    """

    _endpoint: IStreamClientEndpoint
    _guard: _Guard

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":
        def explain(failure: Failure) -> Failure:
            if self._guard.refused is not None:
                return Failure(self._guard.refused)
            return failure

        return self._endpoint.connect(protocolFactory).addErrback(explain)


@implementer(IStreamClientEndpoint)
@define(eq=False)
class _Roomy:
    """
    Receives in larger pieces. Under TLS this belongs under the TLS.
    """

    _endpoint: IStreamClientEndpoint

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":
        def widen(protocol: Any) -> IProtocol:
            protocol.transport.bufferSize = RECEIVE_SIZE
            connected: IProtocol = protocol
            return connected

        return self._endpoint.connect(protocolFactory).addCallback(widen)


@implementer(IAgentEndpointFactory)
@define(eq=False)
class Endpoints:
    """
    Connects an agent to the index *home*, and to what that may lead to.

    :param reactor: connects by TCP and tells the time.
    :param resolver: finds the addresses of hosts.
    """

    _reactor: Any
    _home: Origin
    _resolver: IHostnameResolver
    _policy: IPolicyForHTTPS
    _surroundings: _Surroundings = field(init=False)

    @_surroundings.default
    def _make_surroundings(self) -> _Surroundings:
        return _Surroundings(self._home.host, self._resolver, self._reactor)

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """
        :raises SchemeNotSupported: it is neither http nor https.
        """
        if uri.scheme not in (b"http", b"https"):
            raise SchemeNotSupported(f"Unsupported scheme: {uri.scheme!r}")
        endpoint: IStreamClientEndpoint = _Roomy(self._plain(uri))
        if uri.scheme == b"https":
            creator = self._policy.creatorForNetloc(uri.host, uri.port)
            endpoint = wrapClientTLS(creator, endpoint)
        return endpoint

    def _plain(self, uri: URI) -> IStreamClientEndpoint:
        if (uri.host.decode("ascii").lower(), uri.port) == (
            self._home.host,
            self._home.port,
        ):
            return self._hostname(uri, self._resolver)
        guard = _Guard(self._resolver, self._surroundings)
        return _Explaining(self._hostname(uri, guard), guard)

    def _hostname(self, uri: URI, resolver: IHostnameResolver) -> HostnameEndpoint:
        reactor = _Reactor(self._reactor, resolver)
        return HostnameEndpoint(reactor, uri.host, uri.port, CONNECT_TIMEOUT)


def _host(address: Any) -> str:
    host: str = address.host
    return host
