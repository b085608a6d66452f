"""
What a parent and its worker say to each other, over a pipe in each direction.
"""

from attrs import frozen
from twisted.protocols.basic import Int32StringReceiver

from proxypypi.settings import Settings

RETIRE = b"retire"
"""
To a worker: another serves your sockets; let your clients go, and end.
"""

END = b"end"
"""
To a worker: the server ends.
"""

HURRY = b"hurry"
"""
To a worker: end now, whatever runs.
"""

READY = b"ready"
"""
From a worker: it serves.
"""

CLOSED = b"closed"
"""
From a worker: it takes no more clients.
"""

FAILED = b"failed "
"""
From a worker, with the reason behind it: it cannot serve.
"""

REPORTS = 3
"""
The descriptor that a worker reports on. Its orders come on standard input, and what is
logged goes to standard output.
"""

GENERATIONS = 4
"""
The descriptor of the file that all workers share.
"""

COUNTS = 5
"""
Likewise, of the file that they count in.
"""

FIRST_SOCKET = 6
"""
The descriptor of the first socket that a worker listens on; others follow.
"""


@frozen(kw_only=True)
class Order:
    """
    The first thing that a worker is told, pickled.

    :ivar number: from 1.
    :ivar families: of the sockets, one for each of the settings' endpoints.
    """

    number: int
    settings: Settings
    families: tuple[int, ...]


class Messages(Int32StringReceiver):
    """
    Messages of some bytes each.
    """

    MAX_LENGTH = 64 * 1024 * 1024


def framed(message: bytes) -> bytes:
    """
    *message* as :class:`Messages` takes it.
    """
    return len(message).to_bytes(4, "big") + message
