"""
What kinds of values options take, and how each is read.

A value comes as text from the command line and the environment, and as text or one of
TOML's own types from the file. Whatever is refused is refused in a sentence that says
what would have been allowed; it holds the value, unless that may be a secret.
"""

import re
import string
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

from attrs import frozen
from packaging.version import Version

from proxypypi.errors import BadName, BadSettings
from proxypypi.names import NormalizedName, normalize
from proxypypi.settings import (
    UpstreamSettings,
    file_host,
    masked,
    public_address,
    seconds,
)

_SIZE = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,9})?) *(?:([kmgt])(i?))?b?", re.A | re.I)
_DURATION = re.compile(r"([0-9]{1,10}(?:\.[0-9]{1,9})?) *([smhd])", re.A)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LARGEST = 1 << 63
_MOST_SHOWN = 5  # values of an array
_LONGEST = 10**10
_GLOB = re.compile(r"(?!!)[A-Za-z0-9._*?!\[\]-]{1,200}", re.A)
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].+)?", re.A)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.A)
_FLAGS = {
    **dict.fromkeys(("true", "yes", "1"), True),
    **dict.fromkeys(("false", "no", "0"), False),
}


@frozen(kw_only=True)
class Kind:
    """
    What a value may be.

    :ivar unit: what stands for it in help, such as ``SECONDS``; empty for a flag.
    :ivar allowed: what it has to be; follows "is not".
    :ivar parse: makes it of text; raises :exc:`BadSettings`.
    :ivar native: types of TOML's that are good beside text.
    :ivar secret: may it not be shown?
    """

    unit: str
    allowed: str
    parse: Callable[[str], Any]
    native: tuple[type, ...] = ()
    secret: bool = False

    def read(self, value: object) -> Any:
        """
        :param value: text, or what TOML made of it.
        :raises BadSettings: it is not of this kind.
        """
        if isinstance(value, str):
            return self.parse(value)
        if type(value) not in self.native or _is_huge(value):
            raise BadSettings(reason=f"{self.show(value)} is not {self.allowed}")
        if isinstance(value, date):
            return self.parse(value.isoformat())
        return self.parse(str(value))

    def show(self, value: object) -> str:
        """
        A value as messages show it.
        """
        return "this" if self.secret else shown(value)


def shown(value: object) -> str:
    """
    A value as messages show it: of an address no credentials and no query, of what may
    hold a password beside its user no text.
    """
    if isinstance(value, str):
        return repr(masked(value))
    if isinstance(value, list):
        return f"[{', '.join(map(_shown_in_array, value[:_MOST_SHOWN]))}]"
    if isinstance(value, dict):
        return "a table"
    return "a huge number" if _is_huge(value) else str(value)


def _shown_in_array(value: object) -> str:
    if isinstance(value, list):
        return "[...]"
    return "'***'" if isinstance(value, str) else shown(value)


def _is_huge(value: object) -> bool:
    return isinstance(value, int) and value.bit_length() > 128  # Python's limit is 4300


def _bad(text: str, why: str) -> BadSettings:
    return BadSettings(reason=f"{shown(text)} is {why}")


def size(text: str) -> int:
    """
    Bytes, or a number with a unit, such as ``500MB`` or ``1.5 GiB``.

    :raises BadSettings: *text* is neither, or is 8 EiB or more.
    """
    found = _SIZE.fullmatch(text)
    if found is None or ("." in found[1] and found[2] is None):
        raise _bad(text, f"not {SIZE.allowed}")
    base = 1024 if found[3] else 1000
    power = " kmgt".index((found[2] or " ").lower())
    value = int(Fraction(found[1]) * base**power)
    if value >= _LARGEST:
        raise _bad(text, "more bytes than a file system has")
    return value


def duration(text: str) -> float:
    """
    Seconds, or a number with a unit, such as ``7d`` or ``1.5h``.

    :raises BadSettings: *text* is neither, or is longer than 300 years.
    """
    found = _DURATION.fullmatch(text)
    value = Fraction(found[1]) * _UNITS[found[2]] if found else None
    if value is None:
        try:
            return seconds(text)
        except BadSettings:
            raise _bad(text, f"not {DURATION.allowed}") from None
    if value >= _LONGEST:
        raise _bad(text, f"not {DURATION.allowed}: it is too long")
    return float(value)


def flag(text: str) -> bool:
    value = _FLAGS.get(text.lower())
    if value is None:
        raise _bad(text, f"not {FLAG.allowed}")
    return value


def _address(text: str) -> str:
    if not text or set(text) - set(string.ascii_letters + string.digits + ".:-_%"):
        raise _bad(text, f"not {ADDRESS.allowed}")
    return text


def _integer(text: str, lowest: int, highest: int) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= 9
    value = int(text) if is_number else -1
    return value if lowest <= value <= highest else None


def _port(text: str) -> int:
    port = _integer(text, 0, 65535)
    if port is None:
        raise _bad(text, f"not {PORT.allowed}")
    return port


def _count(text: str) -> int:
    count = _integer(text, 1, 64)
    if count is None:
        raise _bad(text, f"not {COUNT.allowed}")
    return count


