"""
A certificate authority of our own, for the time of a test.
"""

from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from typing import Any

from attrs import define, field
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from twisted.internet.ssl import Certificate, PrivateCertificate
from twisted.web.client import BrowserLikePolicyForHTTPS
from twisted.web.iweb import IPolicyForHTTPS


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@define(eq=False)
class Authority:
    """
    Whoever trusts it believes in the servers it vouches for.
    """

    name: str = "tests' own authority"
    _key: Any = field(factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    _certificate: x509.Certificate = field(init=False)

    @_certificate.default
    def _make_certificate(self) -> x509.Certificate:
        usage = x509.KeyUsage(
            *(True, False, False, False, False, True, True, False, False)
        )
        return (
            self._builder(self.name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
            .add_extension(usage, True)
            .sign(self._key, SHA256())
        )

    @property
    def pem(self) -> bytes:
        """
        Its certificate.
        """
        return self._certificate.public_bytes(Encoding.PEM)

    @property
    def policy(self) -> IPolicyForHTTPS:
        """
        That of a client who trusts nobody else.
        """
        root = Certificate.loadPEM(self.pem)
        return BrowserLikePolicyForHTTPS(trustRoot=root)

    def vouch_for(self, *hosts: str) -> PrivateCertificate:
        """
        A server's key and certificate.

        :param hosts: names or addresses.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            self._builder(hosts[0], key.public_key())
            .add_extension(x509.SubjectAlternativeName(map(_general, hosts)), False)
            .sign(self._key, SHA256())
        )
        secret = key.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )
        pem = secret + certificate.public_bytes(Encoding.PEM)
        loaded: PrivateCertificate = PrivateCertificate.loadPEM(pem)
        return loaded

    def _builder(self, subject: str, key: Any) -> x509.CertificateBuilder:
        now = datetime.now(timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name(self.name))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
