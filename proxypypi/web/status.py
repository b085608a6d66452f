"""
Routes for those who watch over the server.
"""

from collections.abc import Callable
from typing import ClassVar

from attrs import define
from twisted.web.http import SERVICE_UNAVAILABLE
from twisted.web.server import Request

from proxypypi.web.headers import NEVER_KEEP, set_headers
from proxypypi.web.router import Router


@define(eq=False)
class StatusRoutes:
    """
    :ivar _is_ready: are new requests welcome?
    :ivar _trouble: what makes our answers worse than they could be; empty for nothing.
    """

    router: ClassVar[Router] = Router()
    _is_ready: Callable[[], bool]
    _trouble: Callable[[], str]

    @router.route("/-/health", methods=["GET"])
    def health(self, request: Request) -> bytes:
        trouble = self._trouble()
        return _answer(request, f"degraded: {trouble}" if trouble else "ok")

    @router.route("/-/ready", methods=["GET"])
    def ready(self, request: Request) -> bytes:
        if self._is_ready():
            return _answer(request, "ok")
        request.setResponseCode(SERVICE_UNAVAILABLE)
        return _answer(request, "starting or stopping")


def _answer(request: Request, text: str) -> bytes:
    body = text.encode() + b"\n"
    set_headers(
        request,
        content_type="text/plain; charset=utf-8",
        content_length=str(len(body)),
        cache_control=NEVER_KEEP,
    )
    return body