def _status(text: str) -> int:
    status = _integer(text, 400, 499)
    if status is None:
        raise _bad(text, f"not {STATUS.allowed}")
    return status


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise _bad(text, "not a path")
    if "://" in text:
        raise _bad(text, "not a path, but an address")
    return Path(text)


def _users(text: str) -> Path:
    kind, colon, path = text.partition(":")
    if kind != "htpasswd" or not colon or not path:
        said = f"{kind}:***" if path else text  # it may be USER:PASSWORD
        raise _bad(said, f"not {USERS.allowed}")
    return _path(path)


def _text(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise _bad(text, f"not {TEXT.allowed}")
    return text


def _secret(text: str) -> str:
    if not text:
        raise BadSettings(reason="it is empty")
    return text


def _glob(text: str) -> str:
    if not _GLOB.fullmatch(text):
        raise _bad(text, f"not {GLOB.allowed}")
    return re.sub(r"[-_.]+", "-", text).lower()


def _projects(text: str) -> str:
    unwanted = text.startswith("!")
    return f"!{_glob(text[1:])}" if unwanted else _glob(text)


def _project(text: str) -> NormalizedName:
    try:
        return normalize(text)
    except BadName:
        raise _bad(text, f"not {PROJECT.allowed}") from None


def _version(text: str) -> Version:
    try:
        return Version(text)
    except ValueError:
        raise _bad(text, f"not {VERSION.allowed}") from None


def _sha256(text: str) -> str:
    if not _SHA256.fullmatch(text.lower()):
        raise _bad(text, f"not {SHA256.allowed}")
    return text.lower()


def _instant(text: str) -> float:
    found = _INSTANT.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        if found[1] is None:
            midnight = datetime.combine(date.fromisoformat(text), time.min)
            at = midnight + timedelta(days=1)
        else:
            at = datetime.fromisoformat(re.sub("[Zz]$", "+00:00", text.upper()))
        if at.tzinfo is None:
            at = at.replace(tzinfo=timezone.utc)
        return at.timestamp()
    except (ValueError, OverflowError):
        raise _bad(text, f"not {INSTANT.allowed}") from None


DIRECTORY = Kind(unit="DIR", allowed="a path in quotes", parse=_path)
FILE = Kind(unit="FILE", allowed="a path in quotes", parse=_path)
USERS = Kind(
    unit="htpasswd:FILE",
    allowed="htpasswd: and a path, such as 'htpasswd:/etc/proxypypi/users'",
    parse=_users,
    secret=True,
)
TEXT = Kind(unit="TEXT", allowed="some text on one line", parse=_text)
SECRET = Kind(unit="TEXT", allowed="text", parse=_secret, secret=True)
FLAG = Kind(
    unit="",
    allowed="one of true, false, yes, no, 1, 0",
    parse=flag,
    native=(bool, int),
)
ENDPOINT = Kind(
    unit="ENDPOINT",
    allowed="a server endpoint, such as 'tcp:8000:interface=127.0.0.1'",
    parse=str,
)
ADDRESS = Kind(
    unit="ADDR",
    allowed="an address, such as 127.0.0.1, ::1 or 0.0.0.0",
    parse=_address,
)
PORT = Kind(
    unit="N",
    allowed="a port, which is a number up to 65535",
    parse=_port,
    native=(int,),
)
COUNT = Kind(
    unit="N",
    allowed="a number of processes, from 1 to 64",
    parse=_count,
    native=(int,),
)
INDEX = Kind(
    unit="URL",
    allowed="an index address: it must start with http:// or https://",
    parse=UpstreamSettings.from_url,
)
SECONDS = Kind(
    unit="SECONDS",
    allowed="a number of seconds, such as 600 or 0.5",
    parse=seconds,
    native=(int, float),
)
DURATION = Kind(
    unit="DURATION",
    allowed="a number of seconds, such as 600, or a number with s, m, h or d",
    parse=duration,
    native=(int, float),
)
SIZE = Kind(
    unit="SIZE",
    allowed="a number of bytes, or a number with kB, MB, GB, TB, KiB, MiB, GiB or TiB",
    parse=size,
    native=(int,),
)
STATUS = Kind(
    unit="STATUS",
    allowed="an HTTP status from 400 to 499",
    parse=_status,
    native=(int,),
)
GLOB = Kind(unit="GLOB", allowed="a glob of project names", parse=_glob)
PROJECTS = Kind(
    unit="GLOB",
    allowed="a glob of project names, or one after a ! for all but those",
    parse=_projects,
)
FILE_HOST = Kind(
    unit="HOST", allowed="a host, or an address with no path", parse=file_host
)
PUBLIC = Kind(
    unit="URL",
    allowed="an address: it must start with http:// or https://",
    parse=public_address,
)
PROJECT = Kind(unit="NAME", allowed="a project name", parse=_project)
VERSION = Kind(unit="VERSION", allowed="a version (PEP 440)", parse=_version)
SHA256 = Kind(unit="DIGEST", allowed="a sha256: 64 hex digits", parse=_sha256)
INSTANT = Kind(
    unit="WHEN",
    allowed="a date, such as 2026-11-01, or an RFC 3339 time",
    parse=_instant,
    native=(date, datetime),
)
