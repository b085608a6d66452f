"""
All faces under one roof, and what is refused before any of them is asked.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from klein.resource import KleinResource
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from proxypypi.errors import BadRequest, ProxypypiError, Stopping
from proxypypi.web.gate import METRICS, OF_THE_WATCH, Gate
from proxypypi.web.headers import set_headers
from proxypypi.web.problems import answer_failure, answer_problem, problem_of
from proxypypi.web.tally import Tally

_LONGEST_PATH = 1000  # bytes, encoded
_TO_THE_END = (*OF_THE_WATCH, METRICS)  # paths that are answered while we stop
_ENCODED_SEPARATOR = re.compile(rb"%(?:2f|5c|00)", re.IGNORECASE)


class Faces(Resource):
    """
    Hands a request to the face that its first segment belongs to, and knows which
    requests are being answered.

    :ivar stopping: is every request refused, but those of who watches?
    """

    isLeaf = True

    def __init__(
        self,
        home: KleinResource,
        faces: Mapping[str, KleinResource],
        gate: Gate,
        tally: Tally,
    ) -> None:
        """
        :param home: gets the root, and all that is nobody else's.
        :param faces: by the first segment of their paths.
        :param gate: is asked before any of them, and before anything else.
        :param tally: counts what they answer.
        """
        super().__init__()
        self._home = home
        self._faces = {segment.encode(): face for segment, face in faces.items()}
        self._gate = gate
        self._tally = tally
        self.stopping = False
        self._active: set[Request] = set()
        self._idle: list[Deferred[None]] = []

    def when_idle(self) -> "Deferred[None]":
        """
        Fires when every request has been answered to its end; those that come when it
        is :attr:`stopping` do not count.
        """
        idle: Deferred[None] = Deferred()
        self._idle.append(idle)
        self._settle()
        return idle

    def cut_off(self) -> None:
        """
        End the connections of those requests that have not been answered yet.
        """
        for request in tuple(self._active):
            transport: Any = request.transport
            if transport is not None:
                transport.abortConnection()

    def render(self, request: Request) -> Any:
        set_headers(request, x_content_type_options="nosniff")
        request.notifyFinish().addCallbacks(
            lambda _: self._tally.answered(request), lambda _: self._tally.cut(request)
        )
        if not self.stopping:
            self._active.add(request)
            request.notifyFinish().addBoth(self._answered, request)
        elif request.path not in _TO_THE_END:
            return _refuse(request, Stopping())
        if self._gate.is_open(request):
            return self._let_in(request)
        asking = Deferred.fromCoroutine(self._ask(request))
        request.notifyFinish().addErrback(lambda _: asking.cancel())
        return NOT_DONE_YET

    async def _ask(self, request: Request) -> None:
        """
        Let nobody in who may not read.
        """
        try:
            await self._gate.check_read(request)
        except CancelledError:
            pass  # the client has gone
        except Exception:
            request.write(answer_failure(request, Failure()))
            request.finish()
        else:
            self._let_in(request)

    def _let_in(self, request: Request) -> Any:
        refused = refusal(request.path) or _refusal_of_host(request)
        if refused:
            return _refuse(request, BadRequest(reason=refused))
        segment = request.path.split(b"/", 2)[1]
        return self._faces.get(segment, self._home).render(request)

    def _answered(self, _: object, request: Request) -> None:
        self._active.discard(request)
        self._settle()

    def _settle(self) -> None:
        if not self._active:
            idle, self._idle = self._idle, []
            for waiter in idle:
                waiter.callback(None)


def _refuse(request: Request, error: ProxypypiError) -> Any:
    request.write(answer_problem(request, problem_of(error)))
    request.finish()
    return NOT_DONE_YET


def refusal(path: bytes) -> str:
    """
    What is wrong with a raw path, such that it could mean another one than it seems to.

    :returns: empty if nothing is.
    """
    if len(path) > _LONGEST_PATH:
        return f"the path is longer than {_LONGEST_PATH} bytes"
    if not path.startswith(b"/"):
        return "the path does not start with a slash"
    if _ENCODED_SEPARATOR.search(path):
        return "the path has an encoded slash, backslash or NUL in it"
    if any(byte <= 0x20 or byte == 0x5C or byte >= 0x7F for byte in path):
        return "the path has a space, a backslash, or raw bytes in it"
    if re.search(rb"/(?:\.|%2e){1,2}(?:/|$)", path, re.IGNORECASE):
        return "the path has dots for a segment"
    try:
        unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return "the path is not in UTF-8"
    return ""


def _refusal_of_host(request: Request) -> str:
    """
    What is wrong with the host that was asked for (:rfc:`9112`, section 3.2), such that
    routing fails on it, or it can mean one thing here and another in front of us.
    """
    hosts = request.requestHeaders.getRawHeaders(b"Host", [])
    if len(hosts) > 1:
        return "there is more than one Host header"
    if not hosts and request.clientproto == b"HTTP/1.1":
        return "there is no Host header"
    try:
        request.getRequestHostname().decode().encode("idna")
    except UnicodeError:
        return "the host name is none"
    return ""
