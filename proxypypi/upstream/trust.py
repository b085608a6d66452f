"""
Which certificate authorities are believed.

``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` take the place of the platform's authorities, and
an upstream's own bundle is added to either. OpenSSL knows the variables, too, but reads
a directory only if its files are named by hashes, takes an empty value for a file, says
nothing of one that is missing, and cannot add to them. So it is left to itself only
when none of the three is used.
"""

import ssl
from collections.abc import Iterable, Mapping
from os import pathsep
from pathlib import Path

from twisted.internet.ssl import platformTrust, trustRootFromCertificates
from twisted.logger import Logger
from twisted.web.client import BrowserLikePolicyForHTTPS, HostnameCachingHTTPSPolicy
from twisted.web.iweb import IPolicyForHTTPS

from proxypypi.errors import BadSettings
from proxypypi.pem import certificates_in, load_certificate

_FILE, _DIRECTORY = "SSL_CERT_FILE", "SSL_CERT_DIR"

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
            blocks |= dict.fromkeys(certificates_in(ca_bundle))
        root = trustRootFromCertificates([load_certificate(b) for b in blocks])
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
            found += certificates_in(Path(file))
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
            return certificates_in(path)
    return _blocks_below(Path("/etc/ssl/certs"))


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
            found += certificates_in(path)
        except BadSettings:
            continue
    return found
