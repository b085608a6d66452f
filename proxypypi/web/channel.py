"""
Connections of clients: what they may send, in how long, and what becomes of those who
do not read.
"""

from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request

from proxypypi.errors import BadRequest
from proxypypi.web.arriving import ArrivingBody
from proxypypi.web.request import may_be_large

_ALL_IN = 30.0  # seconds for a request's head, however it drips; again for its body
_GONE_IN = 120.0  # seconds in which a client takes what is left, at the end
_HEARD_OUT_IN = 30.0  # seconds in which a client sends on that has its answer already
_HEARD_OUT = 32 * 1024 * 1024  # bytes that it may send until then
_LARGEST_HEAD = 16 * 1024  # bytes, the request line included
_MOST_HEADERS = 100

_REFUSAL = (
    b"HTTP/1.1 %d %s\r\nContent-Length: 0\r\nCache-Control: no-store\r\n"
    b"Cache-Status: proxypypi\r\nConnection: close\r\n\r\n"
)


class Channel(HTTPChannel):
    """
    Takes one request after the other from a client, and answers it.

    The next one is begun when the client takes what there is for it, so that who sends
    and never reads fills no memory.

    :ivar idle: is nothing being answered?
    :ivar begun: has a part of a request come?
    :ivar full: does as much wait for the client as should?
    :ivar refused: is nothing taken any more?
    :ivar arriving: is a request answered whose body has not come to its end?
    """

    site: Any
    transport: Any
    idle = True
    begun = False
    full = False
    refused = False
    arriving = False

    _line = b""  # the request line
    _in_line = True  # is a request line what comes next?
    _size = 0  # of the head, so far
    _headers = 0
    _dropped = 0  # bytes of a body that nobody wants
    _leaving: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self.site.connections.add(self)
        super().connectionMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.site.connections.discard(self)
        if self._leaving is not None and self._leaving.active():
            self._leaving.cancel()
        super().connectionLost(reason)

    @property
    def asked_for(self) -> tuple[bytes, bytes]:
        """
        Method and target of the request that is coming.
        """
        method, target, _ = self._line.split()
        return method, target

    def dataReceived(self, data: bytes) -> None:
        if not self.refused:
            super().dataReceived(data)
        elif self.arriving:
            self._dropped += len(data)
            if self._dropped > _HEARD_OUT:
                self.abort()

    def resetTimeout(self) -> None:
        """
        The first bytes of a request count, those that drip after them do not.
        """
        if not self.begun and self.idle and not self.paused:
            self.begun = True
            self.setTimeout(_ALL_IN)

    def lineReceived(self, line: bytes) -> None:
        self.resetTimeout()  # of what came along with the last request
        self._size += len(line) + len(self.delimiter)
        if self._size > _LARGEST_HEAD:
            self.refuse(431, b"The head of the request is too large")
        else:
            if self._in_line and line:
                self._line, self._in_line = line, False
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        what = b"address" if self._in_line else b"head of the request"
        self.refuse(414 if self._in_line else 431, b"The %s is too large" % what)

    def headerReceived(self, line: bytes) -> bool:
        self._headers += 1
        if self._headers > _MOST_HEADERS:
            self.refuse(431, b"The request has too many headers")
        return not self.refused and bool(super().headerReceived(line))

    def allHeadersReceived(self) -> None:
        request = self.requests[-1]
        if self.length != 0 and not self.refused and may_be_large(*self.asked_for):
            request.arriving = ArrivingBody(self.length, self, self.site.reactor)
        super().allHeadersReceived()
        self.setTimeout(_ALL_IN)
        if request.arriving is not None:
            self.persistent, self.arriving = 0, True
            self.hold_on()
            self._be_busy(None)
            request.begin(*self._line.split())

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        """
        The answer says so if it is the last one on this connection.
        """
        if not super().checkPersistence(request, version):
            return False
        if self.site.connections.retiring:
            request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
            return False
        return True

    def allContentReceived(self) -> None:
        self.begun, self._in_line, self._size, self._headers = False, True, 0, 0
        self.arriving = False
        if not self.requests:  # the last piece was one too many
            self.loseConnection()
            return
        self._be_busy(self.site.timeOut)  # what is gone back to after the answer
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        self.idle = True
        self.site.connections.note(self)
        self.persistent = self.persistent and not self.site.connections.ending
        if self.full and self.persistent:
            self.hold_on()
        super().requestDone(request)

    def hold_on(self) -> None:
        """
        Take nothing in until the client has taken what there is for it.
        """
        self.paused = True
        self.transport.pauseProducing()

    def pauseProducing(self) -> None:
        self.full = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        self.full = False
        super().resumeProducing()
        if self.paused and not self.full:
            self.go_on()

    def go_on(self) -> None:
        """
        Take in what there is.
        """
        self.paused = False
        self.transport.resumeProducing()
        data = self.clearLineBuffer()
        if data:
            self.dataReceived(data)

    def timeoutConnection(self) -> None:
        if self.begun:
            self.refuse(408, b"The request took too long to come")
        else:
            self.loseConnection()

    def loseConnection(self) -> None:
        """
        Ends the connection also if the client never takes what is left.

        A client that still sends is heard out for a while, and what it says is dropped:
        to end at once would be to take the answer from it, too.
        """
        if self._leaving is None:
            hears_out = self.arriving
            seconds = _HEARD_OUT_IN if hears_out else _GONE_IN
            self._leaving = self.callLater(seconds, self.abort)
            if hears_out:
                self.refused = True
                return
        super().loseConnection()

    def refuse(self, status: int, reason: bytes) -> None:
        """
        Answer what has come so far with an error, take nothing more, and end.
        """
        if not self.refused:
            self.refused = True
            self.transport.write(_REFUSAL % (status, reason))
            self.loseConnection()

    def abort(self) -> None:
        """
        End the connection at once.
        """
        self.transport.abortConnection()

    def _be_busy(self, timeout: float | None) -> None:
        self.idle = False
        self.site.connections.note(self)
        self.setTimeout(timeout)

    def _send100Continue(self) -> None:
        """
        Whose body is taken while it comes is told so when it is.
        """
        arriving: ArrivingBody | None = self.requests[-1].arriving
        if arriving is None:
            super()._send100Continue()
        else:
            arriving.is_expected = True

    def _respondToBadRequestAndDisconnect(self) -> None:
        """
        Twisted's own way to refuse what is not HTTP has no headers.
        """
        if self.arriving and self.requests:
            reason = "the chunks that the body is made of are malformed"
            self.requests[-1].arriving.fail(BadRequest(reason=reason))
            return
        self.refuse(400, b"That is not HTTP")
