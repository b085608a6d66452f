"""
What people never want to be evicted, on disk: one record of all pins.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec
from attrs import define

from proxypypi.errors import DamagedRecord
from proxypypi.names import is_distribution
from proxypypi.rules.eviction import Pins
from proxypypi.store.files import alone, read_if_there, write_atomically

_FORMAT = 1
_SO = "everything counts as pinned"


class _Record(msgspec.Struct):
    format: int
    pins: Mapping[str, float]


@define(eq=False)
class PinStore:
    """
    A pin is the name of a file, or the normalized name of a project, or a glob of
    either; which of them tells its end.
    """

    _record: Path

    @classmethod
    def of(cls, root: Path) -> "PinStore":
        """
        :param root: the cache directory.
        """
        return cls(root / ".proxypypi" / "decisions" / "pins" / "pins.json")

    def load(self) -> Pins:
        """
        Those that hold now. Blocks.

        :raises DamagedRecord: it cannot be known.
        """
        pins = self.all()
        return Pins(
            projects=tuple(pin for pin in pins if not is_distribution(pin)),
            files=tuple(pin for pin in pins if is_distribution(pin)),
        )

    def all(self) -> Mapping[str, float]:
        """
        :returns: each pin, in order, and when it was made (POSIX seconds).
        :raises DamagedRecord: it cannot be known.
        """
        try:
            content = read_if_there(self._record)
            if content is None:
                return {}
            record = msgspec.json.decode(content, type=_Record)
        except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError) as e:
            raise DamagedRecord(path=str(self._record), reason=str(e), so=_SO) from e
        if record.format != _FORMAT:
            reason = f"it has format {record.format}"
            raise DamagedRecord(path=str(self._record), reason=reason, so=_SO)
        return dict(sorted(record.pins.items()))

    def pin(self, pins: Iterable[str], now: float) -> Mapping[str, float]:
        """
        :param now: POSIX seconds.
        :returns: those that there were before.
        :raises DamagedRecord: that is not known.
        """
        return self._change(lambda before: {**dict.fromkeys(pins, now), **before})

    def unpin(self, pins: Iterable[str]) -> Mapping[str, float]:
        """
        :returns: those that there were before.
        :raises DamagedRecord: that is not known.
        """
        dropped = frozenset(pins)
        return self._change(
            lambda before: {p: at for p, at in before.items() if p not in dropped}
        )

    def _change(
        self, change: Callable[[Mapping[str, float]], Mapping[str, float]]
    ) -> Mapping[str, float]:
        with alone(self._record.parent):
            before = self.all()
            after = change(before)
            if after != before:
                content = msgspec.json.encode(_Record(_FORMAT, after))
                write_atomically(self._record, content, durable=True)
        return before
