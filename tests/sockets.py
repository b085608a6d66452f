"""
Real connections of loopback that move bytes only when a test says so.
"""

import select
import socket
import ssl
from time import monotonic
from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.task import Clock
from twisted.internet.tcp import Server
from twisted.python.failure import Failure

_MOST = 1024 * 1024  # bytes
_PATIENCE = 5.0  # seconds


class Pump(Clock):
    """
    A reactor for a few sockets: looks at them once, when told to.
    """

    def __init__(self) -> None:
        super().__init__()
        self._readers: dict[Any, None] = {}
        self._writers: dict[Any, None] = {}

    def addReader(self, reader: Any) -> None:
        self._readers[reader] = None

    def addWriter(self, writer: Any) -> None:
        self._writers[writer] = None

    def removeReader(self, reader: Any) -> None:
        self._readers.pop(reader, None)

    def removeWriter(self, writer: Any) -> None:
        self._writers.pop(writer, None)

    def turn(self) -> bool:
        """
        :returns: was there anything to do?
        """
        readable, writable, _ = select.select(
            list(self._readers), list(self._writers), [], 0
        )
        for ready, watched, do in (
            (readable, self._readers, "doRead"),
            (writable, self._writers, "doWrite"),
        ):
            for each in ready:
                why = getattr(each, do)() if each in watched else None
                if why is not None:
                    self.removeReader(each)
                    self.removeWriter(each)
                    each.connectionLost(
                        Failure(
                            why if isinstance(why, Exception) else CONNECTION_DONE,
                        )
                    )
        self.advance(0)
        return bool(readable or writable)


@define(eq=False)
class SocketWire:
    """
    A client's end of a connection.

    :ivar received: all bytes that it has taken so far.
    :ivar ended: has the server ended the connection?
    """

    socket: socket.socket
    _pump: Pump
    received: bytearray = field(factory=bytearray, init=False)
    ended: bool = field(default=False, init=False)

    def send(self, data: bytes) -> None:
        """
        What the server is too busy to take yet is sent while it is read from.
        """
        while data:
            try:
                data = data[self.socket.send(data) :]
            except BlockingIOError:
                if not self._turn(_MOST):
                    raise
            except OSError:
                self.ended = True
                return

    def take(self, most: int = _MOST) -> None:
        """
        Let the server work, and take what there is, up to a number of bytes.
        """
        while most > 0 and not self.ended:
            before = len(self.received)
            busy = self._turn(most)
            most -= len(self.received) - before
            if not busy and len(self.received) == before:
                return

    def take_all(self, size: int = 0) -> bytes:
        """
        :param size: how many bytes will have come in all; the kernel may need a moment
            to move them.
        :returns: all that has come in all.
        """
        deadline = monotonic() + _PATIENCE
        while not self.ended:
            before = len(self.received)
            self.take(1 << 30)
            if len(self.received) == before:
                if before >= size or monotonic() > deadline:
                    break
                select.select([self.socket], [], [], 0.001)
        return bytes(self.received)

    def hang_up(self) -> None:
        self.socket.close()
        while self._pump.turn():
            pass

    def _turn(self, most: int) -> bool:
        busy = self._pump.turn()
        try:
            data = self.socket.recv(min(most, _MOST))
        except BlockingIOError:
            return busy
        except OSError:
            data = b""
        self.ended = self.ended or not data
        self.received += data
        return True


@define(eq=False)
class Loopback:
    """
    Connects clients to what a factory makes.

    :ivar small: bytes that the kernel keeps for a client that takes nothing; 0 for the
        usual number.
    """

    pump: Pump = field(factory=Pump)
    small: int = 0
    _listening: socket.socket = field(factory=socket.socket, init=False)

    def __attrs_post_init__(self) -> None:
        if self.small:
            self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.small)
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen()

    def connect(self, factory: IProtocolFactory) -> SocketWire:
        client = socket.socket()
        if self.small:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.small)
        client.connect(self._listening.getsockname())
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.setblocking(False)
        server, address = self._listening.accept()
        server.setblocking(False)
        protocol: Any = factory.buildProtocol(IPv4Address("TCP", *address))
        made: Any = Server  # whose annotations ask for a port that listens
        protocol.makeConnection(made(server, protocol, address, None, 0, self.pump))
        return SocketWire(client, self.pump)

    def close(self) -> None:
        self._listening.close()


@define(eq=False)
class TLSWire:
    """
    The same over TLS.
    """

    _wire: SocketWire
    _incoming: ssl.MemoryBIO = field(factory=ssl.MemoryBIO, init=False)
    _outgoing: ssl.MemoryBIO = field(factory=ssl.MemoryBIO, init=False)
    _tls: ssl.SSLObject = field(init=False)
    _fed: int = field(default=0, init=False)
    received: bytearray = field(factory=bytearray, init=False)

    def __attrs_post_init__(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # whom we talk to is not what is tested
        self._tls = context.wrap_bio(self._incoming, self._outgoing)
        for _ in range(10):
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._exchange()
        self._exchange()

    def send(self, data: bytes) -> None:
        self._tls.write(data)
        self._wire.send(self._outgoing.read())

    def take_all(self, size: int = 0) -> bytes:
        deadline = monotonic() + _PATIENCE
        while self._exchange() or (
            len(self.received) < size
            and not self._wire.ended
            and monotonic() < deadline
        ):
            pass
        return bytes(self.received)

    def hang_up(self) -> None:
        self._wire.hang_up()

    def _exchange(self) -> bool:
        self._wire.send(self._outgoing.read())
        self._wire.take_all()
        fresh = bytes(self._wire.received[self._fed :])
        self._fed += len(fresh)
        self._incoming.write(fresh)
        try:
            while data := self._tls.read(_MOST):
                self.received += data
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass
        return bool(fresh)
