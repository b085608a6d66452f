"""
Which form a client gets: of a page, of an error, of the bytes (RFC 9110, PEP 691).
"""

import re
from collections.abc import Mapping
from enum import Enum

from proxypypi.errors import NotAcceptable

_MOST_RANGES = 64

_QUALITY = re.compile(r"0(?:\.[0-9]*)?|1(?:\.0*)?|\.[0-9]+")
_TOKEN = r"[!#$%&'*+.^_`|~0-9a-z-]+"
_RANGE = re.compile(rf"{_TOKEN}(?:/{_TOKEN})?")


class Form(Enum):
    """
    A form of a page, by the type it is served as.
    """

    JSON = "application/vnd.pypi.simple.v1+json"
    V1_HTML = "application/vnd.pypi.simple.v1+html"
    HTML = "text/html; charset=utf-8"

    @property
    def content_type(self) -> str:
        return self.value


class ErrorForm(Enum):
    """
    A form of an error; :attr:`PROBLEM` is that of RFC 9457.
    """

    PROBLEM = "application/problem+json"
    HTML = "text/html; charset=utf-8"
    TEXT = "text/plain; charset=utf-8"

    @property
    def content_type(self) -> str:
        return self.value


_ASKED_BY = {
    "application/vnd.pypi.simple.v1+json": Form.JSON,
    "application/vnd.pypi.simple.latest+json": Form.JSON,
    "application/vnd.pypi.simple.v1+html": Form.V1_HTML,
    "application/vnd.pypi.simple.latest+html": Form.V1_HTML,
    "text/html": Form.HTML,
}
_WILDCARDS = {
    Form.JSON: "application/*",
    Form.V1_HTML: "application/*",
    Form.HTML: "text/*",
}
_OFFERED = tuple(form.content_type.partition(";")[0] for form in Form)
_FOR_NAMERS = (Form.HTML, Form.V1_HTML, Form.JSON)  # who names JSON is a machine
_FOR_ANYBODY = (Form.V1_HTML, Form.JSON, Form.HTML)

_JSON = re.compile(
    r"application/(?:json|problem\+json|vnd\.pypi\.simple\.[a-z0-9.]+\+json)"
)
_HTML = re.compile(
    r"text/html|application/(?:xhtml\+xml|vnd\.pypi\.simple\.[a-z0-9.]+\+html)"
)


def choose(accept: str | None, wanted: str | None) -> Form:
    """
    The form of a page.

    :param accept: the header; :obj:`None` if there is none.
    :param wanted: the query's ``format``, which wins over *accept*.
    :raises NotAcceptable: there is no such form.
    """
    if wanted:
        # Unquoted in a query, the plus of the type's name arrives as a space.
        asked = wanted.partition(";")[0].strip().lower().replace(" ", "+")
        form = _ASKED_BY.get(asked)
        if form is None:
            raise NotAcceptable(offered=_OFFERED)
        return form
    ranges = _qualities(accept)
    if not ranges:
        return Form.HTML
    best = max(Form, key=lambda form: _rank(form, ranges))
    if not _rank(best, ranges)[0]:
        raise NotAcceptable(offered=_OFFERED)
    return best


def choose_error_form(accept: str | None) -> ErrorForm:
    """
    The form of an error; there is one for everybody.

    Installers say ``*/*`` when they ask for files, browsers say it beside HTML.
    """
    ranges = _qualities(accept)
    html = _quality_of(_HTML, "text/*", ranges) or 0.0
    json = _quality_of(_JSON, "application/*", ranges)
    if json is None and not html:
        json = ranges.get("*/*")
    if json and json >= html:
        return ErrorForm.PROBLEM
    return ErrorForm.HTML if html else ErrorForm.TEXT


def is_for_people(accept: str | None) -> bool:
    """
    Does a browser ask, not a program?
    """
    return choose_error_form(accept) is ErrorForm.HTML


def accepts_gzip(accept_encoding: str | None) -> bool:
    """
    Is gzip asked for, and not liked less than no coding at all?
    """
    codings = _qualities(accept_encoding)
    named = [codings[name] for name in ("gzip", "x-gzip") if name in codings]
    gzip = max(named) if named else codings.get("*", 0.0)
    return gzip > 0.0 and gzip >= codings.get("identity", 0.0)


def _rank(form: Form, ranges: Mapping[str, float]) -> tuple[float, int, int]:
    """
    What is highest is served: by quality, then by how narrowly it was asked for, then
    by our own preference.
    """
    named = [ranges[n] for n, f in _ASKED_BY.items() if f is form and n in ranges]
    if named:
        return max(named), 2, _FOR_NAMERS.index(form)
    for narrowness, wildcard in ((1, _WILDCARDS[form]), (0, "*/*")):
        if wildcard in ranges:
            return ranges[wildcard], narrowness, _FOR_ANYBODY.index(form)
    return 0.0, 0, 0


def _quality_of(
    names: re.Pattern[str], wildcard: str, ranges: Mapping[str, float]
) -> float | None:
    """
    :returns: :obj:`None` if nothing is said of them.
    """
    named = [q for name, q in ranges.items() if names.fullmatch(name)]
    return max(named) if named else ranges.get(wildcard)


def _qualities(header: str | None) -> Mapping[str, float]:
    """
    The media ranges or codings of a header, lower-cased, with their q-values.

    Malformed ones are left out, as are those after the first 64.
    """
    qualities: dict[str, float] = {}
    for part in (header or "").split(",", _MOST_RANGES)[:_MOST_RANGES]:
        name, *parameters = (p.strip() for p in part.lower().split(";"))
        quality = _quality(parameters)
        if quality is not None and _RANGE.fullmatch(name):
            qualities[name] = max(quality, qualities.get(name, 0.0))
    return qualities


def _quality(parameters: list[str]) -> float | None:
    """
    :returns: :obj:`None` if it is malformed.
    """
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            value = value.strip()
            return float(value) if _QUALITY.fullmatch(value) else None
    return 1.0
