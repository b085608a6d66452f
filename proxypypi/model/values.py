"""
What the nouns are made of.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_LATEST = 253_402_300_799.0  # POSIX seconds: the last of the year 9999


def possible(moment: float) -> float | None:
    """
    POSIX seconds that a date can be made from; :obj:`None` if these are not.
    """
    return moment if 0 <= moment <= _LATEST else None


def read_only(mapping: Mapping[str, str]) -> Mapping[str, str]:
    if isinstance(mapping, MappingProxyType):  # of a noun that this one is made from
        return mapping
    return MappingProxyType(dict(mapping))


def read_only_unless_bool(value: Any) -> Any:
    return value if value is None or isinstance(value, bool) else read_only(value)
