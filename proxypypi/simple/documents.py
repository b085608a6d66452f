"""
Documents of the JSON API: of a project, and of one of its releases.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from attrs import field, frozen

from proxypypi.errors import UnreadablePage
from proxypypi.model import Distribution
from proxypypi.names import NormalizedName

_DIGESTS = {"blake2b": "blake2b_256", "md5": "md5", "sha256": "sha256"}
_PACKAGE_TYPES = {
    ".whl": "bdist_wheel",
    ".egg": "bdist_egg",
    ".exe": "bdist_wininst",
    ".msi": "bdist_msi",
    ".rpm": "bdist_rpm",
    ".deb": "bdist_dumb",
    ".dmg": "bdist_dmg",
}
_NOBODY: Mapping[str, Any] = {"organization": None, "roles": []}


class _File(msgspec.Struct, gc=False, kw_only=True):
    comment_text: Any = ""
    core_metadata: Any = msgspec.field(default=msgspec.UNSET, name="core-metadata")
    digests: Any = None
    downloads: Any = -1
    filename: str
    has_sig: Any = False
    md5_digest: Any = None
    packagetype: Any = None
    python_version: Any = None
    requires_python: Any = None
    size: Any = None
    upload_time: Any = msgspec.UNSET
    upload_time_iso_8601: Any = msgspec.UNSET
    url: Any = ""
    yanked: Any = False
    yanked_reason: Any = None


class _Read(msgspec.Struct):
    info: dict[str, Any]
    releases: dict[str, list[_File]] | None = None
    urls: list[_File] | None = None
    last_serial: Any = None
    vulnerabilities: list[Any] | None = None
    ownership: dict[str, Any] | None = None


class _Written(msgspec.Struct, omit_defaults=True):
    info: dict[str, Any]
    last_serial: int
    ownership: Any
    urls: Sequence[_File]
    vulnerabilities: Sequence[Any]
    releases: Mapping[str, Sequence[_File]] | None = None


@frozen
class Document:
    """
    What an index says of a project in general, and of one of its releases.

    :ivar files: by name.
    """

    info: Mapping[str, Any]
    files: Mapping[str, _File] = field(factory=dict, repr=False)
    last_serial: int | None = None
    vulnerabilities: Sequence[Any] = ()
    ownership: Mapping[str, Any] | None = None

    @property
    def version(self) -> str:
        """
        Of that release; empty if it does not say.
        """
        version = self.info.get("version")
        return version if isinstance(version, str) else ""


_decoder = msgspec.json.Decoder(_Read)
_encoder = msgspec.json.Encoder(enc_hook=dict)  # of mappings that are no dict


def parse_document(body: bytes) -> Document:
    """
    :raises UnreadablePage: it is none.
    """
    try:
        read = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as e:
        raise UnreadablePage(reason=f"no document of the JSON API: {e}") from e
    releases = [*(read.releases or {}).values(), read.urls or []]
    serial = read.last_serial
    return Document(
        info=read.info,
        files={file.filename: file for release in releases for file in release},
        last_serial=serial if isinstance(serial, int) else None,
        vulnerabilities=read.vulnerabilities or (),
        ownership=read.ownership,
    )


@frozen(kw_only=True)
class Contents:
    """
    What a document of ours says.

    :ivar releases: the files of each version.
    :ivar version: of the release that it is about.
    :ivar whole: is it that of the project, with all its releases?
    :ivar about: what the index says of that release; :obj:`None` for nothing.
    :ivar theirs: what it says of the project's files; likewise.
    :ivar info: what the release says of itself, if the index says nothing.
    :ivar last_serial: of the page; :obj:`None` if it has none.
    """

    name: NormalizedName
    releases: Mapping[str, Sequence[Distribution]]
    version: str
    whole: bool
    about: Document | None
    theirs: Document | None
    info: Mapping[str, Any]
    last_serial: int | None


def render_document(contents: Contents, base: str) -> bytes:
    """
    :param base: our address, with a final slash.
    """
    about, theirs = contents.about, contents.theirs or contents.about
    known = theirs.files if theirs is not None else {}
    files_at = f"{base}files/{contents.name}/"
    releases = contents.releases
    wanted = releases if contents.whole else [contents.version]
    written = {
        version: [_write(d, known.get(d.filename), files_at) for d in releases[version]]
        for version in wanted
    }
    serial = theirs.last_serial if theirs is not None else None
    ownership = theirs.ownership if theirs is not None else None
    return _encoder.encode(
        _Written(
            info=_info(contents, base),
            last_serial=serial or contents.last_serial or 0,
            ownership=ownership or _NOBODY,
            urls=written[contents.version],
            vulnerabilities=about.vulnerabilities if about is not None else (),
            releases=written if contents.whole else None,
        )
    )


def _info(contents: Contents, base: str) -> dict[str, Any]:
    name, version = contents.name, contents.version
    files = contents.releases[version]
    reasons = [d.yanked for d in files if d.yanked is not False]
    yanked = len(reasons) == len(files)
    page = f"{base}simple/{name}/"
    if contents.about is not None:
        info = dict(contents.about.info)
    else:
        said = {"name": name, "requires_python": _requires_python(files)}
        at = {"package_url": page, "project_url": page, "release_url": page}
        info = {**_EMPTY, **said, **contents.info, **at}
    return {
        **info,
        "version": version,
        "yanked": yanked,
        "yanked_reason": next(filter(None, reasons), None) if yanked else None,
    }


_EMPTY: Mapping[str, Any] = {
    "author": None,
    "author_email": None,
    "bugtrack_url": None,
    "classifiers": [],
    "description": "",
    "description_content_type": None,
    "docs_url": None,
    "download_url": None,
    "downloads": {"last_day": -1, "last_month": -1, "last_week": -1},
    "dynamic": None,
    "home_page": "",
    "keywords": None,
    "license": None,
    "license_expression": None,
    "license_files": None,
    "maintainer": None,
    "maintainer_email": None,
    "name": "",
    "package_url": "",
    "platform": None,
    "project_url": "",
    "project_urls": {},  # there are programs that take no null for it
    "provides_extra": None,
    "release_url": "",
    "requires_dist": None,
    "requires_python": None,
    "summary": None,
    "version": "",
}


def _requires_python(files: Iterable[Distribution]) -> str | None:
    return next((d.requires_python for d in files if d.requires_python), None)


def _write(listed: Distribution, theirs: _File | None, files_at: str) -> _File:
    """
    A file as the page lists it, and what the index adds if it means that file.
    """
    digests = {_DIGESTS[a]: d for a, d in listed.hashes.items() if a in _DIGESTS}
    known = _digests_of(theirs)
    others = any(digests.get(a, d) != d for a, d in known.items())
    if theirs is None or others:
        theirs, known = _File(filename=listed.filename), {}
    digests = {**known, **digests}
    time = listed.uploaded_at and listed.upload_time
    return msgspec.structs.replace(
        theirs,
        digests=digests,
        md5_digest=digests.get("md5"),
        packagetype=theirs.packagetype or _package_type(listed.filename),
        python_version=theirs.python_version or _python_version(listed.filename),
        requires_python=listed.requires_python,
        size=theirs.size if listed.size is None else listed.size,
        upload_time=time[:19] if time else theirs.upload_time,
        upload_time_iso_8601=time or theirs.upload_time_iso_8601,
        url=files_at + quote(listed.filename),
        yanked=listed.yanked is not False,
        yanked_reason=listed.yanked or None,
        core_metadata=(
            msgspec.UNSET if listed.core_metadata is None else listed.core_metadata
        ),
    )


def _digests_of(file: _File | None) -> dict[str, str]:
    if file is None or not isinstance(file.digests, dict):
        return {}
    return {a: d for a, d in file.digests.items() if isinstance(d, str)}


def _package_type(filename: str) -> str:
    return _PACKAGE_TYPES.get(filename[-4:].lower(), "sdist")


def _python_version(filename: str) -> str:
    """
    What warehouses call so: the Python tag of a wheel.
    """
    kind, parts = _package_type(filename), filename[:-4].split("-")
    if kind == "bdist_wheel" and len(parts) >= 5:
        return parts[-3]
    if kind == "bdist_egg" and len(parts) >= 3:
        return parts[2].removeprefix("py")
    return "source" if kind == "sdist" else "any"
