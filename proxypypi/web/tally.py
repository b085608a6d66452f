"""
What an answer counts as.
"""

from attrs import frozen
from twisted.web.server import Request

from proxypypi.events import REQUESTS, SAVED, SENT, UPLOADS, IEvents

_ROUTES = {
    b"simple": "simple",
    b"local": "local",
    b"snapshot": "snapshot",
    b"files": "files",
    b"package": "files",
    b"packages": "packages",
    b"pypi": "json",
}
_PUBLISHING = (b"", b"legacy", b"uploadpackage")  # by POST
_ENDLESS = b"/-/events"  # no transfer, and mostly ended by the client
_OF_FILES = ("files", "packages")
_UPLOADS = {
    400: "malformed",
    401: "unauthenticated",
    403: "forbidden",
    409: "exists",
    413: "too_large",
}


@frozen
class Tally:
    """
    Counts answers.
    """

    _events: IEvents

    def answered(self, request: Request) -> None:
        """
        An answer has come to its end.
        """
        said = request.responseHeaders.getRawHeaders(b"Cache-Status", [b""])[0]
        route = route_of(request.method, request.uri)
        size = 0 if request.path == _ENDLESS else request.sentLength
        self._count(route, result_of(request.code, said.decode("latin-1")), size)
        if route == "upload":
            accepted = "accepted" if request.code < 300 else "other"
            self._events.note(UPLOADS, _UPLOADS.get(request.code, accepted))

    def again(self, target: bytes, code: int, said: str, size: int, times: int) -> None:
        """
        The same answer has been given so many times more.

        :param said: its ``Cache-Status``.
        :param size: of its body, in bytes.
        """
        route = route_of(b"GET", target)
        self._count(route, result_of(code, said), size * times, times)

    def cut(self, request: Request) -> None:
        """
        A connection has ended before its answer did.
        """
        route = route_of(request.method, request.uri)
        result = "done" if request.path == _ENDLESS else "cut"
        self._events.note(REQUESTS, route, result)

    def _count(self, route: str, result: str, size: int, times: int = 1) -> None:
        self._events.note(REQUESTS, route, result, count=times)
        self._events.note(SENT, route, count=size)
        if result == "hit" and route in (*_OF_FILES, "metadata"):
            self._events.note(SAVED, count=size)


def route_of(method: bytes, target: bytes) -> str:
    """
    :param target: of the request; its query does not matter.
    """
    path = target.partition(b"?")[0]
    first = path[1:].partition(b"/")[0]
    if method == b"POST":
        if first in _PUBLISHING:
            return "upload"
        return "requirements" if first == b"requirements.txt" else "other"
    route = _ROUTES.get(first, "other")
    is_metadata = route in _OF_FILES and path.endswith(b".metadata")
    return "metadata" if is_metadata else route


def result_of(code: int, said: str) -> str:
    """
    :param said: the answer's ``Cache-Status``; empty for none. Only old pages have a
        ``ttl`` in it.
    """
    if code >= 400:
        return "5xx" if code >= 500 else "4xx"
    parts = said.split("; ")
    if "collapsed" in parts:
        return "collapsed"
    if "fwd=miss" in parts:
        return "miss"
    if "fwd=stale" in parts:
        is_new = "stored" in parts or "fwd-status=304" in parts
        return "refreshed" if is_new else "stale"
    if "hit" in parts:
        is_old = any(part.startswith("ttl=") for part in parts)
        return "stale" if is_old else "hit"
    return "done"
