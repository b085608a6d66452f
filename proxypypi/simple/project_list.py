"""
The list of all projects of an index: hundreds of thousands of names (PEP 503, PEP 691).
"""

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import unquote, urlsplit

import msgspec

from proxypypi.errors import BadName, UnreadablePage
from proxypypi.names import NormalizedName, normalize

_LINK = re.compile(
    r"""<a\s(?:[^>]*?\s)?href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.IGNORECASE
)


class _Project(msgspec.Struct, gc=False):
    name: str


class _List(msgspec.Struct):
    projects: list[_Project]


def read_names(body: bytes, content_type: str) -> Iterator[NormalizedName]:
    """
    The names in an index's project list, in its order, some perhaps repeatedly.

    What is no project name is left out: the list may come from anybody.

    :raises UnreadablePage: it is no such list.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith("json"):
        try:
            listed = msgspec.json.decode(body, type=_List)
        except (msgspec.MsgspecError, RecursionError) as e:
            raise UnreadablePage(reason=f"its project list is unreadable: {e}") from e
        names: Iterator[str] = (project.name for project in listed.projects)
    elif kind.endswith("html"):
        names = _linked(body.decode("utf-8", "replace"))
    else:
        raise UnreadablePage(reason=f"its project list is of the type {kind!a}")
    for name in names:
        try:
            yield normalize(name)
        except BadName:
            continue


def _linked(page: str) -> Iterator[str]:
    """
    The last segment of each link's path: projects are folders below the list.
    """
    for match in _LINK.finditer(page):
        try:
            path = urlsplit(unescape(match[1] or match[2] or match[3] or "")).path
        except ValueError:
            continue
        yield unquote(path.rstrip("/").rpartition("/")[2])
