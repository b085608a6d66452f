"""
An agent that takes the outbound proxy where there is one.
"""

from collections.abc import Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.web.client import Agent, HTTPConnectionPool, ProxyAgent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from proxypypi.upstream.addresses import Endpoints
from proxypypi.upstream.heads import BoundedHeads
from proxypypi.upstream.outbound import OutboundProxy
from proxypypi.upstream.replies import discard
from proxypypi.upstream.tunnel import ProxyFault, ProxyRefusal
from proxypypi.upstream.urls import Origin, origin_of

_WANTS_CREDENTIALS = 407
_PATIENCE = 10.0  # seconds for a body that nobody wants


@implementer(IAgent)
@define(eq=False)
class RoutedAgent:
    """
    Asks directly, or a proxy on whose way the request lies.

    What is asked for by https goes through a tunnel. By http the proxy is asked, who
    then sees the request, and itself asks upstream.

    :param straight: asks directly or through a tunnel.
    """

    _reactor: Any
    _endpoints: Endpoints
    _straight: IAgent
    _pool: HTTPConnectionPool | None
    _asking: IAgent | None = field(init=False, default=None)

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> "Deferred[IResponse]":
        origin = origin_of(uri.decode("ascii"))
        proxy = self._endpoints.outbound.proxy_for(origin)
        if proxy is None:
            return self._straight.request(method, uri, headers, bodyProducer)
        asking = self._ask(proxy, origin, (method, uri, headers, bodyProducer))
        return Deferred.fromCoroutine(asking)

    async def _ask(
        self, proxy: OutboundProxy, origin: Origin, request: Sequence[Any]
    ) -> IResponse:
        await self._endpoints.judge(origin)
        if origin.scheme == "https":
            return await self._straight.request(*request)
        method, uri, headers, body = request
        headers = Headers() if headers is None else headers.copy()
        if proxy.authorization is not None:
            headers.setRawHeaders(b"Proxy-Authorization", [proxy.authorization])
        if self._asking is None:
            to_proxy = BoundedHeads(self._endpoints.to_proxy(proxy))
            self._asking = ProxyAgent(to_proxy, self._reactor, self._pool)
        response = await self._asking.request(method, uri, headers, body)
        if response.code == _WANTS_CREDENTIALS:
            discard(response, self._reactor, _PATIENCE)
            raise ProxyFault(ProxyRefusal(response.code))
        return response


def make_agent(
    reactor: Any, endpoints: Endpoints, pool: HTTPConnectionPool | None = None
) -> IAgent:
    """
    An agent that connects as *endpoints* say.
    """
    straight: IAgent = Agent.usingEndpointFactory(reactor, endpoints, pool=pool)
    if not endpoints.outbound.proxies:
        return straight
    return RoutedAgent(reactor, endpoints, straight, pool)
