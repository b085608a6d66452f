"""
Small forms that people send.
"""

from collections.abc import Iterator
from io import BytesIO

from multipart import MultipartError, MultipartParser, parse_options_header
from twisted.web.server import Request

from proxypypi.errors import BadRequest, TooLarge
from proxypypi.web.arriving import ArrivingBody
from proxypypi.web.headers import header

_MOST_PARTS = 64
_LARGEST = 1024 * 1024  # bytes


async def read_field(request: Request, name: str) -> bytes:
    """
    One field of a form, which may be a file; if there are several of that name, one
    after the other.

    :raises BadRequest: it is no form, or has no such field.
    :raises TooLarge: it is none of the small ones.
    :raises TooSlow: it does not come.
    """
    kind, options = parse_options_header(header(request, "Content-Type") or "")
    boundary = options.get("boundary")
    if kind != "multipart/form-data" or not boundary:
        raise BadRequest(reason=f"send a multipart form with the field {name!r}")
    body = await _body_of(request)
    try:
        values = [value for field, value in _fields(body, boundary) if field == name]
    except MultipartError as e:
        raise BadRequest(reason=f"that is no multipart form: {e}") from e
    if not values:
        raise BadRequest(reason=f"the form has no field {name!r}")
    return b"\n".join(values)


async def _body_of(request: Request) -> bytes:
    arriving: ArrivingBody | None = getattr(request, "arriving", None)
    body = bytearray()

    def receive(data: bytes) -> None:
        body.extend(data)
        if len(body) > _LARGEST:
            raise TooLarge(reason=f"the form is larger than {_LARGEST:,} bytes")

    if arriving is not None:
        await arriving.deliver(receive)
    return bytes(body)


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
