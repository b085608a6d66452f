"""
Which descriptors are open, for tests of what must not stay open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["nothing_left_open", "open_descriptors"]


def open_descriptors() -> set[tuple[str, str]]:
    """
    :returns: each open descriptor's number, and what it is open for.
    """
    found = set()
    for number in os.listdir("/dev/fd"):
        with suppress(OSError):  # that of the listing itself is closed by now
            found.add((number, os.readlink(f"/dev/fd/{number}")))
    return found


@contextmanager
def nothing_left_open() -> Iterator[None]:
    """
    What is opened within is closed at the end. What others have left open may be
    closed meanwhile, whenever Python finds that it is garbage.

    :raises AssertionError: something is still open.
    """
    before = open_descriptors()
    yield
    left = open_descriptors() - before
    assert not left, f"still open: {sorted(left)}"
