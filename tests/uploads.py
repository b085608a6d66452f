"""
Uploads as clients send them, well made or not.
"""

from collections.abc import Iterable, Mapping
from hashlib import blake2b, md5, sha256

from tests.distributions import BuiltDistribution

BOUNDARY = "a9c7e2f0b1d34c58"


def part(name: str, value: bytes, filename: str | None = None, more: str = "") -> bytes:
    """
    One part of a form, with the boundary before it.
    """
    shown = f'; filename="{filename}"' if filename is not None else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{shown}\r\n'
    return f"{head}{more}\r\n".encode() + value + b"\r\n"


def end() -> bytes:
    return f"--{BOUNDARY}--\r\n".encode()


def fields_of(built: BuiltDistribution) -> dict[str, str]:
    """
    The fields of a form, but for the file, as twine makes them.
    """
    is_wheel = built.filename.endswith(".whl")
    return {
        ":action": "file_upload",
        "protocol_version": "1",
        "metadata_version": "2.1",
        "name": built.project,
        "version": built.version,
        "filetype": "bdist_wheel" if is_wheel else "sdist",
        "pyversion": "py3" if is_wheel else "source",
        "md5_digest": md5(built.content).hexdigest(),
        "sha256_digest": sha256(built.content).hexdigest(),
        "blake2_256_digest": blake2b(built.content, digest_size=32).hexdigest(),
    }


def form_of(
    built: BuiltDistribution,
    change: Mapping[str, str | None] | None = None,
    *,
    filename: str | None = None,
    more: Iterable[bytes] = (),
    file: str = "content",
) -> bytes:
    """
    A whole form.

    :param change: fields to put in place of the usual ones; :obj:`None` to leave out.
    :param filename: in place of the file's own.
    :param more: parts, before the file.
    :param file: the field that the file is.
    """
    fields: dict[str, str | None] = {**fields_of(built), **(change or {})}
    parts = [part(k, v.encode()) for k, v in fields.items() if v is not None]
    kind = "Content-Type: application/octet-stream\r\n"
    parts += [*more, part(file, built.content, filename or built.filename, kind)]
    return b"".join(parts) + end()
