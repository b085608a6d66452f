"""
The proxy in memory, whose gate lets in who uploads.
"""

from typing import Any

from twisted.web.server import Request

from proxypypi.model import User
from proxypypi.web.connections import ProxySite
from proxypypi.web.gate import Gate
from tests.proxy_case import Pipe, Process, ProxyTestCase, Wire
from tests.uploads import BOUNDARY

ANYBODY = User(name="ann", may_upload=True)


class UploadTestCase(ProxyTestCase):
    """
    :ivar user: whom the gate takes everybody for; an exception to refuse them.
    :ivar serving: the process that uploads go to; :obj:`None` for the first.
    """

    user: Any = ANYBODY
    serving: Process | None = None

    def setUp(self) -> None:
        case = self

        async def check_upload(gate: Gate, request: Request) -> User:
            user = case.user
            if isinstance(user, Exception):
                raise user
            if isinstance(user, User):
                return user
            waited: User = await user
            return waited

        self.patch(Gate, "check_upload", check_upload)
        super().setUp()

    def connect(self) -> Wire:
        """
        A connection to a site that takes requests as the service's does.
        """
        process = self.serving or self.process
        site = ProxySite(process.proxy.faces, process.clock)
        protocol: Any = site.buildProtocol(None)
        transport = Pipe()
        protocol.makeConnection(transport)
        self.channel = protocol
        return Wire(transport, protocol)

    def begin(
        self, *headers: str, path: str = "/legacy/", kind: str | None = None
    ) -> Wire:
        """
        Send the head of an upload.

        :param kind: in place of the usual ``Content-Type``.
        """
        wire = self.connect()
        usual = f"multipart/form-data; boundary={BOUNDARY}"
        shown = usual if kind is None else kind
        wire.send(f"POST {path} HTTP/1.1", f"Content-Type: {shown}", *headers)
        self.flush()
        return wire

    def upload(
        self, body: bytes, path: str = "/legacy/", *, kind: str | None = None
    ) -> Wire:
        wire = self.begin(f"Content-Length: {len(body)}", path=path, kind=kind)
        for start in range(0, len(body), 65_536):
            wire.send_bytes(body[start : start + 65_536])
        self.flush()
        return wire

    def arriving(self) -> list[str]:
        """
        Files that are neither published nor discarded.
        """
        uploads = self.directory / ".proxypypi" / "cache" / "uploads"
        return sorted(path.name for path in uploads.glob("*"))
