"""
Attestations that come with a file (:pep:`740`): of the right form, and of that file.

Signatures are for those to check who install it; nobody has to believe us.
"""

import binascii
from base64 import b64decode
from typing import Annotated, Any

import msgspec

from proxypypi.errors import BadRequest

_MOST = 20
_Text = Annotated[str, msgspec.Meta(min_length=1)]


class _Envelope(msgspec.Struct):
    statement: _Text
    signature: _Text


class _Attestation(msgspec.Struct):
    version: int
    verification_material: dict[str, Any]
    envelope: _Envelope


class _Subject(msgspec.Struct):
    digest: dict[str, str]


class _Statement(msgspec.Struct):
    subject: list[_Subject]


def read_attestations(text: str, sha256: str) -> tuple[msgspec.Raw, ...]:
    """
    :param text: the form's field; empty for none.
    :param sha256: of the file, in lower-case hexadecimal.
    :returns: each as it was sent.
    :raises BadRequest: they are none, or of another file.
    """
    if not text.strip():
        return ()
    try:
        raw = msgspec.json.decode(text, type=list[msgspec.Raw])
        if len(raw) > _MOST:
            raise BadRequest(reason=f"there are more than {_MOST} attestations")
        for each in raw:
            attestation = msgspec.json.decode(each, type=_Attestation)
            content = b64decode(attestation.envelope.statement, validate=True)
            statement = msgspec.json.decode(content, type=_Statement)
            if sha256 not in (s.digest.get("sha256") for s in statement.subject):
                raise BadRequest(reason="an attestation is of another file")
            if attestation.version != 1:
                raise BadRequest(reason="an attestation is not of version 1")
    except (msgspec.MsgspecError, binascii.Error, ValueError, RecursionError) as e:
        reason = "the form's attestations are not a JSON array of such (PEP 740)"
        raise BadRequest(reason=reason) from e
    return tuple(msgspec.Raw(bytes(each)) for each in raw)


def provenance_of(attestations: tuple[msgspec.Raw, ...]) -> bytes:
    """
    The provenance object of a file.
    """
    bundle = {"publisher": {"kind": "proxypypi"}, "attestations": attestations}
    return msgspec.json.encode({"version": 1, "attestation_bundles": [bundle]})
