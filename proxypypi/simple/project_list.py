"""
The list of all projects of an index: hundreds of thousands of names (PEP 503, PEP 691).

What upstream lists is rendered once, to be kept; what is here comes after it, and can
change without that being touched, compressed or not.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from hashlib import sha256
from html import unescape
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import UNSET

from proxypypi.errors import BadName, UnreadablePage
from proxypypi.model import Beginning
from proxypypi.names import NormalizedName, normalize
from proxypypi.simple import html, json, links
from proxypypi.simple.rendering import Rendered, Representation

_MARK = re.compile(r"<(?:!doctype\s+html|html|head|body|title|h1|a)\b", re.IGNORECASE)
_LINK = re.compile(
    r"""<a\s(?:[^<>]*?\s)?href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""",
    re.IGNORECASE,
)
_GZIP = 16 + zlib.MAX_WBITS

_JSON_END = b"]}"
_HTML_END = b"  </body>\n</html>\n"


class _Project(msgspec.Struct, gc=False):
    name: Any = UNSET


class _List(msgspec.Struct):
    projects: list[_Project]
    meta: Any = UNSET


def read_names(body: bytes, content_type: str) -> Iterator[NormalizedName]:
    """
    The names in an index's project list, in its order, some perhaps repeatedly.

    What is no project name is left out: the list may come from anybody.

    :raises UnreadablePage: it is no such list.
    """
    kind = content_type.partition(";")[0].strip().lower()
    names: Iterator[object]
    if kind.endswith("json"):
        names = _listed(body)
    elif kind.endswith("html") or kind == "application/xhtml+xml":
        names = _linked(body.decode("utf-8", "replace"))
    else:
        raise UnreadablePage(reason=f"project list is of the type {kind[:60]!a}")
    for name in names:
        try:
            yield normalize(name if isinstance(name, str) else "")
        except BadName:
            continue


def render_beginnings(names: Sequence[str]) -> tuple[bytes, bytes]:
    """
    :returns: the beginning as JSON, and as HTML.
    """
    return (
        json.render_list(names).removesuffix(_JSON_END),
        html.render_list(names).removesuffix(_HTML_END),
    )


def describe(beginning: bytes) -> Beginning:
    """
    What to know of a beginning to go on from it.
    """
    digest = sha256(beginning).hexdigest()
    crc = zlib.crc32(beginning)
    return Beginning(size=len(beginning), digest=digest, crc=crc)


def compress(beginning: bytes) -> bytes:
    """
    The beginning of a gzip member that goes on.
    """
    compressor = zlib.compressobj(wbits=_GZIP)
    return compressor.compress(beginning) + compressor.flush(zlib.Z_FULL_FLUSH)


def render_rest(
    as_json: Beginning, as_html: Beginning, names: Sequence[str]
) -> Rendered:
    """
    What comes after the beginnings, in the same forms; the tags are those of the whole.

    :param names: that are not in the beginning.
    """
    empty_json, empty_html = (len(empty) for empty in render_beginnings(()))
    json_rest = json.render_list(names)[empty_json:]
    if names and as_json.size > empty_json:
        json_rest = b"," + json_rest
    html_rest = html.render_list(names)[empty_html:]
    return Rendered(*_both(as_json, json_rest), *_both(as_html, html_rest))


def _both(beginning: Beginning, rest: bytes) -> tuple[Representation, Representation]:
    digest = sha256(beginning.digest.encode() + rest).hexdigest()[:32]
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = compressor.compress(rest) + compressor.flush()
    crc = zlib.crc32(rest, beginning.crc)
    size = (beginning.size + len(rest)) % 2**32
    end = crc.to_bytes(4, "little") + size.to_bytes(4, "little")  # RFC 1952
    return (
        Representation(rest, f'"{digest}"', gzipped=False),
        Representation(packed + end, f'"{digest}-gzip"', gzipped=True),
    )


def _listed(body: bytes) -> Iterator[object]:
    try:
        listed = msgspec.json.decode(body, type=_List)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as e:
        raise UnreadablePage(reason=f"project list is unreadable: {e}") from e
    version = listed.meta.get("api-version") if isinstance(listed.meta, dict) else None
    links.check_version("1.0" if version is None else version)
    return (project.name for project in listed.projects)


def _linked(page: str) -> Iterator[str]:
    """
    The last segment of each link's path: projects are folders below the list.
    """
    if _MARK.search(page) is None:
        raise UnreadablePage(reason="project list is no HTML")
    for match in _LINK.finditer(page):
        link = unescape(match[1] or match[2] or match[3] or "").strip()
        try:
            path = urlsplit(link).path if "//" in link else link  # that takes long
        except ValueError:
            continue
        path = path.partition("#")[0].partition("?")[0]
        yield unquote(path.rstrip("/").rpartition("/")[2])
