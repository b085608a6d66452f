"""
How many, and how much: as people read it.
"""

_UNITS = ("kB", "MB", "GB", "TB", "PB")


def plural(count: int, what: str) -> str:
    """
    So many of them: ``1 file``, ``2,000 files``.
    """
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def amount(size: int) -> str:
    """
    So much, in units that are read at a glance: ``1.7 MB``.

    :param size: bytes.
    """
    if size < 1_000:
        return plural(size, "byte")
    said = ""
    for power, unit in enumerate(_UNITS, 1):
        count = size / 1_000**power
        said = f"{count:,.1f} {unit}"
        if round(count, 1) < 1_000:
            break
    return said
