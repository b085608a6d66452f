"""
Routes to the JSON API: documents of projects and of their releases.
"""

from typing import ClassVar

from attrs import define
from twisted.internet.interfaces import IReactorTime
from twisted.web.http import NOT_MODIFIED
from twisted.web.server import Request

from proxypypi.cache.json_api import JsonAnswer, JsonApi
from proxypypi.names import normalize
from proxypypi.simple.negotiation import accepts_gzip
from proxypypi.web.address import FROM, address_of
from proxypypi.web.headers import (
    ALWAYS_ASK,
    PUBLIC_PAGE,
    cache_status,
    header,
    is_unchanged,
    redirect,
    set_headers,
)
from proxypypi.web.hot import offer
from proxypypi.web.router import Router
from proxypypi.web.sender import send_bytes

_SHORT = 64 * 1024  # bytes; longer bodies go out at the client's pace


@define(eq=False)
class JsonRoutes:
    """
    With and without a final slash, as clients have it either way.
    """

    router: ClassVar[Router] = Router()
    _api: JsonApi
    _clock: IReactorTime

    @router.route("/pypi/<name>/json", methods=["GET"])
    @router.route("/pypi/<name>/json/", methods=["GET"])
    async def project(self, request: Request, name: str) -> bytes:
        return await self._answer(request, name, "")

    @router.route("/pypi/<name>/<version>/json", methods=["GET"])
    @router.route("/pypi/<name>/<version>/json/", methods=["GET"])
    async def release(self, request: Request, name: str, version: str) -> bytes:
        return await self._answer(request, name, version)

    async def _answer(self, request: Request, name: str, version: str) -> bytes:
        """
        :returns: the body, unless it is a long one, which has been sent.
        """
        project = normalize(name)
        if project != name:
            return redirect(request, _elsewhere(request, project))
        answer = await self._api.get(project, version, address_of(request))
        gzip = accepts_gzip(header(request, "Accept-Encoding"))
        representation = answer.gzipped if gzip else answer.plain
        _tell(request, answer, representation.etag)
        if is_unchanged(request, representation.etag, None):
            request.setResponseCode(NOT_MODIFIED)
            offer(request, answer.validity, b"")
            return b""
        body = representation.body
        offer(request, answer.validity, body)
        set_headers(
            request,
            content_type="application/json",
            content_encoding="gzip" if gzip else None,
            content_length=str(len(body)),
        )
        if len(body) <= _SHORT or request.method == b"HEAD":
            return body
        await send_bytes(request, body, self._clock)
        return b""


def _tell(request: Request, answer: JsonAnswer, etag: str) -> None:
    set_headers(
        request,
        etag=etag,
        vary=f"Accept-Encoding, {FROM}",
        cache_control=ALWAYS_ASK if answer.private else PUBLIC_PAGE,
        cache_status=cache_status(answer.outcome),
    )


def _elsewhere(request: Request, project: str) -> str:
    """
    The same address with another name in it, relative.
    """
    rest = request.path.decode("ascii").split("/")[3:]
    return "/".join([*[".."] * len(rest), project, *rest])
