"""
The list of all projects of all indexes, ready to be served.

The list of a large index has several hundred thousand names, so it is made in a process
of its own: ours would stand still meanwhile, and grow for good.
"""

import mmap
import os
import resource
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from weakref import finalize

import msgspec
from attrs import define
from isal import igzip, igzip_lib
from zope.interface import implementer

from proxypypi.errors import UnreadablePage
from proxypypi.interfaces import IMadeList
from proxypypi.model import Beginning
from proxypypi.names import NormalizedName, is_among
from proxypypi.simple.project_list import (
    compress,
    describe,
    read_names,
    render_beginnings,
)
from proxypypi.store.files import open_file

FORMAT = 1
OFFSET = 8192  # bytes of a kept list before its body, which is gzipped

_HEAD = "head.json"
_NAMES = "names"  # sorted, each between two line feeds
_BODIES = ("json", "json.gz", "html", "html.gz")

_UNREADABLE: tuple[Any, ...] = (
    *(OSError, EOFError, MemoryError, igzip_lib.IsalError, UnreadablePage),
)

_MOST_NAMES = 2_000_000  # of all lists; a large index has 800,000
_MOST_LETTERS = 64_000_000  # in them
_MOST_MEMORY = 1024**3  # bytes, of addresses; a large index needs 400 MB
_MOST_TIME = 60  # seconds of computing
_POLITE = 10  # added to the process's niceness
_FIRST_TO_GO = Path("/proc/self/oom_score_adj")  # Linux has it

_MAKING = ".making-"


class KeptList(msgspec.Struct, frozen=True):
    """
    An index's project list, as it was kept.

    :ivar projects: see :func:`~proxypypi.names.is_among`; the names that count.
    """

    index: str
    path: str
    content_type: str
    projects: tuple[str, ...]


class Order(msgspec.Struct, frozen=True):
    """
    What to make a list from.

    :ivar key: names the result: the same for the same parts.
    :ivar directory: that the result goes to, as a sub-directory.
    """

    key: str
    directory: str
    lists: tuple[KeptList, ...]


class _Head(msgspec.Struct, frozen=True):
    """
    :ivar unreadable: address of an index to what was wrong with its list.
    """

    json: Beginning
    html: Beginning
    sizes: dict[str, int]
    unreadable: dict[str, str]


@implementer(IMadeList)
@define(eq=False)
class MadeList:
    """
    Its files stay open as long as it is wanted, so that it can be served when it was
    removed or replaced.

    :ivar _fds: by name.
    """

    _head: _Head
    _fds: Mapping[str, int]

    def __attrs_post_init__(self) -> None:
        finalize(self, _close, self._fds)

    @property
    def json(self) -> Beginning:
        return self._head.json

    @property
    def html(self) -> Beginning:
        return self._head.html

    @property
    def unreadable(self) -> Mapping[str, str]:
        return self._head.unreadable

    def open(self, as_json: bool, gzip: bool) -> tuple[int, int]:
        name = ("json" if as_json else "html") + (".gz" if gzip else "")
        return os.dup(self._fds[name]), self._head.sizes[name]

    def lacks(self, names: Iterable[NormalizedName]) -> tuple[NormalizedName, ...]:
        with mmap.mmap(self._fds[_NAMES], 0, prot=mmap.PROT_READ) as sorted_names:
            return tuple(n for n in names if not _has(sorted_names, n.encode()))


def open_list(directory: Path, key: str) -> MadeList | None:
    """
    :returns: :obj:`None` if it has not been made, or was damaged.
    """
    fds: dict[str, int] = {}
    try:
        with open_file(directory / key / _HEAD) as opened:
            head = msgspec.json.decode(opened.read(), type=_Head)
        for name in (*_BODIES, _NAMES):
            with open_file(directory / key / name) as opened:
                fds[name] = os.dup(opened.fileno())
        whole = head.sizes == {name: os.fstat(fd).st_size for name, fd in fds.items()}
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
        whole = False
    if not whole:
        _close(fds)
        return None
    return MadeList(head, fds)


def _close(fds: Mapping[str, int]) -> None:
    for fd in fds.values():
        os.close(fd)


def make_list(order: Order) -> None:
    """
    Blocks for seconds. A reader finds the whole result or nothing; older ones go.

    :raises OSError: there is no room for it, or a kept list has gone.
    """
    directory = Path(order.directory)
    directory.mkdir(parents=True, exist_ok=True)
    for left_over in directory.glob(f"{_MAKING}*"):
        shutil.rmtree(left_over, ignore_errors=True)
    found: set[NormalizedName] = set()
    unreadable: dict[str, str] = {}
    for kept in order.lists:
        packed = Path(kept.path).read_bytes()[OFFSET:]
        try:
            body = igzip.decompress(packed)
            names = read_names(body, kept.content_type)
            counting = (name for name in names if is_among(name, kept.projects))
            found = _joined(found, counting)
        except _UNREADABLE as e:
            unreadable[kept.index] = str(e) or "it takes too much memory"
    beside = Path(mkdtemp(dir=directory, prefix=_MAKING))
    final = directory / order.key
    try:
        _write(sorted(found), unreadable, beside)
        shutil.rmtree(final, ignore_errors=True)
        beside.rename(final)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    for other in directory.iterdir():
        if other != final:
            shutil.rmtree(other, ignore_errors=True)


def _joined(
    found: set[NormalizedName], names: Iterable[NormalizedName]
) -> set[NormalizedName]:
    """
    :raises UnreadablePage: that would be too many.
    """
    joined = found.copy()
    letters = sum(map(len, joined))
    for name in names:
        if name not in joined:
            joined.add(name)
            letters += len(name)
            if len(joined) > _MOST_NAMES or letters > _MOST_LETTERS:
                raise UnreadablePage(reason="there are too many names in it")
    return joined


def main(order: str) -> None:
    """
    :param order: an :class:`Order`, as JSON.
    """
    os.nice(_POLITE)
    with suppress(OSError):
        _FIRST_TO_GO.write_text("1000")
    for limit, most in (
        (resource.RLIMIT_AS, _MOST_MEMORY),
        (resource.RLIMIT_CPU, _MOST_TIME),
    ):
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (most if hard < 0 else min(most, hard), hard))
    make_list(msgspec.json.decode(order, type=Order))


def _write(
    names: Sequence[NormalizedName], unreadable: dict[str, str], folder: Path
) -> None:
    as_json, as_html = render_beginnings(names)
    content = {
        "json": as_json,
        "json.gz": compress(as_json),
        "html": as_html,
        "html.gz": compress(as_html),
        _NAMES: "\n".join(("", *names, "")).encode() or b"\n",
    }
    for name, body in content.items():
        (folder / name).write_bytes(body)
    head = _Head(
        json=describe(as_json),
        html=describe(as_html),
        sizes={name: len(body) for name, body in content.items()},
        unreadable=unreadable,
    )
    (folder / _HEAD).write_bytes(msgspec.json.encode(head))


def _has(sorted_names: mmap.mmap, name: bytes) -> bool:
    low, high = 0, len(sorted_names) - 1  # both at line feeds
    while low < high:
        start = sorted_names.rfind(b"\n", low, (low + high + 1) // 2) + 1
        end = sorted_names.find(b"\n", start)
        found = sorted_names[start:end]
        if found == name:
            return True
        if found < name:
            low = end
        else:
            high = start - 1
    return False
