"""
Endpoints: how what an index is asked, and what it leads to, is connected to.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IConnector,
    IDelayedCall,
    IHostnameResolver,
    IProtocol,
    IProtocolFactory,
    IReactorPluggableNameResolver,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.error import SchemeNotSupported
from twisted.web.iweb import IAgentEndpointFactory, IPolicyForHTTPS
from zope.interface import implementer

from proxypypi.upstream.breaker import Connecting
from proxypypi.upstream.guard import Explaining, Guard, Surroundings
from proxypypi.upstream.heads import BoundedHeads
from proxypypi.upstream.kinds import AddressRefused, kind_of_host
from proxypypi.upstream.outbound import Outbound, OutboundProxy
from proxypypi.upstream.tunnel import ProxyEndpoint, Tunnel
from proxypypi.upstream.urls import Origin

CONNECT_TIMEOUT = 5.0
_NEXT_ADDRESS = 0.1  # seconds; that all of them refuse is only noticed after it
_NO_OTHER = 0.01  # the same, of what is an address itself
RECEIVE_SIZE = 256 * 1024  # Twisted's 64 KiB is a third slower on large files


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
class _Roomy:
    """
    Receives in larger pieces, and makes no noise in the log of each connection. Under
    TLS this belongs under the TLS.
    """

    _endpoint: IStreamClientEndpoint

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":
        def widen(protocol: Any) -> IProtocol:
            protocol.transport.bufferSize = RECEIVE_SIZE
            connected: IProtocol = protocol
            return connected

        protocolFactory.noisy = False  # type: ignore[attr-defined]
        return self._endpoint.connect(protocolFactory).addCallback(widen)


@implementer(IStreamClientEndpoint)
@define(eq=False)
class _Watched:
    """
    Says when it begins to connect, and when it has.
    """

    _endpoint: IStreamClientEndpoint
    _connecting: Connecting

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":
        ended = self._connecting.begin()

        def note(result: Any) -> Any:
            ended(not isinstance(result, Failure))
            return result

        return self._endpoint.connect(protocolFactory).addBoth(note)


@implementer(IAgentEndpointFactory)
@define(eq=False)
class Endpoints:
    """
    Connects an agent to the index *home*, and to what that may lead to.

    :param reactor: connects by TCP and tells the time.
    :param resolver: finds the addresses of hosts.
    :ivar outbound: proxies, and what is asked through them.
    :ivar connecting: is told of connections to the index.
    :ivar known: origins beside the index whose addresses the user vouches for.
    """

    _reactor: Any
    _home: Origin
    _resolver: IHostnameResolver
    _policy: IPolicyForHTTPS
    outbound: Outbound = field(factory=Outbound, kw_only=True)
    connecting: Connecting | None = field(default=None, kw_only=True)
    known: Collection[Origin] = field(default=(), kw_only=True)
    _surroundings: Surroundings = field(init=False)

    @_surroundings.default
    def _make_surroundings(self) -> Surroundings:
        by_name = self.outbound.proxy_for(self._home) is not None
        host = self._home.host
        return Surroundings(host, self._resolver, self._reactor, by_name)

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """
        :raises SchemeNotSupported: it is neither http nor https.
        """
        if uri.scheme not in (b"http", b"https"):
            raise SchemeNotSupported(f"Unsupported scheme: {uri.scheme!r}")
        host = uri.host.decode("ascii").lower()
        origin = Origin(uri.scheme.decode("ascii"), host, uri.port)
        endpoint: IStreamClientEndpoint
        proxy = self.outbound.proxy_for(origin) if origin.scheme == "https" else None
        if proxy is None:
            endpoint = self._direct(origin)
        else:
            to_proxy = self.to_proxy(proxy)
            endpoint = Tunnel(to_proxy, host, uri.port, proxy.authorization)
        if self.connecting is not None and origin == self._home:
            endpoint = _Watched(endpoint, self.connecting)
        if origin.scheme == "https":
            endpoint = self._wrapped(endpoint, origin)
        return BoundedHeads(endpoint)

    def visit(self) -> "Deferred[None]":
        """
        Connect to the index, or to the proxy before it, and leave.
        """
        proxy = self.outbound.proxy_for(self._home)
        if proxy is not None and self._home.scheme == "http":
            endpoint = self.to_proxy(proxy)
        else:
            scheme, host = self._home.scheme.encode(), self._home.host.encode()
            uri = URI(scheme, host, host, self._home.port, b"/", b"", b"", b"")
            endpoint = self.endpointForURI(uri)
        factory = Factory.forProtocol(Protocol)
        factory.noisy = False

        def leave(protocol: Any) -> None:
            protocol.transport.loseConnection()

        return endpoint.connect(factory).addCallback(leave)

    def to_proxy(self, proxy: OutboundProxy) -> IStreamClientEndpoint:
        """
        Connects to *proxy*, which may be anywhere.
        """
        endpoint: IStreamClientEndpoint
        endpoint = _Roomy(self._hostname(proxy.origin, self._resolver))
        if proxy.origin.scheme == "https":
            endpoint = self._wrapped(endpoint, proxy.origin)
        return ProxyEndpoint(endpoint)

    async def judge(self, origin: Origin) -> None:
        """
        May a proxy be asked for *origin*?

        :raises AddressRefused: no.
        """
        kind = kind_of_host(origin.host)
        if kind is None or self._is_known(origin):
            return
        if kind not in await self._surroundings.kinds():
            raise AddressRefused(origin.host, kind)

    def _wrapped(
        self, endpoint: IStreamClientEndpoint, origin: Origin
    ) -> IStreamClientEndpoint:
        host = origin.host.encode("ascii")
        creator = self._policy.creatorForNetloc(host, origin.port)
        wrapped: IStreamClientEndpoint = wrapClientTLS(creator, endpoint)
        return wrapped

    def _direct(self, origin: Origin) -> IStreamClientEndpoint:
        if self._is_known(origin):
            return _Roomy(self._hostname(origin, self._resolver))
        guard = Guard(self._resolver, self._surroundings)
        return _Roomy(Explaining(self._hostname(origin, guard), guard))

    def _is_known(self, origin: Origin) -> bool:
        place = origin.host, origin.port
        return any(place == (o.host, o.port) for o in (self._home, *self.known))

    def _hostname(
        self, origin: Origin, resolver: IHostnameResolver
    ) -> HostnameEndpoint:
        reactor = _Reactor(self._reactor, resolver)
        host = origin.host.encode("ascii")
        alone = isIPAddress(origin.host) or isIPv6Address(origin.host)
        return HostnameEndpoint(
            reactor,
            host,
            origin.port,
            CONNECT_TIMEOUT,
            attemptDelay=_NO_OTHER if alone else _NEXT_ADDRESS,
        )
