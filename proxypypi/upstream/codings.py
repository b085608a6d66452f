"""
Content codings, settled underneath treq.

treq asks for gzip whatever it is told, decodes what comes, and does not mind when a
gzip stream ends too early. Files must come as they are, and half a page is no page.
"""

import zlib
from typing import Any

from attrs import define, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, ITransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import GzipDecoder, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

_PIECE = 1024 * 1024  # decoded bytes at a time, so that a bomb has no room


@frozen
class BadCoding(Exception):
    """
    A body is not in the coding that its head announced.
    """

    reason: str

    def __str__(self) -> str:
        return self.reason


@implementer(IAgent)
@define(eq=False)
class IdentityAgent:
    """
    Asks for no coding, and believes in none: bytes come as they were sent.

    Servers that guess a ``Content-Encoding: gzip`` from the name of an sdist exist.
    """

    _agent: IAgent

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> "Deferred[IResponse]":
        asked = _accepting(b"identity", headers)

        def as_sent(response: IResponse) -> IResponse:
            response.headers.removeHeader(b"Content-Encoding")
            return response

        return self._agent.request(method, uri, asked, bodyProducer).addCallback(
            as_sent
        )


@implementer(IAgent)
@define(eq=False)
class GzipAgent:
    """
    Asks for gzip, and decodes it to the letter.

    A ``Content-Encoding`` other than gzip is left for others to stumble over.
    """

    _agent: IAgent

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> "Deferred[IResponse]":
        asked = _accepting(b"gzip", headers)

        def decoded(response: IResponse) -> IResponse:
            headers = response.headers
            codings = b",".join(headers.getRawHeaders(b"Content-Encoding", []))
            if codings.strip().lower() in (b"gzip", b"x-gzip"):
                headers.removeHeader(b"Content-Encoding")
                return _StrictGzip(response)
            if b"," in codings:  # of several, treq would take off the last
                several = codings.replace(b",", b" and")
                headers.setRawHeaders(b"Content-Encoding", [several])
            return response

        return self._agent.request(method, uri, asked, bodyProducer).addCallback(
            decoded
        )


def _accepting(coding: bytes, headers: Headers | None) -> Headers:
    headers = Headers() if headers is None else headers.copy()
    headers.setRawHeaders(b"Accept-Encoding", [coding])
    return headers


class _StrictGzip(GzipDecoder):
    """
    A response whose gzip is decoded by :class:`_Gunzip`.
    """

    def deliverBody(self, protocol: Protocol) -> None:
        self.original.deliverBody(_Gunzip(protocol))


class _Gunzip(Protocol):
    """
    Decodes a body of one or more gzip members (:rfc:`1952`) for another protocol.
    """

    def __init__(self, receiver: Protocol) -> None:
        self._receiver = receiver
        self._member = _member()
        self._broken = False

    def makeConnection(self, transport: ITransport) -> None:
        super().makeConnection(transport)
        self._receiver.makeConnection(transport)

    def dataReceived(self, data: bytes) -> None:
        while data and not self._broken:
            if self._member.eof:
                self._member = _member()
            try:
                piece = self._member.decompress(data, _PIECE)
            except zlib.error as e:
                self._break(e)
                return
            data = self._member.unused_data or self._member.unconsumed_tail
            if piece:
                self._receiver.dataReceived(piece)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._broken:
            return
        if self._member.eof and reason.check(PotentialDataLoss):
            reason = Failure(ResponseDone())  # gzip knows where it ends
        elif not self._member.eof and reason.check(ResponseDone):
            reason = Failure(BadCoding("its gzip ends too early"))
        self._receiver.connectionLost(reason)

    def _break(self, e: zlib.error) -> None:
        self._broken = True
        broken = BadCoding("its gzip is broken")
        broken.__cause__ = e
        producer: IPushProducer = self.transport  # type: ignore[assignment]
        producer.stopProducing()
        self._receiver.connectionLost(Failure(broken))


def _member() -> Any:
    return zlib.decompressobj(16 + zlib.MAX_WBITS)
