"""
The list of all projects, of every index and of the directory, ready to be served.

    python -m proxypypi.store.catalogue ORDER

makes one. The list of a large index has several hundred thousand names, so it is made
in a process of its own: ours would stand still meanwhile, and grow for good.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import msgspec
from isal import igzip, igzip_lib

from proxypypi.errors import UnreadablePage
from proxypypi.simple.project_list import read_names
from proxypypi.simple.rendering import Rendered, Representation, render_list

_HEAD = "head.json"
_UNREADABLE: tuple[Any, ...] = (
    *(OSError, EOFError, igzip_lib.IsalError, UnreadablePage),
)
_BODIES = ("json", "json_gzip", "html", "html_gzip")


class RawList(msgspec.Struct, frozen=True):
    """
    An index's project list as it was kept.

    :ivar path: of the body, gzipped.
    """

    path: str
    content_type: str


class Order(msgspec.Struct, frozen=True):
    """
    What to make a catalogue from.

    :ivar key: names the result: the same for the same parts.
    :ivar names: the projects that have files here.
    :ivar directory: that the result goes to, as a sub-directory.
    """

    key: str
    directory: str
    lists: tuple[RawList, ...]
    names: tuple[str, ...]


class Page(msgspec.Struct, frozen=True):
    """
    One representation of a catalogue.

    :ivar etag: with its quotes.
    """

    path: str
    size: int
    etag: str
    gzipped: bool


class Catalogue(msgspec.Struct, frozen=True):
    """
    All representations of the list.

    :ivar unreadable: what was wrong with lists that could not be read.
    """

    json: Page
    json_gzip: Page
    html: Page
    html_gzip: Page
    unreadable: tuple[str, ...] = ()


def load_catalogue(directory: Path, key: str) -> Catalogue | None:
    """
    :returns: :obj:`None` if it has not been made, or was damaged.
    """
    try:
        head = (directory / key / _HEAD).read_bytes()
        made = msgspec.json.decode(head, type=Catalogue)
        pages = (made.json, made.json_gzip, made.html, made.html_gzip)
        whole = all(os.stat(page.path).st_size == page.size for page in pages)
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
        return None
    return made if whole else None


def make_catalogue(order: Order) -> None:
    """
    Blocks for seconds. A reader finds the whole result or nothing; older ones go.

    :raises OSError: there is no room for it.
    """
    names = set(order.names)
    unreadable = []
    for raw in order.lists:
        try:
            body = igzip.decompress(Path(raw.path).read_bytes())
            names.update(read_names(body, raw.content_type))
        except _UNREADABLE as e:
            unreadable.append(str(e))
    directory = Path(order.directory)
    directory.mkdir(parents=True, exist_ok=True)
    beside = Path(mkdtemp(dir=directory, prefix=".making-"))
    final = directory / order.key
    try:
        rendered = render_list(sorted(names))
        pages = {name: _write(rendered, name, beside, final) for name in _BODIES}
        made = Catalogue(**pages, unreadable=tuple(unreadable))
        (beside / _HEAD).write_bytes(msgspec.json.encode(made))
        shutil.rmtree(final, ignore_errors=True)
        beside.rename(final)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    for other in directory.iterdir():
        if other != final:
            shutil.rmtree(other, ignore_errors=True)


def _write(rendered: Rendered, name: str, beside: Path, final: Path) -> Page:
    representation: Representation = getattr(rendered, name)
    (beside / name).write_bytes(representation.body)
    return Page(
        path=str(final / name),
        size=len(representation.body),
        etag=representation.etag,
        gzipped=representation.gzipped,
    )


def main(arguments: Sequence[str]) -> None:
    """
    :param arguments: the path of an :class:`Order`, as JSON.
    """
    make_catalogue(msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Order))


if __name__ == "__main__":
    main(sys.argv[1:])
