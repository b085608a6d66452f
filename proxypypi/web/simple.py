"""
Routes to project pages and to the list of projects (PEP 503, PEP 691).
"""

from typing import ClassVar

from attrs import define
from twisted.internet.interfaces import IReactorTime
from twisted.web.http import NOT_MODIFIED
from twisted.web.server import Request

from proxypypi.cache.catalogue import Catalogue
from proxypypi.cache.listings import Listings
from proxypypi.model import Outcome, Validity
from proxypypi.names import normalize
from proxypypi.rules.snapshots import Moment, parse_when
from proxypypi.simple.negotiation import Form, accepts_gzip, choose
from proxypypi.simple.rendering import Rendered, Representation
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
from proxypypi.web.sender import send_bytes, send_file

_SHORT = 64 * 1024  # bytes; longer bodies go out at the client's pace


@define(eq=False)
class SimpleRoutes:
    """
    ``/simple/`` lists what upstream lists and what is here, ``/local/`` what is here,
    and ``/snapshot/WHEN/simple/`` what there was at a moment.
    """

    router: ClassVar[Router] = Router()
    _listings: Listings
    _catalogue: Catalogue
    _clock: IReactorTime

    @router.route("/simple/", methods=["GET"])
    @router.route("/snapshot/<when>/simple/", methods=["GET"])
    async def projects(self, request: Request, when: str = "") -> bytes:
        """
        All that there are now, at whatever moment they are asked for.
        """
        _moment(when)
        form, gzip = _form(request), _gzip(request)
        answer = await self._catalogue.get()
        rest = answer.pick(form, gzip)
        caching = ALWAYS_ASK if answer.private else PUBLIC_PAGE
        if _has_it(request, rest, answer.outcome, caching):
            return b""
        source = answer.open(form, gzip)
        size = source.size or 0 if source is not None else 0
        _promise(request, rest, form, size + len(rest.body))
        if source is not None and request.method == b"HEAD":
            source.close()
        elif source is not None:
            await send_file(request, source, self._clock)
        return rest.body

    @router.route("/local/", methods=["GET"])
    async def local_projects(self, request: Request) -> bytes:
        form = _form(request)
        rendered = await self._listings.projects()
        outcome = Outcome(hit=True)
        return await self._answer(request, rendered, form, outcome, ALWAYS_ASK)

    @router.route("/simple/<name>/", methods=["GET"], defaults={"local": False})
    @router.route("/local/<name>/", methods=["GET"], defaults={"local": True})
    @router.route("/snapshot/<when>/simple/<name>/", methods=["GET"])
    async def project_page(
        self, request: Request, name: str, local: bool = False, when: str = ""
    ) -> bytes:
        project, moment = normalize(name), _moment(when)
        if project != name:
            return redirect(request, f"../{project}/")
        form = _form(request)
        answer = await self._listings.project(project, local=local, moment=moment)
        caching = ALWAYS_ASK if local or answer.private else PUBLIC_PAGE
        return await self._answer(
            request, answer.rendered, form, answer.outcome, caching, answer.validity
        )

    @router.route("/simple", methods=["GET"])
    @router.route("/local", methods=["GET"])
    @router.route("/snapshot/<when>/simple", methods=["GET"])
    def without_slash(self, request: Request, when: str = "") -> bytes:
        _moment(when)
        last = request.path.rpartition(b"/")[2].decode("ascii")
        return redirect(request, f"{last}/")

    @router.route("/simple/<name>", methods=["GET"])
    @router.route("/local/<name>", methods=["GET"])
    @router.route("/snapshot/<when>/simple/<name>", methods=["GET"])
    def page_without_slash(self, request: Request, name: str, when: str = "") -> bytes:
        _moment(when)
        return redirect(request, f"{normalize(name)}/")

    @router.route("/simple/<name>/json", methods=["GET"])
    def document(self, request: Request, name: str) -> bytes:
        """
        There are programs that take the index for the base of the JSON API.
        """
        return redirect(request, f"../../pypi/{normalize(name)}/json")

    async def _answer(
        self,
        request: Request,
        rendered: Rendered,
        form: Form,
        outcome: Outcome,
        caching: str,
        validity: Validity | None = None,
    ) -> bytes:
        """
        :returns: the body, unless it is a long one, which has been sent.
        """
        representation = rendered.pick(form, _gzip(request))
        if _has_it(request, representation, outcome, caching):
            offer(request, validity, b"")
            return b""
        body = representation.body
        offer(request, validity, body)
        _promise(request, representation, form, len(body))
        if len(body) <= _SHORT or request.method == b"HEAD":
            return body
        await send_bytes(request, body, self._clock)
        return b""


def _moment(when: str) -> Moment | None:
    """
    :param when: empty if no moment was asked for.
    :raises BadMoment: it is none.
    """
    return parse_when(when) if when else None


def _form(request: Request) -> Form:
    """
    :raises NotAcceptable: there is none that the client accepts.
    """
    wanted = request.args.get(b"format", [b""])[0].decode("latin-1")
    return choose(header(request, "Accept"), wanted or None)


def _gzip(request: Request) -> bool:
    return accepts_gzip(header(request, "Accept-Encoding"))


def _has_it(
    request: Request, representation: Representation, outcome: Outcome, caching: str
) -> bool:
    """
    :returns: does the client have that very representation already?
    """
    set_headers(
        request,
        etag=representation.etag,
        vary="Accept, Accept-Encoding",
        cache_control=caching,
        cache_status=cache_status(outcome),
    )
    if is_unchanged(request, representation.etag, None):
        request.setResponseCode(NOT_MODIFIED)
        return True
    return False


def _promise(
    request: Request, representation: Representation, form: Form, size: int
) -> None:
    set_headers(
        request,
        content_type=form.content_type,
        content_encoding="gzip" if representation.gzipped else None,
        content_length=str(size),
    )
