"""
Routes to project pages and to the list of projects (PEP 503, PEP 691).
"""

from typing import ClassVar
from urllib.parse import quote

from attrs import define
from twisted.web.http import MOVED_PERMANENTLY, NOT_MODIFIED
from twisted.web.server import Request

from proxypypi.cache.listings import Listings
from proxypypi.model import Outcome
from proxypypi.names import normalize
from proxypypi.simple.negotiation import Form, accepts_gzip, choose
from proxypypi.simple.rendering import Rendered
from proxypypi.web.headers import (
    ALWAYS_ASK,
    PUBLIC_PAGE,
    cache_status,
    header,
    is_unchanged,
    set_headers,
)
from proxypypi.web.router import Router


@define(eq=False)
class SimpleRoutes:
    """
    ``/simple/`` lists what upstream lists and what is here, ``/local/`` what is here.
    """

    router: ClassVar[Router] = Router()
    _listings: Listings

    @router.route("/simple/", methods=["GET"])
    @router.route("/local/", methods=["GET"])
    async def projects(self, request: Request) -> bytes:
        form = _form(request)
        rendered = await self._listings.projects()
        return _answer(request, rendered, form, Outcome(hit=True), ALWAYS_ASK)

    @router.route("/simple/<name>/", methods=["GET"], defaults={"local": False})
    @router.route("/local/<name>/", methods=["GET"], defaults={"local": True})
    async def project_page(self, request: Request, name: str, local: bool) -> bytes:
        project = normalize(name)
        if project != name:
            return _redirect(request, f"../{project}/")
        form = _form(request)
        answer = await self._listings.project(project, local=local)
        caching = ALWAYS_ASK if local or answer.private else PUBLIC_PAGE
        return _answer(request, answer.rendered, form, answer.outcome, caching)

    @router.route("/simple", methods=["GET"])
    @router.route("/local", methods=["GET"])
    def without_slash(self, request: Request) -> bytes:
        return _redirect(request, request.path.decode("ascii").strip("/") + "/")

    @router.route("/simple/<name>", methods=["GET"])
    @router.route("/local/<name>", methods=["GET"])
    def page_without_slash(self, request: Request, name: str) -> bytes:
        return _redirect(request, f"{normalize(name)}/")


def _form(request: Request) -> Form:
    """
    :raises NotAcceptable: there is none that the client accepts.
    """
    wanted = request.args.get(b"format", [b""])[0].decode("latin-1")
    return choose(header(request, "Accept"), wanted or None)


def _redirect(request: Request, location: str) -> bytes:
    """
    :param location: relative, so that any host name and mount point works.
    """
    _, mark, query = request.uri.partition(b"?")
    query_text = quote((mark + query).decode("latin-1"), safe="?/&=+%;:@,")
    request.setResponseCode(MOVED_PERMANENTLY)
    set_headers(
        request,
        location=location + query_text,
        content_length="0",
        cache_control=PUBLIC_PAGE,
        cache_status=cache_status(Outcome(hit=True)),
    )
    return b""


def _answer(
    request: Request, rendered: Rendered, form: Form, outcome: Outcome, caching: str
) -> bytes:
    gzip = accepts_gzip(header(request, "Accept-Encoding"))
    representation = rendered.pick(form, gzip)
    set_headers(
        request,
        etag=representation.etag,
        vary="Accept, Accept-Encoding",
        cache_control=caching,
        cache_status=cache_status(outcome),
    )
    if is_unchanged(request, representation.etag, None):
        request.setResponseCode(NOT_MODIFIED)
        return b""
    set_headers(
        request,
        content_type=form.content_type,
        content_encoding="gzip" if representation.gzipped else None,
        content_length=str(len(representation.body)),
    )
    return representation.body
