"""
Moments, as RFC 3339 writes them and as we count: in POSIX seconds.
"""

import re
from datetime import datetime, timezone
from math import ceil

LATEST = 253_402_300_799  # POSIX seconds: the last that has a date, in the year 9999

_RFC_3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]((?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2})"
    r"(?:\.([0-9]+))?(?:[Zz]|([+-][0-9]{2}:[0-9]{2}))"
)


def parse_moment(text: str) -> float:
    """
    :param text: a time with its offset; what is finer than microseconds is cut off.
    :raises ValueError: it is none.
    """
    found = _RFC_3339.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no RFC 3339 time")
    day, time, fraction, offset = found.groups()
    # Before Python 3.11, fromisoformat knows no "Z", and fractions of six digits alone.
    micros = (fraction or "")[:6].ljust(6, "0")
    written = f"{day}T{time}.{micros}{offset or '+00:00'}"
    return datetime.fromisoformat(written).timestamp()


def render_second(moment: float) -> str:
    """
    The first whole second that is not before *moment*, in UTC; the last one there is
    for what is later.
    """
    second = datetime.fromtimestamp(ceil(min(moment, LATEST)), timezone.utc)
    return second.strftime("%Y-%m-%dT%H:%M:%SZ")
