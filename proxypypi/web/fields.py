"""
Small forms that people send.
"""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

from multipart import MultipartError, MultipartParser, parse_options_header
from twisted.web.server import Request

from proxypypi.errors import BadRequest
from proxypypi.web.headers import header

_MOST_PARTS = 64


def read_field(request: Request, name: str) -> bytes:
    """
    One field of a form that is in memory, or was sent as a file; if there are several
    of that name, one after the other.

    :raises BadRequest: it is no form, or has no such field.
    """
    kind, options = parse_options_header(header(request, "Content-Type") or "")
    boundary = options.get("boundary")
    if kind != "multipart/form-data" or not boundary:
        raise BadRequest(reason=f"send a multipart form with the field {name!r}")
    content: Any = request.content
    body = content.read()
    try:
        values = [value for field, value in _fields(body, boundary) if field == name]
    except MultipartError as e:
        raise BadRequest(reason=f"that is no multipart form: {e}") from e
    if not values:
        raise BadRequest(reason=f"the form has no field {name!r}")
    return b"\n".join(values)


def _fields(body: bytes, boundary: str) -> Iterator[tuple[str, bytes]]:
    size = len(body)
    parser = MultipartParser(
        BytesIO(body),
        boundary,
        part_limit=_MOST_PARTS,
        spool_limit=size,  # so that none is put into a file
        memory_limit=size,
    )
    for part in parser:
        yield part.name, part.raw
