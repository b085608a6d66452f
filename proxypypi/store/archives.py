"""
Reading distributions: their digests and their core metadata. Blocks; for threads.
"""

import hashlib
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from email.parser import BytesHeaderParser
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

from attrs import frozen
from packaging.utils import canonicalize_name

from proxypypi.model import LocalFile
from proxypypi.names import is_wheel
from proxypypi.rules.integrity import Digests
from proxypypi.store.files import open_file
from proxypypi.store.publishing import local_file

LARGEST_METADATA = 10 * 1024 * 1024  # bytes
_PIECE = 1024 * 1024  # bytes
_MOST_UNPACKED = 64 * 1024 * 1024  # bytes to unpack in search of PKG-INFO
_LARGEST_HEADER = 100 * 1024  # bytes of a tar's extended header, which is held whole

_DIGESTS: dict[str, Callable[[], Any]] = {
    "sha256": hashlib.sha256,
    "blake2b": partial(hashlib.blake2b, digest_size=32),
    "md5": partial(hashlib.md5, usedforsecurity=False),
}

DAMAGED = (
    *(OSError, EOFError, ValueError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, tarfile.TarError, KeyError),
)


@frozen(kw_only=True)
class Findings:
    """
    What lies inside of a distribution.

    :ivar hashes: algorithm to lower-case hex digest.
    :ivar metadata: the core metadata of a wheel; :obj:`None` if there is none.
    """

    hashes: Mapping[str, str]
    requires_python: str | None
    metadata: bytes | None


def examine(file: LocalFile, digests: Digests) -> Findings | None:
    """
    Read a whole file.

    :param digests: to be fed with it.
    :returns: :obj:`None` if it went or was changed meanwhile.
    """
    try:
        for data in _pieces(file):
            digests.update(data)
        findings = look_inside(file.path, file.filename, digests.hex())
        status = os.stat(file.path)
    except OSError:
        return None
    found = (status.st_size, status.st_mtime_ns, status.st_ino)
    return findings if found == (file.size, file.modified_at, file.inode) else None


def digest_file(
    file: LocalFile, digests: Digests, told: Callable[[int], None]
) -> Mapping[str, str] | None:
    """
    Read a whole file.

    :param told: is told of each piece, how many bytes it has.
    :returns: algorithm to lower-case hex digest; :obj:`None` if it went or was changed
        meanwhile.
    :raises OSError: it cannot be read.
    """
    try:
        for data in _pieces(file):
            digests.update(data)
            told(len(data))
        return digests.hex() if local_file(Path(file.path)) == file else None
    except FileNotFoundError:
        return None


def _pieces(file: LocalFile) -> Iterator[bytes]:
    """
    Of its content, as long as it was.
    """
    with open_file(file.path) as opened:
        left = file.size
        while left and (data := opened.read(min(_PIECE, left))):
            left -= len(data)
            yield data


def blake2b_of(path: str) -> str:
    """
    The blake2b-256 of a file; empty if it has gone.
    """
    return _digest_of(path, hashlib.blake2b(digest_size=32))


def sha256_of(path: str) -> str:
    """
    The sha256 of a file; empty if it has gone.
    """
    return _digest_of(path, hashlib.sha256())


def _digest_of(path: str, digest: Any) -> str:
    try:
        with open_file(path) as opened:
            while data := opened.read(_PIECE):
                digest.update(data)
    except OSError:
        return ""
    return str(digest.hexdigest())


def digests_of(path: str, algorithms: Iterable[str]) -> dict[str, str]:
    """
    The digests of a file, which is read once; blake2b is PyPI's, of 256 bits.

    :param algorithms: of ``sha256``, ``blake2b`` and ``md5``.
    :raises OSError: it has gone.
    """
    running: dict[str, Any] = {a: _DIGESTS[a]() for a in algorithms}
    with open_file(path) as opened:
        while data := opened.read(_PIECE):
            for digest in running.values():
                digest.update(data)
    return {a: digest.hexdigest() for a, digest in running.items()}


def look_inside(path: str, filename: str, hashes: Mapping[str, str]) -> Findings:
    """
    Read only the metadata of a file whose digests are known.
    """
    source = core_metadata(path, filename)
    metadata = source if is_wheel(filename) else None
    return Findings(
        hashes=hashes,
        requires_python=requires_python_in(source) if source is not None else None,
        metadata=metadata,
    )


def core_metadata(path: str, filename: str) -> bytes | None:
    """
    That of a wheel or of an sdist; :obj:`None` if there is none.
    """
    with suppress(OSError), open_file(path) as opened:
        if is_wheel(filename):
            return wheel_metadata(opened, filename)
        return _sdist_metadata(opened)
    return None


def wheel_metadata(file: str | IO[bytes], filename: str) -> bytes | None:
    """
    The bytes of a wheel's ``METADATA``, as :pep:`658` offers them.

    :param file: its path, or what can be read and sought in.
    :returns: :obj:`None` if it is no wheel, or not exactly one ``.dist-info``
        directory fits the wheel's name.
    """
    project = canonicalize_name(filename.split("-")[0])
    try:
        with zipfile.ZipFile(file) as wheel:
            found = [
                info
                for info in wheel.infolist()
                if _is_metadata_of(info.filename, project)
            ]
            if len(found) != 1 or found[0].file_size > LARGEST_METADATA:
                return None
            with wheel.open(found[0]) as metadata:
                content = metadata.read(LARGEST_METADATA + 1)
    except DAMAGED:
        return None
    return content if len(content) <= LARGEST_METADATA else None


def requires_python_in(metadata: bytes) -> str | None:
    """
    ``Requires-Python`` of some core metadata; :obj:`None` if it has none.
    """
    value = BytesHeaderParser().parsebytes(metadata).get("Requires-Python")
    text = " ".join(str(value or "").split())
    return text if text and text != "UNKNOWN" and len(text) <= 500 else None


def _is_metadata_of(member: str, project: str) -> bool:
    parts = member.split("/")
    if len(parts) != 2 or parts[1] != "METADATA" or not parts[0].endswith(".dist-info"):
        return False
    return canonicalize_name(parts[0].split("-")[0]) == project


def _sdist_metadata(file: BinaryIO) -> bytes | None:
    """
    ``PKG-INFO`` of the one directory at the top of an sdist.
    """
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                for info in archive.infolist():
                    if is_pkg_info(info.filename):
                        with archive.open(info) as member:
                            return member.read(LARGEST_METADATA)
            return None
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r|*", tarinfo=ModestMember) as tar:
            for tarinfo in tar:
                if tarinfo.isfile() and is_pkg_info(tarinfo.name):
                    extracted = tar.extractfile(tarinfo)
                    return extracted.read(LARGEST_METADATA) if extracted else None
                if tarinfo.offset_data + tarinfo.size > _MOST_UNPACKED:
                    return None  # to get to the next, all of it would be unpacked
    except DAMAGED:
        return None
    return None


class ModestMember(tarfile.TarInfo):
    """
    A header that does not make us read much, as :mod:`tarfile` reads extended headers
    whole, however long they say they are.
    """

    @classmethod
    def frombuf(
        cls, buf: bytes | bytearray, encoding: str, errors: str
    ) -> "ModestMember":
        member = super().frombuf(buf, encoding, errors)
        if not member.isreg() and member.size > _LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {member.size} bytes")
        return member


def is_pkg_info(member: str) -> bool:
    parts = PurePosixPath(member).parts
    return len(parts) == 2 and parts[1] == "PKG-INFO"
