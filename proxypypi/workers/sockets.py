"""
The sockets that a parent holds, and its workers serve.
"""

import socket
import sys
from typing import Any

from attrs import frozen

from proxypypi.errors import BadSettings
from proxypypi.listening import Listener

_INTERNET = ("tcp", "tcp6", "ssl")
_SHAREABLE = (*_INTERNET, "unix", "systemd")


def check_endpoint(endpoint: str) -> None:
    """
    :raises BadSettings: several processes cannot serve it.
    """
    kind = endpoint.partition(":")[0]
    if kind not in _SHAREABLE:
        allowed = ", ".join(f"{each}:" for each in _SHAREABLE)
        reason = f"{endpoint!r} cannot be served by several workers"
        raise BadSettings(reason=f"{reason}; those that can are {allowed}")


@frozen
class Shared:
    """
    The sockets of one endpoint: one for each worker, between which the kernel divides
    the clients, or one for all.

    :ivar own: those that were made beside the listener's, and are ours to close.
    """

    listener: Listener
    own: tuple[socket.socket, ...] = ()

    @classmethod
    def among(cls, listener: Listener, workers: int) -> "Shared":
        """
        :param listener: of a kind that :func:`check_endpoint` lets pass. It accepts
            nobody from now on.
        """
        port: Any = listener.port
        port.stopReading()
        kind = listener.endpoint.partition(":")[0]
        # Elsewhere the option does not divide anything.
        if kind not in _INTERNET or sys.platform != "linux":
            return cls(listener)
        # Only now: with it, an address that others of this user have would be had.
        port.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        siblings = (_sibling(port.socket, port.backlog) for _ in range(workers - 1))
        return cls(listener, tuple(siblings))

    def of(self, number: int) -> socket.socket:
        """
        :param number: of a worker, from 1.
        """
        port: Any = self.listener.port
        first: socket.socket = port.socket
        return self.own[number - 2] if self.own and number > 1 else first

    def silence(self, number: int) -> None:
        """
        Have the kernel give no more clients to a worker that is not there any more,
        while there are others for them.
        """
        if self.own:
            self.of(number).shutdown(socket.SHUT_RD)

    def close(self) -> None:
        for each in self.own:
            each.close()


def _sibling(first: socket.socket, backlog: int) -> socket.socket:
    """
    Another socket that listens at the same address.
    """
    made = socket.socket(first.family, first.type)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(first.getsockname())
        made.listen(backlog)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made
