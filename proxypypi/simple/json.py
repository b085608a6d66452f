"""
Project pages and the project list as JSON (PEP 691, 700, 714, 740, 792).
"""

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

import msgspec

from proxypypi.errors import UnreadablePage
from proxypypi.model import Distribution, ProjectPage
from proxypypi.moments import render_second
from proxypypi.names import NormalizedName
from proxypypi.simple import links

API_VERSION = "1.4"
_SIZELESS_VERSION = "1.0"  # from 1.1 on every file has a size

_LONGEST_VERSION = 200


class _File(msgspec.Struct, gc=False, rename="kebab", omit_defaults=True):
    """
    A file as we write it. What is :obj:`None` is left out.
    """

    filename: Any = None
    url: Any = None
    hashes: Any = None
    requires_python: Any = None
    size: Any = None
    upload_time: Any = None
    yanked: Any = None
    core_metadata: Any = None
    provenance: Any = None
    gpg_sig: Any = None


class _ReadFile(_File, gc=False, rename="kebab"):
    """
    A file as others write it. The two further keys make some installers crash, so
    that only this class has them (PEP 714).
    """

    dist_info_metadata: Any = None
    data_dist_info_metadata: Any = None


class _Meta(msgspec.Struct, rename={"api_version": "api-version"}, omit_defaults=True):
    api_version: str
    _last_serial: Any = msgspec.field(default=None, name="_last-serial")


class _Page(msgspec.Struct, rename="kebab", omit_defaults=True):
    meta: _Meta
    name: str
    versions: tuple[str, ...]
    files: list[_File]
    project_status: Any = None
    held_back: Any = msgspec.field(default=None, name="_held-back")


class _ReadPage(msgspec.Struct, rename="kebab"):
    files: list[_ReadFile]
    meta: Any = None
    versions: Any = None
    project_status: Any = None


_decoder = msgspec.json.Decoder(_ReadPage)
_encoder = msgspec.json.Encoder(enc_hook=dict)  # of mappings that are no dict


def parse_page(body: bytes, base_url: str, name: NormalizedName) -> ProjectPage:
    """
    :param base_url: the page's own address; relative links start there.
    :raises UnreadablePage: it is no JSON, no project page, or of another version.
    """
    try:
        page = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as e:
        raise UnreadablePage(reason=f"page is no JSON project page: {e}") from e
    meta = _mapping(page.meta)
    version = meta.get("api-version")
    links.check_version("1.0" if version is None else version)
    status = _mapping(page.project_status)
    distributions, ambiguous = links.first_of_each(
        _read(base_url, file) for file in page.files
    )
    return ProjectPage(
        name=name,
        distributions=distributions,
        ambiguous=ambiguous,
        versions=_versions(page.versions),
        status=links.status(status.get("status")),
        status_reason=links.words(status.get("reason")),
        last_serial=links.serial(meta.get("_last-serial")),
    )


def render_page(page: ProjectPage) -> bytes:
    """
    What is not known is left out. Names with an underscore are free for indexes' own
    use.
    """
    sized = all(d.size is not None for d in page.distributions)
    wire = _Page(
        meta=_Meta(
            api_version=API_VERSION if sized else _SIZELESS_VERSION,
            _last_serial=page.last_serial,
        ),
        name=page.name,
        versions=page.versions,
        files=[_write(d) for d in page.distributions],
    )
    if page.status is not None:
        wire.project_status = {"status": page.status}
        if page.status_reason is not None:
            wire.project_status["reason"] = page.status_reason
    if page.held_back is not None:
        wire.held_back = {"files": page.held_back.files}
        if isfinite(page.held_back.until):
            wire.held_back["until"] = render_second(page.held_back.until)
    return _encoder.encode(wire)


def render_list(names: Iterable[str]) -> bytes:
    return _encoder.encode(
        {
            "meta": {"api-version": API_VERSION},
            "projects": [{"name": name} for name in names],
        }
    )


def _read(base_url: str, file: _ReadFile) -> Distribution | None:
    return links.read_distribution(
        base_url,
        file.filename,
        file.url,
        hashes=file.hashes,
        requires_python=file.requires_python,
        size=file.size,
        upload_time=file.upload_time,
        yanked="" if file.yanked is True else file.yanked or False,
        core_metadata=links.first_said(
            file.core_metadata, file.dist_info_metadata, file.data_dist_info_metadata
        ),
        provenance=file.provenance,
        gpg_sig=file.gpg_sig,
    )


def _write(distribution: Distribution) -> _File:
    return _File(
        distribution.filename,
        distribution.url,
        distribution.hashes,
        distribution.requires_python,
        distribution.size,
        distribution.upload_time,
        True if distribution.yanked == "" else distribution.yanked,
        distribution.core_metadata,
        distribution.provenance,
        distribution.gpg_sig,
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _versions(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(
        v for v in value if isinstance(v, str) and 0 < len(v) <= _LONGEST_VERSION
    )
