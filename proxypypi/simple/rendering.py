"""
A page in every form that a client may ask for, made once and served often.
"""

import hashlib
from collections.abc import Iterable

from attrs import field, frozen
from isal import igzip

from proxypypi.model import ProjectPage
from proxypypi.simple import html, json
from proxypypi.simple.negotiation import Form


@frozen
class Representation:
    """
    A body as it goes out.

    :ivar etag: strong, with its quotes.
    :ivar gzipped: is *body* to be sent with ``Content-Encoding: gzip``?
    """

    body: bytes = field(repr=False)
    etag: str
    gzipped: bool


@frozen
class Rendered:
    """
    All representations of one page. The two types of HTML share theirs.
    """

    json: Representation
    json_gzip: Representation
    html: Representation
    html_gzip: Representation

    def pick(self, form: Form, gzip: bool) -> Representation:
        if form is Form.JSON:
            return self.json_gzip if gzip else self.json
        return self.html_gzip if gzip else self.html


def render_page(page: ProjectPage) -> Rendered:
    """
    For a page of thousands of files this takes a thread's time, not the reactor's.
    """
    return Rendered(*both(json.render_page(page)), *both(html.render_page(page)))


def render_list(names: Iterable[str]) -> Rendered:
    """
    :param names: in the order they will have.
    """
    names = tuple(names)
    return Rendered(*both(json.render_list(names)), *both(html.render_list(names)))


def both(body: bytes) -> tuple[Representation, Representation]:
    """
    A body, and its compressed form: the same bytes for the same page in every process.
    """
    digest = hashlib.sha256(body).hexdigest()[:32]
    compressed = igzip.compress(body, compresslevel=1, mtime=0)
    return (
        Representation(body, f'"{digest}"', gzipped=False),
        Representation(compressed, f'"{digest}-gzip"', gzipped=True),
    )
