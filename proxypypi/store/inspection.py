"""
Distributions that people send: whole, harmless to unpack, and with their metadata.

Blocks; for threads.
"""

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
from typing import IO, Any, BinaryIO

from attrs import define
from packaging.utils import canonicalize_name

from proxypypi.errors import BadRequest
from proxypypi.names import is_immutable, is_wheel
from proxypypi.store.archives import (
    DAMAGED,
    LARGEST_METADATA,
    ModestMember,
    is_pkg_info,
)
from proxypypi.store.files import open_file

_UNSUSPICIOUS = 64 * 1024 * 1024  # bytes that may be unpacked, however few they were
_MOST_TIMES = 50  # that it may be larger unpacked, beyond that
_MOST_MEMBERS = 200_000
_LONGEST_NAME = 4096  # characters, as systems have it
_LARGEST_READ = 16 * 1024 * 1024  # bytes at once: a zip's directory is read whole
_ENCRYPTED = 0x1
_SEPARATOR = re.compile(r"[/\\]")
_PIECE = 1024 * 1024  # bytes
_FOREIGN = (".tar.z", ".tar.lz")  # whose compression Python knows nothing of


def inspect(path: str, filename: str) -> bytes | None:
    """
    :param filename: that it is to have, which says what it is.
    :returns: its core metadata; :obj:`None` for an egg.
    :raises BadRequest: it is not such a distribution, or better not unpacked.
    """
    try:
        return look_through(path, filename)
    except DAMAGED as e:
        raise _bad(filename, "it is damaged, or no such archive") from e


def can_be_looked_through(filename: str) -> bool:
    """
    Is it an archive, by its name, of a kind that can be read here?
    """
    return is_immutable(filename) and not filename.lower().endswith(_FOREIGN)


def look_through(path: str, filename: str) -> bytes | None:
    """
    As :func:`inspect`, but tells what is damaged from what is not as it should be.

    :raises BadRequest: it is whole, but no such distribution, or better not unpacked.
    :raises Exception: it is damaged, or no such archive: one of :data:`DAMAGED`.
    """
    with open_file(path) as opened:
        if is_wheel(filename):
            return _inspect_wheel(opened, filename)
        if filename.lower().endswith(".egg"):
            with zipfile.ZipFile(_Modest(opened)) as egg:
                _check_zip(egg, _size_of(opened))
            return None
        if filename.lower().endswith(".zip"):
            return _inspect_zip(opened)
        return _inspect_tar(opened)


@define(eq=False, slots=False)
class _Modest(io.RawIOBase):
    """
    A file of which nobody reads very much at once.
    """

    _file: BinaryIO

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(_LARGEST_READ + 1 if size < 0 else size)
        if size > _LARGEST_READ or len(data) > _LARGEST_READ:
            raise zipfile.BadZipFile("its directory is too large")
        return data


def _inspect_wheel(file: BinaryIO, filename: str) -> bytes:
    project = canonicalize_name(filename.split("-")[0])
    with zipfile.ZipFile(_Modest(file)) as wheel:
        _check_zip(wheel, _size_of(file))
        names = set(wheel.namelist())
        infos = {
            folder
            for folder, _, _ in (name.partition("/") for name in names)
            if folder.endswith(".dist-info")
        }
        if len(infos) != 1:
            raise _bad(filename, f"it has {len(infos)} .dist-info directories")
        info = infos.pop()
        if canonicalize_name(info.split("-")[0]) != project:
            raise _bad(filename, "its .dist-info directory is another project's")
        for needed in ("METADATA", "WHEEL"):
            if f"{info}/{needed}" not in names:
                raise _bad(filename, f"it has no {needed}")
        return _read(wheel, f"{info}/METADATA")


def _inspect_zip(file: BinaryIO) -> bytes:
    with zipfile.ZipFile(_Modest(file)) as archive:
        _check_zip(archive, _size_of(file))
        found = [name for name in archive.namelist() if is_pkg_info(name)]
        if len(found) != 1:
            raise _bad("the sdist", f"it has {len(found)} PKG-INFO at its top")
        return _read(archive, found[0])


def _inspect_tar(file: BinaryIO) -> bytes:
    """
    All of it is unpacked once, piece by piece, and nothing kept: what comes after the
    metadata may be what is harmful.
    """
    limit = _most_unpacked(_size_of(file))
    found: list[bytes] = []
    unpacked = _unpacked(file)
    with tarfile.open(fileobj=unpacked, mode="r|", tarinfo=ModestMember) as tar:
        for count, member in enumerate(tar, 1):
            if count > _MOST_MEMBERS or member.offset_data + member.size > limit:
                raise _bad("the sdist", "it unpacks to far too much")
            _check_name(member.name)
            if member.ischr() or member.isblk() or member.isfifo():
                raise _bad("the sdist", "it has a device in it")
            if member.isfile() and is_pkg_info(member.name):
                found.append(_read_member(tar, member))
            # It would hold all headers.
            tar.members = []  # type: ignore[attr-defined]
            tar.pax_headers = {}
    while unpacked.read(_PIECE):
        if unpacked.tell() > limit:
            raise _bad("the sdist", "it unpacks to far too much")
    if len(found) != 1:
        raise _bad("the sdist", f"it has {len(found)} PKG-INFO at its top")
    return found[0]


def _unpacked(file: BinaryIO) -> Any:
    """
    Unlike :mod:`tarfile`'s own way, these notice if the end is missing.
    """
    file.seek(0)
    magic = file.read(6)
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if magic.startswith((b"\xfd7zXZ", b"]\0\0")):
        return lzma.LZMAFile(file)
    return file


def _read_member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    extracted = tar.extractfile(member)
    return _bounded(extracted) if extracted is not None else b""


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as member:
        return _bounded(member)


def _bounded(member: IO[bytes]) -> bytes:
    content = member.read(LARGEST_METADATA + 1)
    if len(content) > LARGEST_METADATA:
        raise _bad("the metadata in the file", "it is too large")
    return content


def _check_zip(archive: zipfile.ZipFile, size: int) -> None:
    members = archive.infolist()
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise _bad("the archive", "it has encrypted files in it")
    unpacked = sum(member.file_size for member in members)
    if len(members) > _MOST_MEMBERS or unpacked > _most_unpacked(size):
        raise _bad("the archive", "it unpacks to far too much")
    seen: set[str] = set()
    for member in members:
        if member.filename in seen:
            raise _bad("the archive", "it has two files of one name in it")
        seen.add(member.filename)
        _check_name(member.filename)


def _check_name(name: str) -> None:
    if len(name) > _LONGEST_NAME:
        raise _bad("the archive", "it has a file in it whose name is too long")
    if name.startswith(("/", "\\")) or ".." in _SEPARATOR.split(name):
        raise _bad("the archive", "it has a file in it that leads out of it")


def _most_unpacked(size: int) -> int:
    return max(_UNSUSPICIOUS, _MOST_TIMES * size)


def _size_of(file: BinaryIO) -> int:
    return file.seek(0, io.SEEK_END)


def _bad(what: str, why: str) -> BadRequest:
    return BadRequest(reason=f"{what} is not accepted: {why}")
