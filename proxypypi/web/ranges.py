"""
The ``Range`` header (:rfc:`9110`, section 14).
"""

import re

from attrs import frozen

from proxypypi.errors import RangeNotSatisfiable

_ONE_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)


@frozen
class ByteRange:
    """
    One range of bytes, as asked for.

    :ivar first: :obj:`None` for the last so many.
    :ivar last: inclusive, or how many if *first* is :obj:`None`; :obj:`None` for all
        to the end.
    """

    first: int | None
    last: int | None

    @property
    def is_open(self) -> bool:
        return self.last is None

    def within(self, size: int) -> tuple[int, int]:
        """
        :param size: of the file, in bytes.
        :returns: the offsets of the first byte and of that after the last.
        :raises RangeNotSatisfiable: there is none.
        """
        if self.first is None:
            start, stop = max(0, size - (self.last or 0)), size
        elif self.last is None:
            start, stop = self.first, size
        else:
            start, stop = self.first, min(size, self.last + 1)
        if start >= stop:
            raise RangeNotSatisfiable(size=size)
        return start, stop


def parse_range(header: str | None) -> ByteRange | None:
    """
    :returns: :obj:`None` for no header, several ranges, other units and nonsense: all
        of which mean the whole file.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    if match is None or match[1] == match[2] == "":
        return None
    first = int(match[1]) if match[1] else None
    last = int(match[2]) if match[2] else None
    if first is not None and last is not None and last < first:
        return None
    return ByteRange(first, last)
