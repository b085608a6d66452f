"""
Requests as we take them: any form of address, and hardly any body.
"""

import re
from typing import Any

from twisted.web.server import Request

from proxypypi.web.arriving import ArrivingBody
from proxypypi.web.hot import CanBeReused

_LARGEST_BODY = 64 * 1024  # bytes; these are kept in memory
_TOO_LARGE = (
    b"HTTP/1.1 413 the request's body is too large for this address; packages are "
    b"published to /legacy/\r\n"
    b"Content-Length: 0\r\nCache-Control: no-store\r\nCache-Status: proxypypi\r\n"
    b"Connection: close\r\n\r\n"
)
_LARGE = re.compile(
    rb"(?:https?://[^/?]*)?/?(?:(?:legacy|uploadpackage)/?|requirements\.txt)?(?:\?.*)?",
    re.IGNORECASE | re.DOTALL,
)
_ABSOLUTE = re.compile(rb"https?://[^/]*(/.*)?", re.IGNORECASE | re.DOTALL)


def may_be_large(method: bytes, target: bytes) -> bool:
    """
    May the body of such a request be large, as it is taken while it comes, once it is
    known who sends it?
    """
    return method == b"POST" and _LARGE.fullmatch(target) is not None


class ProxyRequest(CanBeReused, Request):
    """
    A large body is refused before it is read, so that none fills memory or disk, unless
    it is one that is taken while it comes.

    :ivar arriving: such a body; :obj:`None` if what there is has come already.
    """

    arriving: ArrivingBody | None = None

    _body_size = 0
    _refused = False

    def gotLength(self, length: int | None) -> None:
        if self.arriving is not None:
            super().gotLength(0)
            return
        if length is not None and length > _LARGEST_BODY:
            self._refuse()
        super().gotLength(min(length or 0, _LARGEST_BODY))

    def begin(self, command: bytes, path: bytes, version: bytes) -> None:
        """
        Have it answered, although its body has not come yet. It is the last one on its
        connection: nobody knows how much of the body will have been read.
        """
        self.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        super().requestReceived(command, path, version)

    def handleContentChunk(self, data: bytes) -> None:
        if self.arriving is not None:
            self.arriving.received(data)
            return
        self._body_size += len(data)
        if self._body_size > _LARGEST_BODY:
            self._refuse()
        else:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        if self.arriving is not None:
            self.arriving.end()
        elif not self._refused:
            super().requestReceived(command, path, version)

    def process(self) -> None:
        """
        The address of a request may be absolute (:rfc:`9112`, section 3.2.2). Nothing
        is kept of what comes before its path: it may hold a password.
        """
        absolute = _ABSOLUTE.fullmatch(self.path)
        if absolute is not None:
            self.path = absolute[1] or b"/"
            _, mark, query = self.uri.partition(b"?")
            self.uri = self.path + mark + query
        super().process()

    def _refuse(self) -> None:
        if not self._refused:
            self._refused = True
            channel: Any = self.channel
            channel.transport.write(_TOO_LARGE)
            channel.loseConnection()
