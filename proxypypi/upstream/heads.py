"""
Heads of responses are bounded: there are hosts that never come to the end of one.
"""

from typing import Any

from attrs import define, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

LARGEST_HEAD = 64 * 1024  # bytes, interim responses (1xx) included


@frozen
class EndlessHead(Exception):
    """
    A host sent more than anybody has to say before a body.
    """

    def __str__(self) -> str:
        return "the head of the answer is too long"


class _Bounded(ProtocolWrapper):
    """
    Counts what comes from a request on until its response has a body to deliver, for
    which twisted.web pauses the connection.
    """

    _left: int | None = None  # None outside of heads
    _fault: Failure | None = None

    def write(self, data: bytes) -> None:
        self._left = LARGEST_HEAD
        super().write(data)

    def writeSequence(self, data: Any) -> None:
        self._left = LARGEST_HEAD
        super().writeSequence(data)

    def pauseProducing(self) -> None:
        self._left = None
        transport: Any = self.transport
        transport.pauseProducing()

    def dataReceived(self, data: bytes) -> None:
        if self._left is not None:
            self._left -= len(data)
        super().dataReceived(data)
        if self._left is not None and self._left < 0:
            self._end()

    def loseConnection(self) -> None:
        """
        twisted.web does so in the middle of a head when a line does not end.
        """
        if self._left is None:
            super().loseConnection()
        else:
            self._end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(self._fault or reason)

    def _end(self) -> None:
        self._fault = Failure(EndlessHead())
        transport: Any = self.transport
        transport.abortConnection()


class _Factory(WrappingFactory):
    protocol = _Bounded
    noisy = False


@implementer(IStreamClientEndpoint)
@define(eq=False)
class BoundedHeads:
    """
    Connects for HTTP, and makes no noise in the log of each connection. This belongs
    above the TLS.
    """

    _endpoint: IStreamClientEndpoint

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":
        def inner(wrapper: Any) -> IProtocol:
            protocol: IProtocol = wrapper.wrappedProtocol
            return protocol

        protocolFactory.noisy = False  # type: ignore[attr-defined]
        factory: Any = _Factory(protocolFactory)
        return self._endpoint.connect(factory).addCallback(inner)
