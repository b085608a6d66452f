"""
The quick way for requests that were answered just now.
"""

import os
import socket

from twisted.web.http_headers import Headers
from twisted.web.server import Request

from proxypypi.cache.sources import WholeFile
from proxypypi.web.access import client_of
from proxypypi.web.channel import Channel
from proxypypi.web.clients import ABSOLUTE, Asked
from proxypypi.web.hot import HotAnswer, Key, Reusable, another, head_of
from proxypypi.web.outlet import Outlet, push_bytes, push_file, socket_of

_SHORT = 64 * 1024  # bytes of an answer that are handed to a transport in one piece
_A_TURN = 1024 * 1024  # bytes of a file sent before it is another client's turn
_MORE = getattr(socket, "MSG_MORE", 0)


def _is_for(answer: HotAnswer, said: bytes) -> bool:
    """
    May who says this have the answer?
    """
    return answer.readers is None or answer.readers.know(said)


class HotChannel(Channel):
    """
    Answers from :mod:`proxypypi.web.hot` before the ordinary path sees a request. That
    is done only

    - between two requests: nothing of the next one has gone to the ordinary parser, and
      the answer before has been sent, or waits in the transport as the only one;
    - with all of the request's head at hand, in one piece, and nothing unusual in it;
    - straight into the socket only while it is known that the transport holds nothing
      that would have to go before (:attr:`_clear`).

    So whoever asks gets the bytes that :class:`Channel` alone would send.

    :ivar _socket: of the client; :obj:`None` if what is written does not go there as it
        is.
    :ivar _clear: is it known that the transport holds nothing?
    :ivar _sending_rest: does the client get what its socket did not take at once?
    :ivar _key: of the request that is going the ordinary path now.
    :ivar _noted_at: when it was last noted that the client is alive.
    """

    _peer = "-"
    _socket: socket.socket | None = None
    _clear = False
    _sending_rest = False
    _key: Key | None = None
    _noted_at = 0.0

    def connectionMade(self) -> None:
        super().connectionMade()
        self._peer = client_of(self.transport.getPeer())
        self._socket = socket_of(self.transport)
        self._clear = self._socket is not None

    def dataReceived(self, data: bytes) -> None:
        if self._is_between_requests():
            # Half a request line may have come along with the last request.
            data = self._answer_hot(self.clearLineBuffer() + data)
            if not data:
                return
        if not self.paused:
            self._clear = False
        super().dataReceived(data)

    def resumeProducing(self) -> None:
        was_sending = self._sending_rest
        if was_sending:
            self._rest_sent()
        super().resumeProducing()
        if was_sending and self.idle and self.site.connections.ending:
            self.loseConnection()

    def requestDone(self, request: Request) -> None:
        self._key = None
        super().requestDone(request)

    def writeHeaders(
        self, version: bytes, code: bytes, reason: bytes, headers: Headers
    ) -> None:
        head = head_of(version, code, reason, headers)
        self.transport.write(head)
        reusable: Reusable | None = getattr(self.requests[0], "reusable", None)
        if self._key is not None and reusable is not None:
            self.site.hot.keep(self._key, reusable, int(code), head, headers)
        self._key = None

    def _is_between_requests(self) -> bool:
        return (
            self.idle
            and not self.begun
            and not self.refused
            and not self.site.connections.retiring
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
            if asked is None or self._has_other_addresses(asked):
                break
            now = site.reactor.seconds()
            answer = site.hot.get(asked.key, now)
            if answer is None or not _is_for(answer, asked.said):
                self._key = asked.key
                break
            if self._socket is None and (answer.fd >= 0 or answer.size > _SHORT):
                break
            data = data[asked.size :]
            site.hot_lines.count(self._peer, asked, answer)
            if answer.given is not None:
                answer.given()
            self._send_hot(answer, site.dates.at(now), asked.key[0])
            self._note(now)
            if self.full:
                self.hold_on()
        return data

    def _has_other_addresses(self, asked: Asked) -> bool:
        """
        May the addresses in the answer depend on whether we speak TLS?
        """
        return self._socket is None and asked.key[0].startswith(ABSOLUTE)

    def _send_hot(self, answer: HotAnswer, date: bytes, target: bytes) -> None:
        head = b"".join((answer.before, date, answer.after))
        sent = 0
        if self._clear:
            try:
                sent = self._send_now(head, answer)
            except OSError:
                self.hold_on()  # what it has of this must not be followed by another
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
            source = WholeFile(another(answer.fd), answer.size)  # none cuts it off
            push = push_file(to, source)
        else:
            source = WholeFile(-1, answer.size)
            push = push_bytes(to, answer.content)
        self.idle, self._sending_rest = False, True
        self.setTimeout(None)
        self.site.connections.note(self)
        self.hold_on()
        Outlet(self, self.site.reactor, target, source, push, start, None).send()

    def _rest_sent(self) -> None:
        self.idle, self._sending_rest = True, False
        self._clear = True
        self.setTimeout(self.site.timeOut)
        self.site.connections.note(self)

    def _note(self, now: float) -> None:
        """
        The client is alive; that is noted once a second.
        """
        if self.idle and now - self._noted_at >= 1.0:
            self._noted_at = now
            self.setTimeout(self.timeOut)
            self.site.connections.note(self)
