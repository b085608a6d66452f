"""
How much room there is on a volume.
"""

import errno
import os
from pathlib import Path

_USUAL = 500_000_000  # bytes
_USUAL_PART = 10  # of a volume that is so small that a tenth of it is less


def usual(volume: int) -> int:
    """
    How much of a volume to leave free if nobody says otherwise.

    :param volume: its size in bytes; the result is in bytes, too.
    """
    return min(_USUAL, volume // _USUAL_PART)


class TooLittleRoom(OSError):
    """
    :ivar short: how many bytes more would have to be free.
    """

    def __init__(self, reason: str, short: int) -> None:
        super().__init__(errno.ENOSPC, reason)
        self.short = short


def check_room(directory: Path, size: int, min_free: int | None) -> None:
    """
    Would so many bytes more leave enough free? May block.

    :param min_free: bytes; :obj:`None` for what is usual.
    :raises TooLittleRoom: they would not.
    """
    status = os.statvfs(directory)
    free = status.f_bavail * status.f_frsize
    needed = usual(status.f_blocks * status.f_frsize) if min_free is None else min_free
    if free - size < needed:
        reason = f"{free:,} bytes are free, of which {needed:,} are to stay so"
        raise TooLittleRoom(reason, needed + size - free)
