"""
Connections of clients: what they may send, in how long, what becomes of those who do
not read, and who is answered without a request being made of what they sent.
"""

import os
import socket
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers
from twisted.web.server import Request

from proxypypi.cache.sources import WholeFile
from proxypypi.web.access import client_of
from proxypypi.web.hot import HotAnswer, Key, Reusable, head_of
from proxypypi.web.outlet import Outlet, push_bytes, push_file, socket_of

_ALL_IN = 30.0  # seconds for a request's head, however it drips; again for its body
_GONE_IN = 120.0  # seconds in which a client takes what is left, at the end
_LARGEST_HEAD = 16 * 1024  # bytes, the request line included
_MOST_HEADERS = 100
_SHORT = 64 * 1024  # bytes of an answer that are handed to a transport in one piece
_A_TURN = 1024 * 1024  # bytes of a file sent before it is another client's turn
_MORE = getattr(socket, "MSG_MORE", 0)

_REFUSAL = (
    b"HTTP/1.1 %d %s\r\nContent-Length: 0\r\nCache-Control: no-store\r\n"
    b"Cache-Status: proxypypi\r\nConnection: close\r\n\r\n"
)


class Channel(HTTPChannel):
    """
    Takes one request after the other from a client, and answers it.

    The next one is begun when the client takes what there is for it, so that who sends
    and never reads fills no memory.

    A request for what was answered just now (:mod:`proxypypi.web.hot`) is answered from
    there, before the ordinary path sees it. That is done only

    - between two requests: nothing of the next one has gone to the ordinary parser, and
      nothing more than one answer waits for the client;
    - with all of the request's head at hand, in one piece, and nothing unusual in it;
    - straight into the socket only while it is known that the transport holds nothing
      that would have to go before (:attr:`_clear`).

    :ivar idle: is no request being answered?
    """

    site: Any
    transport: Any
    idle = True

    _begun = False  # has a part of a request come?
    _in_line = True  # is a request line what comes next?
    _size = 0  # of the head, so far
    _headers = 0
    _full = False
    _refused = False
    _leaving: IDelayedCall | None = None

    _peer = "-"
    _socket: socket.socket | None = None
    _clear = False  # is it known that the transport holds nothing?
    _sending_rest = False
    _key: Key | None = None  # of the request that is about to go the ordinary path
    _noted_at = 0.0

    def connectionMade(self) -> None:
        self.site.connections.add(self)
        super().connectionMade()
        self._peer = client_of(self.transport.getPeer())
        self._socket = socket_of(self.transport)
        self._clear = self._socket is not None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.site.connections.discard(self)
        if self._leaving is not None and self._leaving.active():
            self._leaving.cancel()
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        if self._refused:
            return
        if self._is_between_requests():
            # Half a request line may have come along with the last request.
            data = self._answer_hot(self.clearLineBuffer() + data)
            if not data:
                return
        if not self.paused:
            self._clear = False
        super().dataReceived(data)

    def _is_between_requests(self) -> bool:
        return (
            self.idle
            and not self._begun
            and not self.paused
            and bool(self.persistent)
            and self.site.hot is not None
            and not self.site.connections.ending
        )

    def _answer_hot(self, data: bytes) -> bytes:
        """
        Answer as many requests as there are answers for, and room.

        :returns: what is left of *data*.
        """
        site = self.site
        self._key = None
        while data and not self.paused:
            asked = site.clients.read(data)
            if asked is None:
                break
            now = site.reactor.seconds()
            answer = site.hot.get(asked.key, now)
            if answer is None:
                self._key = asked.key
                break
            if self._socket is None and (answer.fd >= 0 or answer.size > _SHORT):
                break
            data = data[asked.size :]
            site.hot_lines.count(self._peer, asked, answer)
            self._send_hot(answer, site.dates.at(now), asked.key[0])
            self._note(now)
            if self._full:
                self._hold_on()
        return data

    def _send_hot(self, answer: HotAnswer, date: bytes, target: bytes) -> None:
        head = b"".join((answer.before, date, answer.after))
        sent = 0
        if self._clear:
            try:
                sent = self._send_now(head, answer)
            except OSError:
                self.abort()
                return
            if sent == len(head) + answer.size:
                return
            self._clear = False
        if sent < len(head):
            self.transport.write(head[sent:])
        if self._socket is None:
            self.transport.write(answer.content)
        else:
            self._send_rest(answer, max(0, sent - len(head)), target)

    def _send_now(self, head: bytes, answer: HotAnswer) -> int:
        """
        :returns: how many bytes the socket took.
        """
        to, sent = self._socket, 0
        assert to is not None
        try:
            if answer.fd >= 0:
                sent = to.send(head, _MORE)
                if sent == len(head):
                    most = min(answer.size, _A_TURN)
                    sent += os.sendfile(to.fileno(), answer.fd, 0, most)
            elif answer.size <= _SHORT:
                sent = to.send(head + answer.content)
            else:
                sent = to.sendmsg((head, answer.content))
        except BlockingIOError:
            pass
        return sent

    def _send_rest(self, answer: HotAnswer, start: int, target: bytes) -> None:
        """
        The client takes a while; what else it asks for waits.
        """
        to = self._socket
        assert to is not None
        if answer.fd >= 0:
            source = WholeFile(os.dup(answer.fd), answer.size)
            push = push_file(to, source)
        else:
            source = WholeFile(-1, answer.size)
            push = push_bytes(to, answer.content)
        self.idle, self._sending_rest = False, True
        self.setTimeout(None)
        self.site.connections.note(self)
        self._hold_on()
        Outlet(self, self.site.reactor, target, source, push, start, None).send()

    def _rest_sent(self) -> None:
        self.idle, self._sending_rest = True, False
        self._clear = True
        self.setTimeout(self.site.timeOut)
        self.site.connections.note(self)
        if self.site.connections.ending:
            self.loseConnection()

    def _note(self, now: float) -> None:
        """
        The client is alive; that is noted once a second.
        """
        if self.idle and now - self._noted_at >= 1.0:
            self._noted_at = now
            super().resetTimeout()
            self.site.connections.note(self)

    def _hold_on(self) -> None:
        self.paused = True
        self.transport.pauseProducing()

    def resetTimeout(self) -> None:
        """
        The first bytes of a request count, those that drip after them do not.
        """
        if not self._begun and self.idle and not self.paused:
            self._begun = True
            self.setTimeout(_ALL_IN)

    def lineReceived(self, line: bytes) -> None:
        self.resetTimeout()  # of what came along with the last request
        self._size += len(line) + len(self.delimiter)
        if self._size > _LARGEST_HEAD:
            self.refuse(431, b"The head of the request is too large")
        else:
            self._in_line = self._in_line and not line
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        what = b"address" if self._in_line else b"head of the request"
        self.refuse(414 if self._in_line else 431, b"The %s is too large" % what)

    def headerReceived(self, line: bytes) -> bool:
        self._headers += 1
        if self._headers > _MOST_HEADERS:
            self.refuse(431, b"The request has too many headers")
        return not self._refused and bool(super().headerReceived(line))

    def allHeadersReceived(self) -> None:
        super().allHeadersReceived()
        self.setTimeout(_ALL_IN)

    def allContentReceived(self) -> None:
        self._begun, self._in_line, self._size, self._headers = False, True, 0, 0
        self.idle = False
        self.site.connections.note(self)
        self.setTimeout(self.site.timeOut)  # what is gone back to after the answer
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        self.idle = True
        self.site.connections.note(self)
        self._key = None
        self.persistent = self.persistent and not self.site.connections.ending
        if self._full and self.persistent:
            self._hold_on()
        super().requestDone(request)

    def pauseProducing(self) -> None:
        self._full = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        self._full = False
        super().resumeProducing()
        if self._sending_rest:
            self._rest_sent()
        if self.paused and not self._full:
            self.paused = False
            data = self.clearLineBuffer()
            if data:
                self.dataReceived(data)

    def writeHeaders(
        self, version: bytes, code: bytes, reason: bytes, headers: Headers
    ) -> None:
        head = head_of(version, code, reason, headers)
        self.transport.write(head)
        reusable: Reusable | None = getattr(self.requests[0], "reusable", None)
        if self._key is not None and reusable is not None:
            self.site.hot.keep(self._key, reusable, int(code), head, headers)
        self._key = None

    def timeoutConnection(self) -> None:
        if self._begun:
            self.refuse(408, b"The request took too long to come")
        else:
            self.loseConnection()

    def loseConnection(self) -> None:
        """
        Ends the connection also if the client never takes what is left.
        """
        if self._leaving is None:
            self._leaving = self.callLater(_GONE_IN, self.abort)
        super().loseConnection()

    def refuse(self, status: int, reason: bytes) -> None:
        """
        Answer what has come so far with an error, take nothing more, and end.
        """
        if not self._refused:
            self._refused = True
            self.transport.write(_REFUSAL % (status, reason))
            self.loseConnection()

    def abort(self) -> None:
        """
        End the connection at once.
        """
        self.transport.abortConnection()

    def _respondToBadRequestAndDisconnect(self) -> None:
        """
        Twisted's own way to refuse what is not HTTP has no headers.
        """
        self.refuse(400, b"That is not HTTP")
