"""
Where connections may lead.

An index can name any address it likes in its links and redirects. One on the public
network has no business naming our loopback, our neighbours or our cloud's metadata
service, so what a host name resolves to is judged before it is connected to.

Behind an outbound proxy it is the proxy that resolves names. There, hosts are judged by
what they are called: addresses, and names such as localhost. All other names are the
proxy's to judge.
"""

from collections.abc import Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IResolutionReceiver,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from proxypypi.upstream.kinds import AddressRefused, kind_of, kind_of_host

_REMEMBERED = 60.0  # seconds that we believe to know the index's own addresses


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
class Surroundings:
    """
    The kinds of address that the index's own host has, looked up when they matter.

    :ivar by_name: only a proxy can look it up.
    """

    _host: str
    _resolver: IHostnameResolver
    _clock: IReactorTime
    _by_name: bool = False
    _kinds: frozenset[str | None] = field(default=frozenset(), init=False)
    _known_until: float = field(default=0.0, init=False)

    async def kinds(self) -> frozenset[str | None]:
        if self._by_name:
            return frozenset([kind_of_host(self._host)])
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
class Guard:
    """
    Resolves for one connection, and passes on only where it may lead.

    :ivar refused: set when an address was found but none was passed on.
    """

    _resolver: IHostnameResolver
    _surroundings: Surroundings
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


@implementer(IStreamClientEndpoint)
@define(eq=False)
class Explaining:
    """
    Says why, when nothing was left to connect to.
    """

    _endpoint: IStreamClientEndpoint
    _guard: Guard

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":
        def explain(failure: Failure) -> Failure:
            if self._guard.refused is not None:
                return Failure(self._guard.refused)
            return failure

        return self._endpoint.connect(protocolFactory).addErrback(explain)


def _host(address: Any) -> str:
    host: str = address.host
    return host
