"""
Which certificate authorities are believed.

``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` take the place of the platform's authorities, and
an upstream's own bundle is added to either. OpenSSL knows the variables, too, but reads
a directory only if its files are named by hashes, takes an empty value for a file, says
nothing of one that is missing, and cannot add to them. So it is left to itself only
when none of the three is used.
"""

import re
import ssl
from collections.abc import Iterable, Mapping
from os import pathsep
from pathlib import Path

from OpenSSL.crypto import Error as CryptoError
from twisted.internet.ssl import Certificate, platformTrust, trustRootFromCertificates
from twisted.logger import Logger
from twisted.web.client import BrowserLikePolicyForHTTPS, HostnameCachingHTTPSPolicy
from twisted.web.iweb import IPolicyForHTTPS

from proxypypi.errors import BadSettings

_FILE, _DIRECTORY = "SSL_CERT_FILE", "SSL_CERT_DIR"

_PEM = re.compile(
    r"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----\s.+?-----END \1-----", re.S
)

_USUAL_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)

_log = Logger()


def policy_for(
    ca_bundle: Path | None, environment: Mapping[str, str]
) -> IPolicyForHTTPS:
    """
    :raises BadSettings: a file of certificates is missing, empty or damaged.
    """
    if ca_bundle is None and not {_FILE, _DIRECTORY} & environment.keys():
        root = platformTrust()
    else:
        blocks = dict.fromkeys(_usual(environment))
        if ca_bundle is not None:
            blocks |= dict.fromkeys(_blocks(ca_bundle))
        root = trustRootFromCertificates([_certificate(b) for b in blocks])
    return HostnameCachingHTTPSPolicy(BrowserLikePolicyForHTTPS(trustRoot=root))


def _usual(environment: Mapping[str, str]) -> Iterable[str]:
    """
    The certificates, in PEM, that the environment names, or else the platform's.
    """
    file = environment.get(_FILE, "")
    directories = [d for d in environment.get(_DIRECTORY, "").split(pathsep) if d]
    if not file and not directories:
        return _of_platform()
    found: list[str] = []
    missing: list[str] = []
    if file:
        try:
            found += _blocks(Path(file))
        except BadSettings as e:
            missing.append(f"{_FILE}: {e}")
    for directory in directories:
        inside = _blocks_below(Path(directory))
        if not inside:
            missing.append(f"{_DIRECTORY}: {directory!r} holds no certificates")
        found += inside
    if not found:
        raise BadSettings(reason="; ".join(missing))
    for text in missing:
        _log.warn("{problem}", problem=text)
    return found


def _of_platform() -> list[str]:
    there = ssl.create_default_context().get_ca_certs(binary_form=True)
    if there:
        return [ssl.DER_cert_to_PEM_cert(der).strip() for der in there]
    for path in map(Path, _USUAL_BUNDLES):
        if path.is_file():
            return _blocks(path)
    return _blocks_below(Path("/etc/ssl/certs"))


def _blocks(path: Path) -> list[str]:
    """
    :raises BadSettings: there is no certificate in the file, or one that is none.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as e:
        raise BadSettings(reason=f"{str(path)!r}: {e.strerror}") from e
    blocks = [match[0] for match in _PEM.finditer(text)]
    if not blocks:
        raise BadSettings(reason=f"{str(path)!r} holds no certificates in PEM form")
    for n, block in enumerate(blocks, 1):
        try:
            _certificate(block)
        except (CryptoError, ValueError):
            reason = f"{str(path)!r}: certificate {n} of {len(blocks)} is damaged"
            raise BadSettings(reason=reason) from None
    return blocks


def _blocks_below(directory: Path) -> list[str]:
    """
    Of all files that have any; the others are none of our business.
    """
    found: list[str] = []
    try:
        paths = sorted(path for path in directory.iterdir() if path.is_file())
    except OSError:
        return []
    for path in paths:
        try:
            found += _blocks(path)
        except BadSettings:
            continue
    return found


def _certificate(block: str) -> Certificate:
    certificate: Certificate = Certificate.loadPEM(block.encode())
    return certificate
