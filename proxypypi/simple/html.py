"""
Project pages and the project list as HTML (PEP 503, 592, 629, 658, 714, 740, 792).
"""

from collections.abc import Iterable, Mapping
from html import escape
from html.parser import HTMLParser
from math import isinf
from urllib.parse import unquote

from proxypypi.errors import UnreadablePage
from proxypypi.model import Distribution, HeldBack, ProjectPage
from proxypypi.moments import render_second
from proxypypi.names import NormalizedName, is_distribution
from proxypypi.simple import links

_VERSION = "1.4"  # the last that HTML will have (PEP 833)
_STRENGTH = ("sha256", "sha512", "sha384", "blake2b", "sha224", "sha1", "md5")
_READ = frozenset({"a", "base", "input", "meta"})
_MARKS_OF_HTML = frozenset({"a", "html", "head", "body", "title", "h1"})


def parse_page(body: bytes, base_url: str, name: NormalizedName) -> ProjectPage:
    """
    :param base_url: the page's own address; relative links start there.
    :raises UnreadablePage: nothing in it looks like HTML, it is of another version, or
        it asks people to log in.
    """
    parser = _Parser(base_url)
    try:
        # Never closed: that rescans an unfinished tag at the end from each "<" in
        # it, for minutes if somebody means it. No text is waited for, only tags.
        parser.feed(body.decode("utf-8", "replace"))
    # What it thinks of "<![x]>" in older versions, and of endless numeric entities.
    except (AssertionError, ValueError) as e:
        raise UnreadablePage(reason=f"page is no HTML: {e}") from e
    if not parser.is_html:
        raise UnreadablePage(reason="page is no HTML")
    distributions, ambiguous = links.first_of_each(parser.found)
    if parser.asks_for_password and not distributions:
        raise UnreadablePage(reason="it looks like a log-in page")
    return ProjectPage(
        name=name,
        distributions=distributions,
        ambiguous=ambiguous,
        status=links.status(parser.meta.get("pypi:project-status")),
        status_reason=links.words(parser.meta.get("pypi:project-status-reason")),
    )


def render_page(page: ProjectPage) -> bytes:
    """
    HTML has no place for size, upload time, versions and serial.
    """
    meta = [("pypi:repository-version", _VERSION)]
    said = []
    if page.status is not None:
        meta.append(("pypi:project-status", page.status))
        said.append(page.status)
        if page.status_reason is not None:
            meta.append(("pypi:project-status-reason", page.status_reason))
            said.append(page.status_reason)
    told = [": ".join(said)] if said else []
    if page.held_back is not None:
        told.append(_of_what_is_held_back(page.held_back))
    paragraphs = (f"    <p>{escape(sentence)}</p>\n" for sentence in told)
    anchors = map(_anchor, page.distributions)
    return _document(f"Links for {page.name}", meta, (*paragraphs, *anchors))


def _of_what_is_held_back(held_back: HeldBack) -> str:
    one = held_back.files == 1
    said = f"{held_back.files} {'file is' if one else 'files are'} held back here"
    if isinf(held_back.until):
        return f"{said}, as the index does not say how old."
    until = render_second(held_back.until)
    return f"{said} for being too young, {'' if one else 'the next '}until {until}."


def render_list(names: Iterable[str]) -> bytes:
    anchors = (f'<a href="{n}/">{n}</a><br/>\n' for n in map(escape, names))
    return _document("Simple index", [("pypi:repository-version", _VERSION)], anchors)


class _Parser(HTMLParser):
    """
    Collects the anchors and the ``meta`` elements of a page.

    :ivar is_html: was there any element that tells HTML from other text?
    :ivar asks_for_password: is there a field for one?
    :ivar meta: name to content.
    """

    def __init__(self, base_url: str) -> None:
        super().__init__(convert_charrefs=True)
        self._base_url = base_url
        self._has_base = False
        self.is_html = False
        self.asks_for_password = False
        self.meta: dict[str, str] = {}
        self.found: list[Distribution | None] = []

    def handle_decl(self, decl: str) -> None:
        self.is_html |= decl.lower().split()[:2] == ["doctype", "html"]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.is_html |= tag in _MARKS_OF_HTML
        if tag in _READ:  # of a repeated attribute, the first counts
            attributes = {key: value or "" for key, value in reversed(attrs)}
            if tag == "a":
                self.found.append(_read(self._base_url, attributes))
            elif tag == "meta":
                self._take_meta(attributes)
            elif tag == "input":
                kind = attributes.get("type", "").strip().lower()
                self.asks_for_password |= kind == "password"
            else:
                self._take_base(attributes.get("href"))

    def _take_meta(self, attributes: Mapping[str, str]) -> None:
        key = attributes.get("name", "").lower()
        content = attributes.get("content", "")
        if key == "pypi:repository-version" and content:
            links.check_version(content)
        self.meta.setdefault(key, content)

    def _take_base(self, href: str | None) -> None:
        base_url = links.resolve(self._base_url, href)
        if base_url is not None and not self._has_base:
            self._base_url, self._has_base = base_url, True


