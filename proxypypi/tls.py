"""
TLS to clients: ``ssl:`` endpoints, with certificates that can be read again.

Twisted's own have read theirs once and for all.
"""

import re
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from attrs import define, field, frozen
from OpenSSL import SSL, crypto
from twisted.internet.endpoints import SSL4ServerEndpoint, serverFromString
from twisted.internet.interfaces import IOpenSSLContextFactory, IStreamServerEndpoint
from twisted.internet.ssl import CertificateOptions, DiffieHellmanParameters
from twisted.python.filepath import FilePath
from zope.interface import implementer

from proxypypi.errors import BadCertificate, BadSettings
from proxypypi.pem import certificates_in, load_certificate

_PREFIX = "ssl:"
_USAGE = {
    "tcp": "PORT, and perhaps :interface=ADDRESS",
    "tcp6": r"PORT, and perhaps :interface=ADDRESS, with \: for each colon in it",
    "ssl": "PORT:privateKey=FILE:certKey=FILE, and perhaps :interface=ADDRESS or "
    ":extraCertChain=FILE",
    "unix": "PATH, and perhaps :mode=660",
}
_PARAMETER = re.compile(r"(?s):(?:((?:[^:=\\]|\\.)*)=)?((?:[^:\\]|\\.)*)")
_ESCAPED = re.compile(r"(?s)\\(.)")


@frozen(kw_only=True)
class CertificateFiles:
    """
    What an ``ssl:`` endpoint names; all are in PEM.

    :ivar certificate: may have those that vouch for it after it.
    :ivar chain: more of those; :obj:`None` for none.
    :ivar dh_parameters: :obj:`None` to do without finite fields.
    :ivar method: one of OpenSSL's, by its name; :obj:`None` for TLS 1.2 and later.
    """

    key: Path
    certificate: Path
    chain: Path | None = None
    dh_parameters: Path | None = None
    method: str | None = None

    def load(self) -> SSL.Context:
        """
        :raises BadSettings: a file is missing or damaged, or they do not fit together.
        """
        key = self._load_key()
        blocks = certificates_in(self.certificate)
        if self.chain is not None:
            blocks += certificates_in(self.chain)
        certificate, *chain = (load_certificate(block).original for block in blocks)
        options: dict[str, Any] = {}
        if self.dh_parameters is not None:
            path = FilePath(str(self.dh_parameters))
            options["dhParameters"] = DiffieHellmanParameters.fromFile(path)
        if self.method is not None:
            options["method"] = getattr(SSL, self.method)
        made = CertificateOptions(key, certificate, extraCertChain=chain, **options)
        try:
            return made.getContext()
        except SSL.Error as e:
            raise BadSettings(reason=f"{self._names()}: {_reason(e)}") from e

    def ends_at(self) -> float:
        """
        When the certificate is good no longer, POSIX seconds.

        :raises BadSettings: it is missing or damaged.
        """
        block = certificates_in(self.certificate)[0]
        said = load_certificate(block).original.get_notAfter() or b""
        end = datetime.strptime(said.decode("ascii"), "%Y%m%d%H%M%SZ")
        return end.replace(tzinfo=timezone.utc).timestamp()

    def _load_key(self) -> crypto.PKey:
        path = self.key
        try:
            content = path.read_bytes()
        except OSError as e:
            raise BadSettings(reason=f"{str(path)!r}: {e.strerror}") from e
        try:
            # With a passphrase, if only an empty one, nobody is asked for it.
            return crypto.load_privatekey(crypto.FILETYPE_PEM, content, b"")
        except (crypto.Error, ValueError) as e:
            reason = f"{str(path)!r} holds no private key in PEM form that is free"
            raise BadSettings(reason=f"{reason} of a passphrase") from e

    def _names(self) -> str:
        paths = (self.key, self.certificate, self.chain, self.dh_parameters)
        return ", ".join(repr(str(path)) for path in paths if path is not None)


def _reason(error: SSL.Error) -> str:
    told = error.args[0] if error.args else ()
    return ", ".join(reason for *_, reason in told) or "they cannot be used"


@implementer(IOpenSSLContextFactory)
@define(eq=False)
class Identity:
    """
    What a server shows to those who connect from now on.

    :ivar endpoint: where.
    :ivar files: that it is in.
    """

    endpoint: str
    files: CertificateFiles
    _lock: Lock = field(factory=Lock, init=False)
    _context: SSL.Context = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.load()

    def load(self) -> None:
        """
        Read the files; if that fails, all stays as it was. May be called in a thread.

        :raises BadCertificate: they cannot be used.
        """
        with self._lock:
            try:
                self._context = self.files.load()
            except BadSettings as e:
                raise BadCertificate(endpoint=self.endpoint, reason=str(e)) from e

    def getContext(self) -> SSL.Context:
        return self._context


@frozen
class Endpoint:
    """
    Where to listen.

    :ivar identity: :obj:`None` without TLS.
    """

    server: IStreamServerEndpoint
    identity: Identity | None = None


def parse_endpoint(reactor: Any, description: str) -> Endpoint:
    """
    What :func:`serverFromString` takes.

    :raises BadCertificate: a file of an ``ssl:`` endpoint cannot be used.
    :raises BadSettings: it is no endpoint of one of the usual kinds.
    :raises Exception: it is no endpoint; each other kind has its own.
    """
    try:
        return _parse(reactor, description)
    except (TypeError, ValueError) as e:
        kind = description.partition(":")[0]
        if kind not in _USAGE:
            raise
        raise BadSettings(reason=f"say {kind}:{_USAGE[kind]}") from e


def identity_of(reactor: Any, description: str) -> Identity | None:
    """
    What those see who connect to an endpoint, whoever listens there.

    :returns: :obj:`None` without TLS.
    :raises BadCertificate: see :func:`parse_endpoint`.
    """
    if not description.startswith(_PREFIX):
        return None
    return parse_endpoint(reactor, description).identity


def _parse(reactor: Any, description: str) -> Endpoint:
    if not description.startswith(_PREFIX):
        return Endpoint(serverFromString(reactor, description))
    arguments: list[str] = []
    named: dict[str, str] = {}
    for key, value in _PARAMETER.findall(description):
        if key:
            named[_ESCAPED.sub(r"\1", key)] = _ESCAPED.sub(r"\1", value)
        else:
            arguments.append(_ESCAPED.sub(r"\1", value))
    return _ssl_endpoint(reactor, description, *arguments, **named)


def _ssl_endpoint(
    reactor: Any,
    description: str,
    port: str,
    privateKey: str = "server.pem",
    certKey: str | None = None,
    sslmethod: str | None = None,
    interface: str = "",
    backlog: str = "50",
    extraCertChain: str | None = None,
    dhParameters: str | None = None,
) -> Endpoint:
    """
    The parameters are those of Twisted, in its order.
    """
    where = partial(SSL4ServerEndpoint, reactor, int(port), backlog=int(backlog))
    files = CertificateFiles(
        key=Path(privateKey).absolute(),
        certificate=Path(certKey or privateKey).absolute(),
        chain=Path(extraCertChain).absolute() if extraCertChain else None,
        dh_parameters=Path(dhParameters).absolute() if dhParameters else None,
        method=sslmethod,
    )
    identity = Identity(description, files)
    return Endpoint(where(identity, interface=interface), identity)
