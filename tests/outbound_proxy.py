"""
An outbound proxy for tests, such as companies have: all that wants to get out goes
through it, and it alone knows where hosts are.
"""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from attrs import define, field, frozen
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

_OWN = ("proxy-authorization", "proxy-connection", "connection")


@frozen
class Asked:
    """
    A request to the proxy.

    :ivar target: as it was asked for: ``host:port`` or an address.
    :ivar headers: by lower-case name.
    """

    method: str
    target: str
    headers: Mapping[str, str]


@define(eq=False)
class OutboundProxy(Factory):
    """
    Tunnels by ``CONNECT``, and forwards what it is asked for by http.

    :ivar hosts: ``host:port`` to the port of loopback that is behind it.
    :ivar beyond: does it know the way to all other hosts, too?
    :ivar user: and password, that it wants; :obj:`None` to be open to everybody.
    :ivar asked: all requests, in order.
    :ivar passed: bytes that went through, in both directions.
    """

    _reactor: Any
    hosts: dict[str, int] = field(factory=dict)
    user: str | None = None
    beyond: bool = False
    asked: list[Asked] = field(factory=list)
    passed: int = 0
    noisy = False

    def buildProtocol(self, addr: Any) -> Protocol:
        return _Client(self)

    def admits(self, asked: Asked) -> bool:
        if self.user is None:
            return True
        wanted = "Basic " + b64encode(self.user.encode()).decode()
        return asked.headers.get("proxy-authorization") == wanted

    def connect(self, target: str, protocol: Protocol) -> Any:
        """
        :raises KeyError: there is no such host.
        """
        endpoint: IStreamClientEndpoint
        if self.beyond and target not in self.hosts:
            host, _, port = target.rpartition(":")
            endpoint = HostnameEndpoint(self._reactor, host, int(port))
        else:
            loopback = "127.0.0.1"
            endpoint = TCP4ClientEndpoint(self._reactor, loopback, self.hosts[target])
        factory = Factory()
        factory.noisy = False
        factory.buildProtocol = lambda address: protocol  # type: ignore[method-assign,assignment]
        return endpoint.connect(factory)


class _End(Protocol):
    """
    One end of what goes through.
    """

    def __init__(self, proxy: OutboundProxy) -> None:
        self.proxy = proxy
        self.other: _End | None = None

    def join(self, other: "_End") -> None:
        for mine, its in ((self, other), (other, self)):
            mine.other = its
            its.transport.registerProducer(mine.transport, True)  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        assert self.other is not None
        self.proxy.passed += len(data)
        self.other.transport.write(data)  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.other is not None:
            self.other.transport.unregisterProducer()  # type: ignore[union-attr]
            self.other.transport.loseConnection()  # type: ignore[union-attr]


class _Client(_End):
    """
    Whoever wants to get out.
    """

    def __init__(self, proxy: OutboundProxy) -> None:
        super().__init__(proxy)
        self._head = b""

    def dataReceived(self, data: bytes) -> None:
        if self.other is not None:
            super().dataReceived(data)
            return
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        pairs = [line.split(": ", 1) for line in lines]
        asked = Asked(method, target, {name.lower(): value for name, value in pairs})
        self.proxy.asked.append(asked)
        if not self.proxy.admits(asked):
            self._answer(407, "Proxy Authentication Required")
        elif method == "CONNECT":
            self._dig(asked)
        else:
            self._forward(asked, lines, rest)

    def _answer(self, status: int, phrase: str) -> None:
        body = f"{status} {phrase}, says the proxy"
        self.transport.write(  # type: ignore[union-attr]
            f"HTTP/1.1 {status} {phrase}\r\nContent-Length: {len(body)}\r\n"
            f"Connection: close\r\n\r\n{body}".encode()
        )
        self.transport.loseConnection()  # type: ignore[union-attr]

    def _dig(self, asked: Asked) -> None:
        def connected(end: _End) -> None:
            self.join(end)
            self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")  # type: ignore[union-attr]

        self._connect(asked.target, connected)

    def _forward(self, asked: Asked, lines: list[str], rest: bytes) -> None:
        parts = urlsplit(asked.target)
        path = asked.target.partition(parts.netloc)[2] or "/"
        kept = [line for line in lines if line.partition(":")[0].lower() not in _OWN]
        head = [f"{asked.method} {path} HTTP/1.1", *kept, "Connection: close", "", ""]

        def connected(end: _End) -> None:
            self.join(end)
            end.transport.write("\r\n".join(head).encode("latin-1") + rest)  # type: ignore[union-attr]

        self._connect(f"{parts.hostname}:{parts.port or 80}", connected)

    def _connect(self, target: str, connected: Any) -> None:
        try:
            connecting = self.proxy.connect(target, _End(self.proxy))
        except KeyError:
            self._answer(502, "No Such Host")
            return
        connecting.addCallback(connected)
        connecting.addErrback(lambda _: self._answer(502, "No Connection"))
