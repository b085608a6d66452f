"""
What is on disk of a file that is being fetched, read again to be sure of it.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred

from proxypypi.cache.transfer import Transfer
from proxypypi.errors import CannotKeep
from proxypypi.rules.integrity import Digests

_PIECE = 1024 * 1024  # bytes to hash at a time


async def reread(
    fd: int, size: int, digests: Digests, in_thread: Callable[..., "Deferred[Any]"]
) -> None:
    """
    Feed *digests* with the first *size* bytes.

    :raises EOFError: there are fewer.
    """
    offset = 0
    while offset < size:
        wanted = min(_PIECE, size - offset)
        offset += await in_thread(_hash_piece, fd, offset, wanted, digests)


async def check_again(
    fd: int, transfer: Transfer, in_thread: Callable[..., "Deferred[Any]"]
) -> None:
    """
    A disk that took all, and then not, may have lost some of it.

    :raises CannotKeep: it has.
    """
    digests = Digests.checking(transfer.listed.hashes)
    with suppress(EOFError):
        await reread(fd, transfer.got, digests, in_thread)
    if digests.hex() != transfer.digests.hex():
        reason = "the disk lost some of it"
        raise CannotKeep(filename=transfer.listed.filename, reason=reason)


def _hash_piece(fd: int, offset: int, length: int, digests: Digests) -> int:
    data = os.pread(fd, length, offset)
    if not data:
        raise EOFError("the partial file was truncated")
    digests.update(data)
    return len(data)
