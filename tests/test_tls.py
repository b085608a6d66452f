"""
Tests for :mod:`proxypypi.tls`.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from OpenSSL import SSL
from OpenSSL.crypto import FILETYPE_PEM
from twisted.internet.endpoints import quoteStringArgument
from twisted.internet.interfaces import IOpenSSLContextFactory
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.errors import BadCertificate, BadSettings
from proxypypi.tls import Endpoint, Identity, parse_endpoint
from tests.certificates import Authority


def pems(host: str) -> tuple[bytes, bytes]:
    """
    A server's key and certificate.
    """
    made = Authority().vouch_for(host)
    return made.privateKey.dump(FILETYPE_PEM), made.dump(FILETYPE_PEM)


def greet(
    context: SSL.Context, method: int = SSL.TLS_METHOD, version: int | None = None
) -> SSL.Connection:
    """
    A handshake with a server of this context.

    :param version: the newest that the client speaks.
    """
    theirs = SSL.Context(method)
    theirs.set_cipher_list(b"ALL:@SECLEVEL=0")
    if version is not None:
        theirs.set_max_proto_version(version)
    client, server = SSL.Connection(theirs), SSL.Connection(context)
    client.set_connect_state()
    server.set_accept_state()
    for _ in range(4):
        for one, other in ((client, server), (server, client)):
            with contextlib.suppress(SSL.WantReadError):
                one.do_handshake()
            with contextlib.suppress(SSL.WantReadError):
                other.bio_write(one.bio_read(1 << 16))
    return client


def names(context: SSL.Context) -> list[str | None]:
    """
    Whom the certificates are for that a client gets to see.
    """
    chain = greet(context).get_peer_cert_chain() or []
    return [certificate.get_subject().CN for certificate in chain]


class EndpointTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.work = Path(self.mktemp()).absolute()
        self.work.mkdir()
        self.key, self.certificate = self.work / "key.pem", self.work / "cert.pem"
        self.renew("one.example")

    def renew(self, host: str) -> None:
        key, certificate = pems(host)
        self.key.write_bytes(key)
        self.certificate.write_bytes(certificate)

    def parse(self, **more: object) -> Endpoint:
        named = {"privateKey": self.key, "certKey": self.certificate} | more
        rest = [f"{k}={quoteStringArgument(str(v))}" for k, v in named.items()]
        return parse_endpoint(self.reactor, ":".join(["ssl:8443", *rest]))

    def identity(self, **more: object) -> Identity:
        identity = self.parse(**more).identity
        assert identity is not None
        return identity

    def refusal(self, call: Callable[[], object]) -> str:
        return str(self.assertRaises(BadCertificate, call))

    def test_without_tls(self) -> None:
        """
        What is no ``ssl:`` endpoint is left to Twisted.
        """
        endpoint = parse_endpoint(self.reactor, "tcp:8000:interface=127.0.0.1")
        self.assertIsNone(endpoint.identity)
        self.successResultOf(endpoint.server.listen(Factory()))
        ((port, _, _, interface),) = self.reactor.tcpServers
        self.assertEqual((8000, "127.0.0.1"), (port, interface))

    def test_parameters(self) -> None:
        """
        It is listened where the endpoint says, with the identity for all who connect.
        """
        endpoint = self.parse(interface="127.0.0.1", backlog=7)
        self.successResultOf(endpoint.server.listen(Factory()))
        ((port, _, context, backlog, interface),) = self.reactor.sslServers
        self.assertEqual((8443, 7, "127.0.0.1"), (port, backlog, interface))
        self.assertIs(endpoint.identity, context)
        verifyObject(IOpenSSLContextFactory, context)

    def test_spellings(self) -> None:
        """
        Parameters may go without their names, and need a backslash before a colon.
        """
        odd = self.work / "a:b=c\\d.pem"
        odd.write_bytes(self.key.read_bytes() + self.certificate.read_bytes())
        quoted = quoteStringArgument(str(odd))
        for text in (
            f"ssl:8443:{self.key}:{self.certificate}",
            f"ssl:8443:{self.key}:certKey={self.certificate}",
            f"ssl:port=8443:certKey={self.certificate}:privateKey={self.key}",
            f"ssl:8443:privateKey={quoted}",
        ):
            identity = parse_endpoint(self.reactor, text).identity
            assert identity is not None
            self.assertEqual(["one.example"], names(identity.getContext()), text)

    def test_no_endpoint(self) -> None:
        """
        What Twisted would not take is not taken; of the usual kinds it is said what is.
        """
        for text, error in (
            ("ssl:", BadSettings),
            ("ssl", BadSettings),
            (f"ssl:http:{self.key}:{self.certificate}", BadSettings),
            (f"ssl:1:{self.key}:{self.certificate}:backlog=x", BadSettings),
            (f"ssl:1:{self.key}:{self.certificate}:color=red", BadSettings),
            (f"ssl:1:{self.key}:{self.certificate}:sslmethod=x", AttributeError),
            ("ssl:1:privatekey=x", BadSettings),
            ("tcp", BadSettings),
            ("tcp:x", BadSettings),
            ("tcp:1:host=x", BadSettings),
            ("tcp6:1:interface=::1", BadSettings),
            ("unix:/x:mode=rw", BadSettings),
            ("nonsense:1", ValueError),
        ):
            with self.assertRaises(error, msg=text) as caught:
                parse_endpoint(self.reactor, text)
            if error is BadSettings:
                kind = text.partition(":")[0]
                self.assertIn(f"say {kind}:P", str(caught.exception), text)

    def test_chain(self) -> None:
        """
        Certificates between ours and the authority's are shown, from either file.
        """
        _, between = pems("between.example")
        chain = self.work / "chain.pem"
        chain.write_bytes(between)
        expected = ["one.example", "between.example"]
        identity = self.identity(extraCertChain=chain)
        self.assertEqual(expected, names(identity.getContext()))
        with self.certificate.open("ab") as file:
            file.write(between)
        self.assertEqual(expected, names(self.identity().getContext()))

    def test_versions(self) -> None:
        """
        The newest TLS is spoken, and none before 1.2.
        """
        context = self.identity().getContext()
        self.assertEqual("TLSv1.3", greet(context).get_protocol_version_name())
        client = greet(context, version=SSL.TLS1_2_VERSION)
        self.assertEqual("TLSv1.2", client.get_protocol_version_name())
        with self.assertRaises(SSL.Error):
            greet(context, version=SSL.TLS1_1_VERSION)

    def test_renewed(self) -> None:
        """
        What is in the files is shown from the moment they are read again.
        """
        identity = self.identity()
        self.renew("two.example")
        self.assertEqual(["one.example"], names(identity.getContext()))
        identity.load()
        self.assertEqual(["two.example"], names(identity.getContext()))

    def test_end(self) -> None:
        """
        It is known when the certificate ends.
        """
        ends_at = self.identity().files.ends_at()
        self.assertLess(abs(ends_at - time.time() - 86_400), 60)

    def test_bad_files(self) -> None:
        """
        Files that cannot be used are refused, by name, at first and when they are read
        again; then the old ones stay.
        """
        chain = self.work / "chain.pem"
        chain.write_bytes(self.certificate.read_bytes())
        identity = self.identity(extraCertChain=chain)
        other, _ = pems("other.example")
        secret = load_pem_private_key(self.key.read_bytes(), None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        half = self.certificate.read_bytes()[:-40]
        whole = self.certificate.read_bytes()
        for path, content, word in (
            (self.key, None, "No such file"),
            (self.key, b"", "no private key"),
            (self.key, self.key.read_bytes()[:-40], "no private key"),
            (self.key, other, "mismatch"),
            (self.key, secret, "free of a passphrase"),
            (self.certificate, None, "No such file"),
            (self.certificate, b"", "no certificates"),
            (self.certificate, half, "certificate 1 of 1 is damaged"),
            (self.certificate, whole + half, "certificate 2 of 2 is damaged"),
            (chain, None, "No such file"),
            (chain, whole + half, "certificate 2 of 2 is damaged"),
        ):
            good = path.read_bytes()
            path.unlink()
            if content is not None:
                path.write_bytes(content)
            for call in (identity.load, lambda: self.identity(extraCertChain=chain)):
                said = self.refusal(call)
                for part in ("ssl:8443:", repr(str(path)), word):
                    self.assertIn(part, said)
            path.write_bytes(good)
            self.assertEqual("one.example", names(identity.getContext())[0])

    def test_diffie_hellman(self) -> None:
        """
        Parameters for finite fields are read, too, and refused if they are none.
        """
        path = self.work / "dh.pem"
        said = self.refusal(lambda: self.identity(dhParameters=path))
        self.assertIn(repr(str(path)), said)
        path.write_bytes(b"nothing")
        said = self.refusal(lambda: self.identity(dhParameters=path))
        self.assertIn(repr(str(path)), said)
