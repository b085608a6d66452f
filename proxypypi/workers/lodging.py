"""
What a worker serves: sockets that its parent has lent it.
"""

import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field
from twisted.internet import tcp, unix
from twisted.internet.interfaces import IListeningPort
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from proxypypi.listening import Listener, close
from proxypypi.tls import identity_of


@define(eq=False)
class Lodging:
    """
    The directory is the parent's business, and so is what signals mean.

    :ivar _endpoints: those of the settings.
    :ivar _sockets: for each, a descriptor and its address family.
    :ivar _has_entered: called when all is ready.
    :ivar _has_closed: called when no more clients are taken.
    :ivar all_end: has the parent told all workers to end? Else another will take the
        clients that this one does not.
    """

    _reactor: Any
    _endpoints: Sequence[str]
    _sockets: Sequence[tuple[int, int]]
    _has_entered: Callable[[], None]
    _has_closed: Callable[[], None]
    listeners: list[Listener] = field(factory=list, init=False)
    all_end: bool = field(default=False, init=False)
    _is_open: bool = field(default=False, init=False)

    def enter(self, factory: Any) -> None:
        identities = [identity_of(self._reactor, each) for each in self._endpoints]
        for endpoint, identity, (fd, family) in zip(
            self._endpoints, identities, self._sockets, strict=True
        ):
            serving = factory
            if identity is not None:
                serving = TLSMemoryBIOFactory(identity, False, factory)
            port = _adopt(self._reactor, fd, family, serving)
            self.listeners.append(
                Listener(endpoint=endpoint, port=port, identity=identity)
            )
        self._is_open = True

    def announce(self) -> None:
        self._has_entered()

    def reread(self) -> None:
        """
        The parent starts another worker, which does.
        """

    async def hand_back(self) -> None:
        if self.all_end:
            await close(self.listeners, only_lent=True)
        else:
            await self.close()

    async def close(self) -> None:
        await close(self.listeners)
        if self._is_open:
            self._is_open = False
            self._has_closed()

    def leave(self) -> None:
        """
        The directory is the parent's.
        """


def _adopt(reactor: Any, fd: int, family: int, factory: Any) -> IListeningPort:
    """
    :param fd: is closed; the port has its own.
    """
    if family != socket.AF_UNIX:
        port: IListeningPort = reactor.adoptStreamPort(fd, family, factory)
        os.close(fd)
        return port
    lent = _UnixPort(socket.socket(fileno=fd), factory, reactor)
    lent.startListening()
    return lent


class _UnixPort(unix.Port):
    """
    Twisted's, adopted by :meth:`adoptStreamPort`, opens the socket's file to everybody,
    and removes it at the end, when others still listen there.
    """

    _shouldShutdown = False

    factory: Any
    fileno: Any

    def __init__(self, lent: socket.socket, factory: Any, reactor: Any) -> None:
        super().__init__(lent.getsockname(), factory, reactor=reactor)
        self.socket = lent

    def startListening(self) -> None:
        self.factory.doStart()
        self.connected = True
        self.fileno = self.socket.fileno
        self.numberAccepts = 100
        self.startReading()

    def connectionLost(self, reason: Failure) -> None:
        tcp.Port.connectionLost(self, reason)
