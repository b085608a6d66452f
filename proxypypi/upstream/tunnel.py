"""
Connections that an outbound proxy makes for us, by ``CONNECT`` (:rfc:`9110`).
"""

import re
from typing import Any

from attrs import define, field, frozen
from OpenSSL.SSL import Error as TLSError
from service_identity import VerificationError
from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectionAborted,
    ConnectionClosed,
    DNSLookupError,
)
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from proxypypi import __version__

_LARGEST_HEAD = 64 * 1024
_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/1\.[0-9] ([1-9][0-9]{2})(?![0-9])")
_WRONG = (
    ConnectError,
    ConnectionClosed,
    DNSLookupError,
    TLSError,
    ValueError,  # a host name that cannot be one
    VerificationError,
)


@frozen
class ProxyFault(Exception):
    """
    It is not upstream that something is wrong with, but the way to the outbound proxy,
    or the proxy.

    :ivar cause: what failed; :class:`ProxyRefusal`, :class:`ProxyNonsense` among it.
    """

    cause: Any


@frozen
class ProxyRefusal(Exception):
    """
    The outbound proxy does not do what it was asked for.
    """

    status: int


@frozen
class ProxyNonsense(Exception):
    """
    What the outbound proxy says is not HTTP.
    """


@implementer(IStreamClientEndpoint)
@define(eq=False)
class ProxyEndpoint:
    """
    Connects to an outbound proxy, and says of errors that they are of that.
    """

    _endpoint: IStreamClientEndpoint

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":
        def blame(failure: Failure) -> Failure:
            failure.trap(*_WRONG)
            return Failure(ProxyFault(failure.value))

        return self._endpoint.connect(protocolFactory).addErrback(blame)


@implementer(IStreamClientEndpoint)
@define(eq=False)
class Tunnel:
    """
    Connects to a host by way of an outbound proxy.

    :param to_proxy: connects to the proxy.
    :param host: what the proxy shall connect to; a name or an address.
    """

    _to_proxy: IStreamClientEndpoint
    _host: str
    _port: int
    _authorization: bytes | None = field(default=None, repr=False)

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":
        """
        To cancel this ends the connection, and fails with a :class:`ProxyFault` if it
        is the proxy that is waited for.
        """
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        digger = await self._to_proxy.connect(_Diggers(self._request(), factory))
        assert isinstance(digger, _Digger)
        return await digger.through

    def _request(self) -> bytes:
        host = f"[{self._host}]" if ":" in self._host else self._host
        target = f"{host}:{self._port}".encode("ascii")
        lines = [
            b"CONNECT %s HTTP/1.1" % target,
            b"Host: %s" % target,
            f"User-Agent: proxypypi/{__version__}".encode("ascii"),
        ]
        if self._authorization is not None:
            lines.append(b"Proxy-Authorization: %s" % self._authorization)
        return b"\r\n".join([*lines, b"", b""])


@define(eq=False)
class _Diggers(Factory):
    _request: bytes = field(repr=False)
    _factory: IProtocolFactory
    noisy = False

    def buildProtocol(self, addr: IAddress | None) -> "_Digger":
        return _Digger(self._request, self._factory)


class _Digger(Protocol):
    """
    Asks for the tunnel, and when there is one, is as good as not there.

    :ivar through: fires with the protocol at our end of the tunnel.
    """

    def __init__(self, request: bytes, factory: IProtocolFactory) -> None:
        self.through: Deferred[IProtocol] = Deferred(lambda _: self._give_up())
        self._request = request
        self._factory = factory
        self._head = b""
        self._inner: IProtocol | None = None

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.dataReceived(data)
        elif not self.through.called:
            self._head += data
            self._look()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._inner is not None:
            self._inner.connectionLost(reason)
        elif not self.through.called:
            self.through.errback(Failure(ProxyFault(reason.value)))

    def _look(self) -> None:
        end = _END.search(self._head)
        begins_well = b"HTTP/1."[: len(self._head)] == self._head[:7]
        if not begins_well or (end is None and len(self._head) > _LARGEST_HEAD):
            self._fail(ProxyNonsense())
            return
        if end is None:
            return
        status = _STATUS.match(self._head)
        if status is None:
            self._fail(ProxyNonsense())
        elif status[1][:1] == b"1":  # more will come
            self._head = self._head[end.end() :]
            if self._head:
                self._look()
        elif status[1][:1] != b"2":
            self._fail(ProxyRefusal(int(status[1])))
        else:
            self._pass(self._head[end.end() :])

    def _pass(self, rest: bytes) -> None:
        assert self.transport is not None
        inner = self._factory.buildProtocol(self.transport.getPeer())
        if inner is None:
            self._fail(ConnectionAborted())
            return
        self._inner = inner
        inner.makeConnection(self.transport)
        self.through.callback(inner)
        if rest:
            inner.dataReceived(rest)

    def _fail(self, cause: Exception) -> None:
        self._hang_up()
        self.through.errback(Failure(ProxyFault(cause)))

    def _give_up(self) -> None:
        self._fail(ConnectionAborted())

    def _hang_up(self) -> None:
        transport = self.transport
        assert transport is not None
        transport.abortConnection()  # type: ignore[attr-defined]
