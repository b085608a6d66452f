"""
How many, and how much: as people read it.
"""

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def plural(count: int, what: str) -> str:
    """
    ``1 file``, ``2,000 files``.
    """
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def volume(size: float) -> str:
    """
    ``999 bytes``, ``2.5 MB``.

    :param size: bytes.
    """
    for unit in _UNITS:
        if size < 1_000 or unit == _UNITS[-1]:
            break
        size /= 1_000
    return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
