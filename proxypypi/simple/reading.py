"""
From what an index sent to what it says.
"""

from attrs import evolve

from proxypypi.errors import UnreadablePage
from proxypypi.model import ProjectPage, RawPage
from proxypypi.names import NormalizedName
from proxypypi.simple import html, json
from proxypypi.simple.links import serial

_PARSERS = {
    "application/vnd.pypi.simple.v1+json": json.parse_page,
    "application/json": json.parse_page,
    "application/vnd.pypi.simple.v1+html": html.parse_page,
    "application/xhtml+xml": html.parse_page,
    "text/html": html.parse_page,
}


def read_page(raw: RawPage, name: NormalizedName) -> ProjectPage:
    """
    :raises UnreadablePage: it is of a type we do not know, or not what it says it is.
    """
    content_type = raw.content_type.partition(";")[0].strip().lower()
    parse = _PARSERS.get(content_type)
    if parse is None:
        raise UnreadablePage(reason=f"page is of the type {content_type[:60]!a}")
    page = parse(raw.body, raw.url, name)
    if page.last_serial is None:
        page = evolve(page, last_serial=serial(raw.last_serial))
    return evolve(page, index=raw.index)
