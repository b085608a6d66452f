"""
What the nouns are made of.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from proxypypi.moments import LATEST


def possible(moment: float) -> float | None:
    """
    POSIX seconds that a date can be made from; :obj:`None` if these are not.
    """
    return moment if 0 <= moment <= LATEST else None


def read_only(mapping: Mapping[str, str]) -> Mapping[str, str]:
    if isinstance(mapping, MappingProxyType):  # of a noun that this one is made from
        return mapping
    return MappingProxyType(dict(mapping))


def read_only_unless_bool(value: Any) -> Any:
    return value if value is None or isinstance(value, bool) else read_only(value)
