"""
Certificates in files.
"""

import re
from pathlib import Path

from OpenSSL.crypto import Error as CryptoError
from twisted.internet.ssl import Certificate

from proxypypi.errors import BadSettings

_BLOCK = re.compile(
    r"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----(?:\s.+?-----END \1-----|.*)",
    re.S,
)


def certificates_in(path: Path) -> list[str]:
    """
    The certificates in a file, each in PEM; what else is there does not matter.

    :raises BadSettings: there is no certificate in the file, or one that is none.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as e:
        raise BadSettings(reason=f"{str(path)!r}: {e.strerror}") from e
    blocks = [match[0] for match in _BLOCK.finditer(text)]
    if not blocks:
        raise BadSettings(reason=f"{str(path)!r} holds no certificates in PEM form")
    for n, block in enumerate(blocks, 1):
        try:
            load_certificate(block)
        except (CryptoError, ValueError):
            reason = f"{str(path)!r}: certificate {n} of {len(blocks)} is damaged"
            raise BadSettings(reason=reason) from None
    return blocks


def load_certificate(block: str) -> Certificate:
    """
    :param block: in PEM.
    """
    certificate: Certificate = Certificate.loadPEM(block.encode())
    return certificate
