"""
Forms with a file in them, taken apart while they come (:rfc:`7578`).
"""

from collections.abc import Callable, Mapping

from attrs import define, field
from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from proxypypi.errors import BadRequest, TooLarge

_MOST_PARTS = 10_000
_LONGEST_HEADER = 4096  # bytes of one header of a part
_MOST_HEADERS = 8  # of a part
_LONGEST_BOUNDARY = 200


def boundary_of(content_type: str | None) -> str:
    """
    What parts a form's parts from each other.

    :param content_type: the header of the request.
    :raises BadRequest: it is not of such a form.
    """
    kind, options = parse_options_header(content_type or "")
    if kind != "multipart/form-data":
        raise BadRequest(reason="an upload has to be a multipart/form-data form")
    boundary: str = options.get("boundary", "")
    if not boundary or len(boundary) > _LONGEST_BOUNDARY or not boundary.isascii():
        raise BadRequest(reason="the form has no boundary, or a bad one")
    return boundary


@define(eq=False)
class FormReader:
    """
    Keeps the fields that are wanted, hands on the file, and drops the rest.

    :ivar fields: those that came, by name.
    :ivar filename: of the file; :obj:`None` until it has come.
    :ivar _file: the name of the field that is the file.
    :ivar _wanted: names of fields to how long they may be, in bytes.
    :ivar _write: gets the file's bytes.
    :ivar _most: bytes that the form may have beside its file.
    :ivar _check: gets the name and value of each field that is wanted, once it has
        come; an exception out of it ends the reading.
    """

    _boundary: str
    _file: str
    _wanted: Mapping[str, int]
    _write: Callable[[bytes], None]
    _most: int
    _check: Callable[[str, str], None] = field(default=lambda name, value: None)
    fields: dict[str, str] = field(factory=dict, init=False)
    filename: str | None = field(default=None, init=False)
    _parser: PushMultipartParser = field(init=False)
    _receive: Callable[[bytes], None] | None = field(default=None, init=False)
    _field: str = field(default="", init=False)
    _beside: int = field(default=0, init=False)
    _value: bytearray = field(factory=bytearray, init=False)

    def __attrs_post_init__(self) -> None:
        self._parser = PushMultipartParser(
            self._boundary,
            max_header_size=_LONGEST_HEADER,
            max_header_count=_MOST_HEADERS,
            max_segment_count=_MOST_PARTS,
        )

    def feed(self, data: bytes) -> None:
        """
        A piece of the form has come.

        :raises BadRequest: it is none.
        :raises TooLarge: it has too much in it beside its file.
        """
        self._beside += len(data)
        if self._parser.closed:
            return  # what comes after a form's end is of no account
        try:
            for event in self._parser.parse(data):
                if isinstance(event, MultipartSegment):
                    self._begin(event)
                elif event is None:
                    self._end()
                elif self._receive is not None:
                    self._receive(event)
        except ParserLimitReached as e:
            raise BadRequest(reason=f"the form is out of bounds: {_said(e)}") from e
        except MultipartError as e:
            raise BadRequest(reason=f"the form is malformed: {_said(e)}") from e
        if self._beside > self._most:
            reason = f"the form has more than {self._most:,} bytes beside its file"
            raise TooLarge(reason=reason)

    def end(self) -> None:
        """
        All has come.

        :raises BadRequest: but the form is not at its end, or without its file.
        """
        if not self._parser.closed:
            try:
                self._parser.close()
            except MultipartError as e:
                reason = "the form is none, or cut off before its end"
                raise BadRequest(reason=reason) from e
        if self.filename is None:
            raise BadRequest(reason=f"the form has no file {self._file!r}")

    def _begin(self, part: MultipartSegment) -> None:
        self._receive, self._field = None, part.name or ""
        if self._field == self._file:
            if self.filename is not None:
                raise BadRequest(reason=f"the form has two files {self._file!r}")
            if part.filename is None:
                reason = f"the field {self._file!r} is no file: it has no file name"
                raise BadRequest(reason=reason)
            self.filename, self._receive = part.filename, self._pass
        elif self._field in self._wanted:
            if self._field in self.fields:
                raise BadRequest(reason=f"the field {self._field!r} is there twice")
            self.fields[self._field] = ""
            self._value, self._receive = bytearray(), self._append

    def _pass(self, data: bytes) -> None:
        self._beside -= len(data)
        self._write(data)

    def _append(self, data: bytes) -> None:
        self._value += data
        if len(self._value) > self._wanted[self._field]:
            raise BadRequest(reason=f"the field {self._field!r} is too long")

    def _end(self) -> None:
        if self._receive == self._append:
            try:
                value = self.fields[self._field] = self._value.decode()
            except UnicodeDecodeError as e:
                reason = f"the field {self._field!r} is not in UTF-8"
                raise BadRequest(reason=reason) from e
            self._check(self._field, value)
        self._receive = None


def _said(error: MultipartError) -> str:
    return str(error.args[0]).lower() if error.args else "it cannot be read"
