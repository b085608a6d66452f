"""
Asks a server on this machine how it is.
"""

import socket
import ssl
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

_PATIENCE = 2.0  # seconds for each step of a connection
_LONGEST = 1000  # bytes


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_PATIENCE)
        self.sock.connect(self._path)


def ask(addresses: Iterable[str], path: str = "/-/health") -> str | None:
    """
    :param addresses: as :class:`proxypypi.daemon.state.State` has them.
    :param path: or ``/-/ready``.
    :returns: ``"ok"``, or ``"degraded: "`` and why; :obj:`None` for no good answer.
    """
    for address in addresses:
        try:
            connection = _connection(address)
            try:
                connection.request("GET", path)
                response = connection.getresponse()
                said = response.read(_LONGEST).decode("utf-8", "replace")
            finally:
                connection.close()
        except (OSError, HTTPException, ValueError):
            continue
        lines = said.splitlines()
        if response.status == 200 and lines:
            return "".join(c if c.isprintable() else "?" for c in lines[0])
    return None


def _connection(address: str) -> HTTPConnection:
    if address.startswith("unix:"):
        return _UnixConnection(address.removeprefix("unix:"))
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "http":
        return HTTPConnection(host, port, timeout=_PATIENCE)
    # It is our own, whatever names its certificate has.
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    return HTTPSConnection(host, port, timeout=_PATIENCE, context=trusting)
