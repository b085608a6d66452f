"""
Upstreams in memory: one that answers well-formed, and one that is only a wire.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from attrs import define, field, frozen
from treq.testing import RequestTraversalAgent
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.web.client import BrowserLikePolicyForHTTPS
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from proxypypi.settings import UpstreamSettings
from proxypypi.upstream.addresses import Endpoints
from proxypypi.upstream.client import Client, make_client
from proxypypi.upstream.index import Index, make_index
from proxypypi.upstream.keyring import Keyring
from proxypypi.upstream.outbound import Outbound
from proxypypi.upstream.patience import Patience
from proxypypi.upstream.routes import make_agent
from proxypypi.upstream.urls import Origin, origin_of


@frozen
class Asked:
    """
    A request as an upstream saw it.
    """

    method: str
    url: str
    headers: Headers

    def header(self, name: str) -> str | None:
        values = self.headers.getRawHeaders(name, [])
        return ",".join(values) if values else None


@frozen
class Answer:
    """
    What an upstream says.

    :ivar cut: after how many bytes of *body* the connection is cut; :obj:`None` for
        never.
    """

    code: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(factory=dict)
    cut: int | None = None


class Silence:
    """
    What an upstream does not say.
    """


class Upstream(Resource):
    """
    All hosts of the network in one.

    :ivar answers: by address; one that is asked more often repeats its last.
    """

    isLeaf = True

    def __init__(self, answers: Mapping[str, Sequence[Answer | Silence]]) -> None:
        super().__init__()
        self.answers = {url: list(given) for url, given in answers.items()}
        self.asked: list[Asked] = []

    def render(self, request: Request) -> Any:
        scheme = "https" if request.isSecure() else "http"
        host = request.requestHeaders.getRawHeaders("Host", [""])[0]
        url = f"{scheme}://{host}{request.uri.decode()}"
        asked = Asked(request.method.decode(), url, request.requestHeaders.copy())
        self.asked.append(asked)
        given = self.answers.get(url, [Answer(404)])
        answer = given.pop(0) if len(given) > 1 else given[0]
        if isinstance(answer, Silence):
            return NOT_DONE_YET
        request.setResponseCode(answer.code)
        request.defaultContentType = None
        for name, value in answer.headers.items():
            request.setHeader(name, value)
        if answer.cut is None:
            return answer.body
        request.setHeader("Content-Length", str(len(answer.body)))
        request.write(answer.body[: answer.cut])
        channel: Any = request.transport
        channel.loseConnection()
        return NOT_DONE_YET


@implementer(IHostnameResolver)
@define(eq=False)
class Names:
    """
    A name service.

    :ivar hosts: host name to its addresses.
    :ivar looked_up: host names in the order they were asked for.
    :ivar silent: does it never answer?
    """

    hosts: dict[str, Sequence[str]]
    looked_up: list[str] = field(factory=list)
    silent: bool = False

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        resolution: Any = object()
        self.looked_up.append(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        for host in self.hosts.get(hostName, []):
            kind = IPv6Address if ":" in host else IPv4Address
            resolutionReceiver.addressResolved(kind("TCP", host, portNumber))
        if not self.silent:
            resolutionReceiver.resolutionComplete()
        return resolution  # type: ignore[no-any-return]


class _Transport(StringTransport):
    bufferSize = 0

    def setTcpNoDelay(self, enabled: bool) -> None:
        """
        All that HTTP over TLS misses in a :class:`StringTransport`.
        """


class Connection:
    """
    The server's end of one connection, byte for byte.
    """

    def __init__(self, factory: Any) -> None:
        self.transport = _Transport()
        self._protocol = factory.buildProtocol(None)
        self._protocol.makeConnection(self.transport)

    @property
    def request(self) -> bytes:
        sent: bytes = self.transport.value()
        return sent

    def send(self, data: bytes) -> None:
        self._protocol.dataReceived(data)

    def close(self, reason: Exception | None = None) -> None:
        self._protocol.connectionLost(Failure(reason or ConnectionDone()))

    @property
    def ended(self) -> bool:
        """
        Did the client end it?
        """
        return bool(self.transport.disconnecting or self.transport.disconnected)

    @property
    def stopped(self) -> bool:
        return self.transport.producerState == "stopped"


class Wire:
    """
    A network whose connections the test itself makes, breaks and writes to.
    """

    def __init__(
        self,
        index_url: str = "http://index.example/simple/",
        hosts: Mapping[str, Sequence[str]] | None = None,
        *,
        known: Collection[Origin] = (),
        **environment: str,
    ) -> None:
        """
        :param known: origins that the user vouches for.
        :param environment: says which outbound proxies there are.
        """
        self.reactor = MemoryReactorClock()
        self.names = Names(dict(hosts or {"index.example": ["203.0.114.1"]}))
        self.endpoints = Endpoints(
            self.reactor,
            origin_of(index_url),
            self.names,
            BrowserLikePolicyForHTTPS(),
            outbound=Outbound.of_environment(environment),
            known=known,
        )
        agent = make_agent(self.reactor, self.endpoints)
        self.client = client_for(index_url, agent, self.reactor)
        self.index = make_index(index_url, agent, self.reactor, EXACTLY)

    @property
    def attempts(self) -> list[tuple[str, int]]:
        """
        The addresses and ports that were connected to.
        """
        return [(client[0], client[1]) for client in self.reactor.tcpClients]

    def accept(self) -> Connection:
        """
        Let the latest attempt to connect succeed.
        """
        return Connection(self.reactor.tcpClients[-1][2])

    def refuse(self, reason: Exception) -> None:
        """
        Let the latest attempt to connect fail.
        """
        factory: Any = self.reactor.tcpClients[-1][2]
        factory.clientConnectionFailed(None, Failure(reason))


EXACTLY = Patience(jitter=lambda pause: pause)


def client_for(index: UpstreamSettings | str, agent: Any, clock: Any) -> Client:
    """
    What asks *index* through *agent*.
    """
    if isinstance(index, str):
        index = UpstreamSettings.from_url(index)
    home = origin_of(index.url)
    return make_client(agent, home, Keyring.of(index, {}), clock, EXACTLY)


def index_over(
    upstream: Upstream, clock: Any, settings: UpstreamSettings | str
) -> Index:
    """
    An index that is asked in memory.

    :param settings: or just its address.
    """
    return make_index(settings, RequestTraversalAgent(upstream), clock, EXACTLY)
