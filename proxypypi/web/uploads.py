"""
Where twine, uv, poetry, pdm and flit publish to.
"""

from collections.abc import Callable, Mapping
from html import escape
from typing import ClassVar

from attrs import define
from twisted.web.server import Request

from proxypypi.cache.arrivals import FORM, Arrivals
from proxypypi.cache.uploads import Uploads
from proxypypi.errors import BadRequest
from proxypypi.model import Outcome
from proxypypi.rules.publication import (
    DIGESTS,
    Claimed,
    read_filename,
    read_form,
    read_name,
)
from proxypypi.simple.negotiation import is_for_people
from proxypypi.web.address import FROM, address_of
from proxypypi.web.arriving import ArrivingBody
from proxypypi.web.forms import FormReader, boundary_of
from proxypypi.web.gate import Gate
from proxypypi.web.headers import NEVER_KEEP, cache_status, header, set_headers
from proxypypi.web.router import Router
from proxypypi.web.ui.frame import POLICY, frame, way_home
from proxypypi.web.ui.usage import publishing

_SHORT = 1000  # bytes of a field
_FIELDS = {
    **dict.fromkeys((":action", "protocol_version", "filetype", *DIGESTS), _SHORT),
    **dict.fromkeys(("name", "version"), _SHORT),
    "attestations": 1_000_000,
}
_HELP = """\
Packages are published here, with

    twine upload --repository-url {base}legacy/ dist/*
    uv publish --publish-url {base}legacy/ dist/*

and likewise by poetry, pdm and flit. They are installed from {base}simple/.
{who}
"""
_PAGE = """\
<h1>Packages are published here</h1>
{publishing}<p>Poetry, pdm and flit do so likewise. What is published is installed from
<code>{simple}</code>.</p>
<p>{who}</p>
"""


@define(eq=False)
class UploadRoutes:
    """
    Who may publish is asked before anything of a form is taken.
    """

    router: ClassVar[Router] = Router()
    _arrivals: Arrivals
    _uploads: Uploads
    _gate: Gate

    @property
    def takes_any(self) -> bool:
        """
        Is there anybody who may publish?
        """
        return self._gate.says_who_uploads

    @router.route("/legacy/", methods=["POST"])
    @router.route("/legacy", methods=["POST"])
    async def publish(self, request: Request) -> bytes:
        await self._publish(
            request,
            "content",
            _FIELDS,
            lambda form: read_form(form.fields, form.filename or ""),
        )
        return _answer(request, b"", "text/plain; charset=utf-8")

    @router.route("/uploadpackage/", methods=["POST"])
    @router.route("/uploadpackage", methods=["POST"])
    async def publish_alone(self, request: Request) -> bytes:
        """
        A file by itself, which has to say all that there is to say of it.
        """
        await self._publish(
            request, "sdist", {}, lambda form: read_filename(form.filename or "")
        )
        return _answer(request, b'{"uploaded": "ok"}', "application/json")

    @router.route("/legacy/", methods=["GET"])
    @router.route("/legacy", methods=["GET"])
    def explain(self, request: Request) -> bytes:
        who = (
            "Those whom --upload-auth names may do so."
            if self.takes_any
            else "Nobody may do so, as the server was started without --upload-auth."
        )
        base = address_of(request)
        set_headers(request, vary=f"Accept, {FROM}")
        if not is_for_people(header(request, "Accept")):
            text = _HELP.format(base=base, who=who)
            return _answer(request, text.encode(), "text/plain; charset=utf-8")
        content = _PAGE.format(
            publishing=publishing(base), simple=escape(f"{base}simple/"), who=who
        )
        page = frame("Publish packages", content, home=way_home(request))
        set_headers(request, content_security_policy=POLICY)
        return _answer(request, page, "text/html; charset=utf-8")

    async def _publish(
        self,
        request: Request,
        file: str,
        fields: Mapping[str, int],
        read: Callable[[FormReader], Claimed],
    ) -> None:
        """
        Who may not publish the project is told so as soon as the form has said its
        name, which clients send before the file.

        :param file: the name of the form's field that the file is.
        :param fields: see :class:`proxypypi.web.forms.FormReader`.
        :param read: says what the form claims.
        """
        user = await self._gate.check_upload(request)
        body: ArrivingBody | None = getattr(request, "arriving", None)
        if body is None:
            raise BadRequest(reason="there is nothing in this upload")
        self._arrivals.check(body.length)
        boundary = boundary_of(header(request, "Content-Type"))

        def check(field: str, value: str) -> None:
            if field == "name":
                self._uploads.check(user, read_name(value))

        arriving = await self._arrivals.open(body.length)
        try:
            form = FormReader(boundary, file, fields, arriving.write, FORM, check)
            await body.deliver(form.feed)
            form.end()
            claimed = read(form)
        except BaseException:
            arriving.discard()
            raise
        await self._uploads.publish(user, claimed, arriving)


def _answer(request: Request, body: bytes, content_type: str) -> bytes:
    set_headers(
        request,
        content_type=content_type,
        content_length=str(len(body)),
        cache_control=NEVER_KEEP,
        cache_status=cache_status(Outcome()),
    )
    return body
