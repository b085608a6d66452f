"""
What a server asks of whom, on disk, for commands: they do not see its command line.
"""

from pathlib import Path

import msgspec
from attrs import define

from proxypypi.rules.asking import Asking
from proxypypi.store.files import read_if_there, write_atomically

_FORMAT = 1
_DAMAGED = (OSError, msgspec.MsgspecError, UnicodeError, RecursionError)


class _Record(msgspec.Struct):
    format: int
    indexes: dict[str, tuple[str, ...]]
    refused: tuple[str, ...]


@define(eq=False)
class AskingStore:
    """
    One record, which the server writes that runs, or ran last.
    """

    _record: Path

    @classmethod
    def of(cls, root: Path) -> "AskingStore":
        """
        :param root: the cache directory.
        """
        return cls(root / ".proxypypi" / "cache" / "asking" / "record.json")

    def save(self, asking: Asking) -> None:
        """
        Blocks.

        :raises OSError: that cannot be written.
        """
        indexes = {url: tuple(globs) for url, globs in asking.indexes.items()}
        record = _Record(_FORMAT, indexes, asking.refused)
        write_atomically(self._record, msgspec.json.encode(record))

    def load(self) -> Asking | None:
        """
        :returns: :obj:`None` if no server has said; nobody is asked by one whose record
            is damaged. Blocks.
        """
        try:
            content = read_if_there(self._record)
            if content is None:
                return None
            record = msgspec.json.decode(content, type=_Record)
        except _DAMAGED:
            return Asking()
        if record.format != _FORMAT:
            return Asking()
        return Asking(indexes=record.indexes, refused=record.refused)
