"""
Routes for those who watch over the server.
"""

from collections.abc import Awaitable, Callable
from typing import ClassVar

import msgspec
from attrs import define
from twisted.web.http import SERVICE_UNAVAILABLE
from twisted.web.server import Request

from proxypypi.cache.pages import PageCache
from proxypypi.errors import BadRequest
from proxypypi.names import normalize
from proxypypi.web.gate import Gate
from proxypypi.web.headers import NEVER_KEEP, header, set_headers
from proxypypi.web.metrics import Metrics
from proxypypi.web.router import Router
from proxypypi.web.ui.board import Board


@define(eq=False)
class StatusRoutes:
    """
    :ivar _is_ready: are new requests welcome?
    :ivar _trouble: what makes our answers worse than they could be; empty for nothing.
    """

    router: ClassVar[Router] = Router()
    _is_ready: Callable[[], bool]
    _trouble: Callable[[], Awaitable[str]]
    _pages: PageCache
    _gate: Gate
    _metrics: Metrics
    _board: Board

    @router.route("/-/health", methods=["GET"])
    async def health(self, request: Request) -> bytes:
        trouble = await self._trouble()
        return _answer(request, f"degraded: {trouble}" if trouble else "ok")

    @router.route("/-/ready", methods=["GET"])
    def ready(self, request: Request) -> bytes:
        if self._is_ready():
            return _answer(request, "ok")
        request.setResponseCode(SERVICE_UNAVAILABLE)
        return _answer(request, "stopping")

    @router.route("/-/metrics", methods=["GET"])
    async def metrics(self, request: Request) -> bytes:
        accept = header(request, "Accept") or ""
        text, content_type = await self._metrics.render(accept)
        return _send(request, text, content_type)

    @router.route("/-/events", methods=["GET"])
    async def events(self, request: Request) -> bytes:
        wanted = request.args.get(b"format", [b"json"])[-1].decode("latin-1")
        if wanted not in ("json", "html"):
            raise BadRequest(reason="events come in json and html only")
        set_headers(
            request,
            content_type="text/event-stream",
            cache_control=NEVER_KEEP,
            x_accel_buffering="no",  # nginx would wait until there are more of them
        )
        if request.method != b"HEAD":
            await self._board.serve(request, as_page=wanted == "html")
        return b""

    @router.route("/-/refresh/<project>", methods=["POST"])
    async def refresh(self, request: Request, project: str) -> bytes:
        await self._gate.check_administer(request)
        name = normalize(project)
        answer = await self._pages.refresh(name)
        facts = {"project": name, "files": len(answer.page.distributions)}
        return _send(request, msgspec.json.encode(facts) + b"\n", "application/json")


def _answer(request: Request, text: str) -> bytes:
    return _send(request, text.encode() + b"\n", "text/plain; charset=utf-8")


def _send(request: Request, body: bytes, content_type: str) -> bytes:
    set_headers(
        request,
        content_type=content_type,
        content_length=str(len(body)),
        cache_control=NEVER_KEEP,
    )
    return body
