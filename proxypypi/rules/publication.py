"""
May this file be published: does what its form, its name and its inside say agree?
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from attrs import evolve, field, frozen
from packaging.metadata import Metadata, RawMetadata
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from proxypypi.errors import BadName, BadRequest, NotDoneAnyMore
from proxypypi.names import (
    NormalizedName,
    check_filename,
    is_immutable,
    is_wheel,
    normalize,
    version_of,
)
from proxypypi.simple.core_metadata import read_headers

DIGESTS = {
    "sha256_digest": "sha256",
    "blake2_256_digest": "blake2b",
    "md5_digest": "md5",
}
"""
Fields of a form to the digests they are.
"""

_GONE = ("submit", "submit_pkg_info", "doc_upload")
_METADATA_VERSION = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}")
_LONGEST_VERSION = 200  # characters
_SINGLE = ("metadata_version", "name", "version")
_EGG = "bdist_egg"
_UNKNOWN = "UNKNOWN"


@frozen(kw_only=True)
class Claimed:
    """
    What somebody says of a file.

    :ivar name: :obj:`None` if that is left to the file.
    :ivar version: likewise.
    :ivar attestations: as the form has them; empty for none.
    :ivar hashes: algorithm to digest: in lower-case hexadecimal, of MD5 also in base64.
    """

    filename: str
    name: NormalizedName | None = None
    version: Version | None = None
    hashes: Mapping[str, str] = field(factory=dict)
    attestations: str = ""


@frozen(kw_only=True)
class Publication:
    """
    A file that is what it is said to be.
    """

    name: NormalizedName
    version: Version
    filename: str


def read_filename(filename: str) -> Claimed:
    """
    :raises BadRequest: no distribution that could be checked has such a name.
    """
    try:
        check_filename(filename)
    except BadName as e:
        raise BadRequest(reason=str(e)) from e
    if not is_immutable(filename) or not filename.isascii() or "%" in filename:
        shown = filename if len(filename) <= 60 else filename[:57] + "..."
        reason = f"{shown!a} is no wheel, sdist or egg by its name"
        raise BadRequest(reason=reason)
    return Claimed(filename=filename)


def read_form(fields: Mapping[str, str], filename: str) -> Claimed:
    """
    What the form of an upload says, as PyPI has them.

    :raises NotDoneAnyMore: it wants what no index does any more.
    :raises BadRequest: it is not one, or contradicts itself.
    """
    action = fields.get(":action")
    if action in _GONE:
        reason = f"{action} is not done any more: only files are uploaded"
        raise NotDoneAnyMore(reason=reason)
    if action != "file_upload":
        raise BadRequest(reason="the form's :action has to be file_upload")
    if fields.get("protocol_version", "1") != "1":
        raise BadRequest(reason="the form's protocol_version has to be 1")
    claimed = read_filename(filename)
    _check_kind(fields.get("filetype"), filename)
    hashes = {
        algorithm: fields[name].strip()
        for name, algorithm in DIGESTS.items()
        if fields.get(name, "").strip()
    }
    return evolve(
        claimed,
        name=read_name(fields.get("name", "")),
        version=_version(fields.get("version", ""), "the form"),
        hashes=hashes,
        attestations=fields.get("attestations", ""),
    )


def read_name(text: str) -> NormalizedName:
    """
    What the form of an upload says that the project is.

    :raises BadRequest: it is none.
    """
    return _name(text, "the form")


def check_hashes(claimed: Claimed, found: Mapping[str, str]) -> None:
    """
    :param found: digests of the file, of the algorithms that are claimed.
    :raises BadRequest: the file is another.
    """
    for algorithm, said in claimed.hashes.items():
        digest = found[algorithm]
        right = [digest]
        if algorithm == "md5":
            base64 = urlsafe_b64encode(bytes.fromhex(digest)).decode()
            right += [base64, base64.rstrip("=")]
        if said not in right and said.lower() != digest:
            reason = f"the file is not the one that the form's {algorithm} digest is of"
            raise BadRequest(reason=f"{reason}: upload it again")


def judge(claimed: Claimed, metadata: bytes | None) -> Publication:
    """
    :param metadata: the core metadata inside of the file; :obj:`None` for an egg, that
        has none that count.
    :raises BadRequest: form, file name and metadata do not agree.
    """
    name, version = claimed.name, claimed.version
    if metadata is not None:
        raw = read_metadata(metadata)
        inner_name = _name(raw["name"], "the metadata in the file")
        inner_version = _version(raw["version"], "the metadata in the file")
        if name is not None and name != inner_name:
            reason = f"the form says {name}, the metadata in the file {inner_name}"
            raise BadRequest(reason=reason)
        if version is not None and version != inner_version:
            reason = f"the form says version {version}, the metadata {inner_version}"
            raise BadRequest(reason=reason)
        name, version = inner_name, inner_version
    if name is None or version is None:
        raise BadRequest(reason="there is no metadata in the file")
    _check_filename(claimed.filename, name, version)
    return Publication(name=name, version=version, filename=claimed.filename)


def read_metadata(metadata: bytes) -> RawMetadata:
    """
    Core metadata of any version; what is new in it is let be.

    :raises BadRequest: it is not valid.
    """
    try:
        raw, unknown = read_headers(metadata)
    except Exception as e:  # whatever a parser makes of any bytes
        raise BadRequest(reason="the metadata in the file cannot be read") from e
    for name in _SINGLE:
        if name.replace("_", "-") in unknown:
            shown = name.replace("_", "-").title()
            reason = f"the metadata in the file has no single, readable {shown}"
            raise BadRequest(reason=reason)
        if name not in raw:
            shown = name.replace("_", "-").title()
            raise BadRequest(reason=f"the metadata in the file has no {shown}")
    if not _METADATA_VERSION.fullmatch(raw["metadata_version"]):
        raise BadRequest(reason="the metadata in the file is of no known version")
    # Some tools use fields that are newer than the version they say, and old ones say
    # that a field is UNKNOWN where they should leave it out.
    said: Any = {name: value for name, value in raw.items() if value != _UNKNOWN}
    said["metadata_version"] = "0.0"
    try:
        Metadata.from_raw(said)
    except Exception as e:
        for problem in getattr(e, "exceptions", (e,)):
            if getattr(problem, "field", "") != "metadata-version":
                reason = " ".join(str(problem).split())
                reason = f"the metadata in the file is invalid: {reason}"
                raise BadRequest(reason=reason) from e
    return raw


def _check_kind(kind: str | None, filename: str) -> None:
    """
    :param kind: the form's ``filetype``; :obj:`None` if it has none.
    """
    if not kind:
        return
    if is_wheel(filename):
        right = "bdist_wheel"
    elif filename.lower().endswith(".egg"):
        right = _EGG
    else:
        right = "sdist"
    if kind != right:
        shown = kind[:40]
        reason = f"the form's filetype is {shown!a}, but {filename} is a {right}"
        raise BadRequest(reason=reason)


def _check_filename(filename: str, name: NormalizedName, version: Version) -> None:
    reason = f"{filename} is not what a file of {name} {version} is called"
    if is_wheel(filename):
        try:
            found: Any = parse_wheel_filename(filename)[:2]
        except (InvalidWheelFilename, ValueError) as e:
            raise BadRequest(reason=f"{filename} is no wheel's name") from e
        if found != (name, version):
            raise BadRequest(reason=reason)
        return
    said = version_of(filename, name)
    try:
        agrees = said is not None and Version(said) == version
    except ValueError:
        agrees = False
    if not agrees:
        raise BadRequest(reason=reason)


def _name(text: str, where: str) -> NormalizedName:
    try:
        return normalize(text.strip())
    except BadName as e:
        raise BadRequest(reason=f"{where} has no valid project name") from e


def _version(text: str, where: str) -> Version:
    try:
        if len(text) > _LONGEST_VERSION:
            raise ValueError("too long")
        return Version(text)
    except ValueError as e:
        raise BadRequest(reason=f"{where} has no valid version (PEP 440)") from e
