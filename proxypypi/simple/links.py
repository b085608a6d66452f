"""
What of an index's words about a file is believed, whatever form they came in.

An index may be careless or hostile. A value that is not what it should be counts as
not given; a file without a safe name or a usable address counts as not listed.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote, urljoin

from proxypypi.errors import BadName, UnreadablePage
from proxypypi.model import Distribution
from proxypypi.names import check_filename

STATUSES = frozenset({"active", "archived", "quarantined", "deprecated"})  # PEP 792

_LONGEST_URL = 8_000
_LONGEST_REASON = 2_000
_LONGEST_SPECIFIER = 500
_LARGEST = 2**63 - 1

_ALGORITHMS = frozenset(hashlib.algorithms_guaranteed)
_DIGEST = re.compile(r"[0-9A-Fa-f]{1,512}")
_DELIMITERS = "%/:=&?~#+!$,;'@()*[]\\"
_ADDRESS = re.compile(
    r"""
    (?i: https? )://
    (?: [^\s/?#@\[\]\\]* @ )?
    (?: [A-Za-z0-9._-]+ | \[[0-9A-Fa-f:.]+\] )
    (?: :[0-9]{0,5} )?
    (?: [/?][!-~]* )?
    """,
    re.VERBOSE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(\.[0-9]{1,6})?[0-9]{0,3}(?:[Zz]|([+-])([0-9]{2}):?([0-9]{2}))?"
)


def read_distribution(
    base_url: str,
    filename: object,
    link: object,
    *,
    hashes: object = None,
    requires_python: object = None,
    size: object = None,
    upload_time: object = None,
    yanked: object = False,
    core_metadata: object = None,
    provenance: object = None,
    gpg_sig: object = None,
) -> Distribution | None:
    """
    A distribution, of values that may be anything.

    :param base_url: where *link* and *provenance* start if they are relative.
    :param yanked: the reason, which may be ``""``; else it is not yanked.
    :returns: :obj:`None` if it cannot be listed.
    """
    url = resolve(base_url, link)
    if url is None or not isinstance(filename, str):
        return None
    try:
        check_filename(filename)
    except BadName:
        return None
    return Distribution(
        filename=filename,
        url=url,
        hashes=_digests(hashes),
        requires_python=_specifier(requires_python),
        size=count(size),
        upload_time=_time(upload_time),
        yanked=_yanked(yanked),
        core_metadata=_core_metadata(core_metadata),
        provenance=None if provenance is None else resolve(base_url, provenance),
        gpg_sig=gpg_sig if isinstance(gpg_sig, bool) else None,
    )


def first_of_each(
    found: Iterable[Distribution | None],
) -> tuple[tuple[Distribution, ...], tuple[str, ...]]:
    """
    :returns: those that can be listed, of those with the same file name the first, and
        the names that were given to files of different digests.
    """
    listed: dict[str, Distribution] = {}
    ambiguous: dict[str, None] = {}
    for distribution in found:
        if distribution is None:
            continue
        first = listed.setdefault(distribution.filename, distribution)
        if first is not distribution and _differ(first.hashes, distribution.hashes):
            ambiguous[distribution.filename] = None
    return tuple(listed.values()), tuple(ambiguous)


def _differ(some: Mapping[str, str], others: Mapping[str, str]) -> bool:
    return any(some[a] != others[a] for a in some.keys() & others.keys())


def check_version(declared: object) -> None:
    """
    :raises UnreadablePage: it is not a version 1 of the Simple API.
    """
    if isinstance(declared, str | float):
        major: object = str(declared).strip().partition(".")[0]
    else:
        major = declared
    if major not in ("1", 1):
        raise UnreadablePage(reason="page is not of version 1 of the Simple API")


def resolve(base_url: str, link: object) -> str | None:
    """
    The absolute form of a link, without its fragment.

    It stays encoded as it is; what no address may contain is encoded, as installers do.

    :returns: :obj:`None` if it leads nowhere over http or https.
    """
    if not isinstance(link, str) or len(link) > _LONGEST_URL:
        return None
    url = link.partition("#")[0].strip()
    if not url or _ADDRESS.fullmatch(url):
        return url or None
    try:
        url = urljoin(base_url, quote(url, safe=_DELIMITERS))
    except ValueError:
        return None
    return url if _ADDRESS.fullmatch(url) else None


def count(value: object) -> int | None:
    """
    A number of bytes, or a serial.
    """
    if type(value) is int and 0 <= value <= _LARGEST:  # a bool is an int, too
        return value
    return None


def serial(value: object) -> int | None:
    """
    A number that counts an index's changes, be it written as text.
    """
    if isinstance(value, str) and len(value) < 19 and value.isascii():
        value = int(value) if value.isdigit() else None
    return count(value)


def words(value: object) -> str | None:
    """
    Text for people, without control characters and not too long.
    """
    if not isinstance(value, str):
        return None
    return _CONTROL.sub("", value[:_LONGEST_REASON])


def status(value: object) -> str | None:
    """
    A project status marker that we know.
    """
    return value if isinstance(value, str) and value in STATUSES else None


def first_said(*values: Any) -> Any:
    """
    Core metadata, of what stands under its names, the newest first (PEP 714).
    """
    for value in values:
        if isinstance(value, (bool, dict)):
            return value
    return None


def _digests(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    digests = {}
    for algorithm, digest in value.items():
        known = isinstance(algorithm, str) and algorithm.lower() in _ALGORITHMS
        if known and isinstance(digest, str) and _DIGEST.fullmatch(digest):
            digests[algorithm.lower()] = digest.lower()
    return digests


def _specifier(value: object) -> str | None:
    """
    Cut short, a specifier would mean something else.
    """
    if not isinstance(value, str) or len(value) > _LONGEST_SPECIFIER:
        return None
    return _CONTROL.sub("", value).strip() or None


def _time(value: object) -> str | None:
    """
    As :pep:`700` wants it, in UTC, which is also meant where no zone is given.

    Of a time in another form, installers make that the whole page is unreadable.
    """
    matched = _TIME.fullmatch(value) if isinstance(value, str) else None
    if matched is None:
        return None
    day, time, fraction, sign, hours, minutes = matched.groups()
    utc = f"{day}T{time}"
    try:
        moment = datetime.fromisoformat(utc)
        if sign is not None:
            east = timedelta(hours=int(f"{sign}{hours}"), minutes=int(sign + minutes))
            utc = (moment - east).isoformat()
    except (ValueError, OverflowError):
        return None
    return f"{utc}{fraction or ''}Z"


def _yanked(value: object) -> str | Literal[False]:
    reason = words(value)
    return False if reason is None else reason


def _core_metadata(value: object) -> Mapping[str, str] | bool | None:
    """
    Digests that we cannot use still say that there is metadata.
    """
    if isinstance(value, dict):
        return _digests(value) or True
    return value if isinstance(value, bool) else None
