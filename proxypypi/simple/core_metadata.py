"""
Core metadata, as documents of the JSON API have it.
"""

from collections.abc import Mapping
from typing import Any

from packaging.metadata import parse_email

_SAME = (
    *("author", "author_email", "maintainer", "maintainer_email", "summary"),
    *("description", "description_content_type", "download_url", "dynamic"),
    *("home_page", "license", "license_expression", "license_files", "name"),
    *("project_urls", "provides_extra", "requires_dist", "requires_python"),
    *("classifiers", "version"),
)


def read_info(metadata: bytes) -> Mapping[str, Any]:
    """
    What can be understood of it; what cannot is left out.
    """
    raw: Mapping[str, Any] = parse_email(metadata)[0]
    info = {key: raw[key] for key in _SAME if raw.get(key) not in (None, "UNKNOWN")}
    if raw.get("keywords"):
        info["keywords"] = ",".join(raw["keywords"])
    if raw.get("platforms"):
        info["platform"] = ",".join(raw["platforms"])
    return info