def _read(base_url: str, attributes: Mapping[str, str]) -> Distribution | None:
    address, _, fragment = attributes.get("href", "").partition("#")
    filename = unquote(address.partition("?")[0].rpartition("/")[2].strip())
    if not is_distribution(filename):
        return None
    return links.read_distribution(
        base_url,
        filename,
        address,
        hashes=_digests(fragment),
        requires_python=attributes.get("data-requires-python"),
        upload_time=attributes.get("data-upload-time"),
        yanked=attributes.get("data-yanked"),
        core_metadata=links.first_said(
            _core_metadata(attributes.get("data-core-metadata", "")),
            _core_metadata(attributes.get("data-dist-info-metadata", "")),
        ),
        provenance=attributes.get("data-provenance"),
        gpg_sig=_truth(attributes.get("data-gpg-sig", "")),
    )


def _digests(fragment: str) -> dict[str, str]:
    """
    Of ``alg=hex``, also beside other things as in ``egg=name&alg=hex``.
    """
    parts = (part.partition("=") for part in fragment.split("&", 8))
    return {algorithm: digest for algorithm, _, digest in parts}


def _core_metadata(value: str) -> dict[str, str] | bool | None:
    return _digests(value) if "=" in value else _truth(value)


def _truth(value: str) -> bool | None:
    return {"true": True, "false": False}.get(value.strip().lower())


def _document(
    title: str, meta: Iterable[tuple[str, str]], anchors: Iterable[str]
) -> bytes:
    head = "".join(
        f'    <meta name="{key}" content="{escape(content)}">\n'
        for key, content in meta
    )
    return (
        "<!DOCTYPE html>\n"
        "<html>\n"
        "  <head>\n"
        '    <meta charset="utf-8">\n'
        f"{head}"
        f"    <title>{escape(title)}</title>\n"
        "  </head>\n"
        "  <body>\n"
        f"    <h1>{escape(title)}</h1>\n"
        f"{''.join(anchors)}"
        "  </body>\n"
        "</html>\n"
    ).encode()


def _anchor(distribution: Distribution) -> str:
    digest = _strongest(distribution.hashes)
    address = f"{distribution.url}#{digest}" if digest else distribution.url
    attributes = [f'href="{escape(address)}"']
    if distribution.requires_python is not None:
        specifier = escape(distribution.requires_python)
        attributes.append(f'data-requires-python="{specifier}"')
    if distribution.yanked is not False:
        attributes.append(f'data-yanked="{escape(distribution.yanked)}"')
    if distribution.core_metadata:
        metadata = _metadata_value(distribution.core_metadata)
        attributes.append(f'data-core-metadata="{metadata}"')
        attributes.append(f'data-dist-info-metadata="{metadata}"')
    if distribution.gpg_sig is not None:
        attributes.append(f'data-gpg-sig="{str(distribution.gpg_sig).lower()}"')
    if distribution.provenance is not None:
        attributes.append(f'data-provenance="{escape(distribution.provenance)}"')
    return f"<a {' '.join(attributes)}>{escape(distribution.filename)}</a><br/>\n"


def _metadata_value(core_metadata: Mapping[str, str] | bool) -> str:
    if isinstance(core_metadata, bool):
        return "true"
    return _strongest(core_metadata) or "true"


def _strongest(hashes: Mapping[str, str]) -> str:
    """
    The digest that serves an installer best; empty if it could use none of them.
    """
    for algorithm in _STRENGTH:
        if algorithm in hashes:
            return f"{algorithm}={hashes[algorithm]}"
    return ""
