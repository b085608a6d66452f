"""
Where a server listens.
"""

import os
from typing import Any

from attrs import frozen
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from proxypypi.errors import CannotListen
from proxypypi.tls import Identity, parse_endpoint

_log = Logger()


@frozen(kw_only=True)
class Listener:
    """
    An endpoint that listens.

    :ivar endpoint: its description.
    :ivar identity: :obj:`None` without TLS.
    """

    endpoint: str
    port: IListeningPort
    identity: Identity | None = None

    @property
    def is_lent(self) -> bool:
        """
        Is the socket somebody else's, who keeps it open when we do not?
        """
        return self.endpoint.startswith("systemd:")

    @property
    def scheme(self) -> str:
        return "http" if self.identity is None else "https"

    def announce(self) -> None:
        """
        Tell the log where, and how to use that.
        """
        address: object = self.port.getHost()
        if not isinstance(address, (IPv4Address, IPv6Address)):
            if isinstance(address, UNIXAddress) and address.name is not None:
                address = f"unix:{os.fsdecode(address.name)}"
            _log.info("listening on {address}", address=address)
            return
        simple = f"{self.scheme}://{reachable(address.host)}:{address.port}/simple/"
        _log.info("listening on {endpoint}", endpoint=self.endpoint)
        _log.info("in a shell:  pip install -i {simple} PACKAGE", simple=simple)
        _log.info("in pip.conf: index-url = {simple}", simple=simple)


async def close(listeners: list[Listener], only_lent: bool = False) -> None:
    """
    Listen no more; those that do not are taken out of the list.
    """
    for listener in tuple(listeners):
        if listener.is_lent or not only_lent:
            listeners.remove(listener)
            await maybeDeferred(listener.port.stopListening)


def open_listener(reactor: Any, endpoint: str, factory: Any) -> Listener:
    """
    :param factory: an ``IProtocolFactory``.
    :raises BadCertificate: the files of an ``ssl:`` endpoint cannot be used.
    :raises CannotListen: the address cannot be had.
    """
    parsed = parse_endpoint(reactor, endpoint)
    port = listen(endpoint, parsed.server, factory)
    return Listener(endpoint=endpoint, port=port, identity=parsed.identity)


def listen(
    endpoint: str, server: IStreamServerEndpoint, factory: Any
) -> IListeningPort:
    """
    :param endpoint: what *server* was made of.
    :param factory: an ``IProtocolFactory``.
    :raises CannotListen: its cause is Twisted's error, if there is one.
    """
    results: list[Any] = []
    server.listen(factory).addBoth(results.append)
    if not results:
        raise CannotListen(endpoint=endpoint, reason="it takes time to set up")
    if isinstance(results[0], Failure):
        error = results[0].value
        raise CannotListen(endpoint=endpoint, reason=_why(error)) from error
    port: IListeningPort = results[0]
    return port


def _why(error: object) -> str:
    """
    Why we cannot listen; what Twisted says of a unix socket is about its lock.
    """
    cause = getattr(error, "socketError", error)
    if cause == "Cannot acquire lock":
        return "another process listens there"
    if isinstance(cause, FileNotFoundError):
        return "there is no such directory"
    if isinstance(cause, OSError) and cause.filename is not None:
        return str(cause.strerror)
    return str(cause)


def reachable(host: str) -> str:
    """
    How a client on this machine writes the address that we are bound to.
    """
    if host in ("0.0.0.0", "::"):
        return "localhost"
    return f"[{host}]" if ":" in host else host
