"""
Writes a bundle, and never holds more than a piece of it.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from attrs import define, field, frozen

from proxypypi.bundles.manifest import MANIFEST, Member, render_manifest
from proxypypi.bundles.tar import END, header, padding
from proxypypi.errors import BundleExists
from proxypypi.store.files import open_file, sync_directory
from proxypypi.store.locked import is_named, open_locked
from proxypypi.store.publishing import give_name

_PIECE = 1024 * 1024  # bytes

Told = Callable[[int, int], None]
"""
Is told how many bytes are done with, and of how many.
"""


@frozen(kw_only=True)
class Piece:
    """
    A member that is to be written.

    :ivar moment: that the tar says it is of, POSIX seconds.
    :ivar path: where its content lies; :obj:`None` if that comes next among those that
        lie beside each other in one file.
    """

    member: Member
    moment: float
    path: str | None = None


def write_bundle(
    pieces: Sequence[Piece],
    others: BinaryIO,
    out: BinaryIO,
    made_at: float,
    told: Told = lambda done, all: None,
) -> Sequence[Member]:
    """
    :param others: has the content of those without a path, in their order.
    :param made_at: now, POSIX seconds.
    :returns: files that went or were changed since it was decided that they go in. The
        bundle lacks them, or has them damaged, which whoever reads it is told.
    """
    writer = _Writer(out, sum(piece.member.size for piece in pieces), told)
    manifest = render_manifest((piece.member for piece in pieces), made_at)
    out.write(header(MANIFEST, len(manifest), made_at))
    out.write(manifest + padding(len(manifest)))
    lost = [piece.member for piece in pieces if not writer.write(piece, others)]
    out.write(END)
    return lost


@define(eq=False)
class _Writer:
    """
    Counts what it writes.
    """

    _out: BinaryIO
    _size: int
    _told: Told
    _done: int = field(default=0, init=False)

    def write(self, piece: Piece, others: BinaryIO) -> bool:
        """
        :returns: was it what it should be? What has gone is not written at all.
        """
        if piece.path is None:
            return self._copy(piece, others)
        file = _open(piece.path, piece.member.size)
        if file is None:
            self._size -= piece.member.size
            self._told(self._done, self._size)
            return False
        with file:
            return self._copy(piece, file)

    def _copy(self, piece: Piece, source: BinaryIO) -> bool:
        member = piece.member
        self._out.write(header(member.name, member.size, piece.moment))
        digest, left = sha256(), member.size
        while left:
            data = _read(source, min(_PIECE, left))
            digest.update(data)
            self._out.write(data)
            left -= len(data)
            self._done += len(data)
            self._told(self._done, self._size)
        self._out.write(padding(member.size))
        return digest.hexdigest() == member.sha256


def _open(path: str, size: int) -> BinaryIO | None:
    """
    :returns: :obj:`None` if it went, or was changed.
    """
    with suppress(OSError):
        file = open_file(path)
        if os.fstat(file.fileno()).st_size == size:
            return file
        file.close()
    return None


def _read(source: BinaryIO, size: int) -> bytes:
    """
    What was cut off meanwhile, or cannot be read, is made up for: what comes behind it
    in the tar must be found.
    """
    with suppress(OSError):
        return source.read(size) or b"\0" * size
    return b"\0" * size


def check_free(path: Path, replace: bool) -> None:
    """
    May a bundle be written there?

    :raises BundleExists: something is there.
    """
    if not os.path.lexists(path):
        return
    if not path.is_file():
        raise BundleExists(path=str(path), reason="it is no file")
    if not replace:
        reason = "there is such a file: --force replaces it"
        raise BundleExists(path=str(path), reason=reason)


@contextmanager
def new_file(path: Path, replace: bool) -> Iterator[BinaryIO]:
    """
    A context in which a file is written that gets its name at the end, when all of it
    is on disk; or never, if something goes wrong.

    :param replace: one that has this name?
    :raises BundleExists: it has been given to another meanwhile, or another is being
        written to become this.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        fd = open_locked(beside)
    except BlockingIOError as e:
        reason = "another export is writing it"
        raise BundleExists(path=str(path), reason=reason) from e
    with open(fd, "wb") as out:
        try:
            out.truncate(0)
            yield out
            out.flush()
            os.fsync(fd)
            if replace:
                os.replace(beside, path)
            else:
                give_name(beside, path)
        except FileExistsError as e:
            raise BundleExists(path=str(path), reason="there is such a file") from e
        finally:
            if is_named(fd, beside):
                beside.unlink()
    sync_directory(path.parent)
