"""
Core metadata, as documents of the JSON API have it.
"""

from collections.abc import Mapping
from email.parser import BytesHeaderParser
from typing import Any

from packaging.metadata import RawMetadata, parse_email

_SAME = (
    *("author", "author_email", "maintainer", "maintainer_email", "summary"),
    *("description", "description_content_type", "download_url", "dynamic"),
    *("home_page", "license", "license_expression", "license_files", "name"),
    *("project_urls", "provides_extra", "requires_dist", "requires_python"),
    *("classifiers", "version"),
)
_MOST_HEADERS = 20_000
_MOST_KINDS = 200  # of headers; there are some 30
_LONGEST = 10_000  # characters of a header
_TEXTS = ("license", "description")  # may be longer


def read_headers(metadata: bytes) -> tuple[RawMetadata, Mapping[str, list[str]]]:
    """
    What is understood of it, and what is not: as :func:`packaging.metadata.parse_email`
    has both, whose work grows with the square of what is in the headers.

    :raises ValueError: that is more than metadata has, or another kind of message.
    """
    message = BytesHeaderParser().parsebytes(metadata)
    names = [name.lower() for name, _ in message.items()]
    if len(names) > _MOST_HEADERS or len(set(names)) > _MOST_KINDS:
        raise ValueError("there are too many headers")
    for name, value in message.items():
        if len(str(value)) > _LONGEST and name.lower() not in _TEXTS:
            raise ValueError("there is a header that is too long")
    if message.get_content_maintype() != "text":
        raise ValueError("it has parts")
    return parse_email(metadata)


def read_info(metadata: bytes) -> Mapping[str, Any]:
    """
    What can be understood of it; what cannot is left out.
    """
    try:
        raw: Mapping[str, Any] = read_headers(metadata)[0]
    except ValueError:
        return {}
    info = {key: raw[key] for key in _SAME if raw.get(key) not in (None, "UNKNOWN")}
    if raw.get("keywords"):
        info["keywords"] = ",".join(raw["keywords"])
    if raw.get("platforms"):
        info["platform"] = ",".join(raw["platforms"])
    return info
