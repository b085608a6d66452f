"""
What a user can set, checked and in the program's own units.
"""

import re
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from attrs import Attribute, field, frozen
from distlib.index import DEFAULT_INDEX as _DISTLIB_INDEX
from packaging.version import Version

from proxypypi.errors import BadSettings
from proxypypi.names import NormalizedName

DEFAULT_INDEX: str = urljoin(_DISTLIB_INDEX, "/simple/")
DEFAULT_LISTEN = "tcp:8000:interface=127.0.0.1"

_USERINFO = re.compile(r"(?s)^(.*?//)?.*@")
_QUERY = re.compile(r"(?s)([?#]).+")


def masked(url: str) -> str:
    """
    *url*, or what was meant to be one, without any user and password, and without what
    is in its query and its fragment.
    """
    return _QUERY.sub(r"\1***", _USERINFO.sub(r"\1***@", url))


def index_address(url: str) -> str:
    """
    An index's base address, with its final slash.

    :raises BadSettings: it is no absolute http or https address.
    """
    _check_address(url, "index address")
    return url if url.endswith("/") else url + "/"


def public_address(url: str) -> str:
    """
    The address that people use for this server, with a final slash.

    :raises BadSettings: it is no absolute http or https address, or has a password.
    """
    _check_address(url, "public address")
    if "@" in url:
        raise BadSettings(reason=f"{masked(url)!r}: it has a user or a password in it")
    return url if url.endswith("/") else url + "/"


def file_host(text: str) -> str:
    """
    An origin, such as ``https://files.example:8443``, or a host, with a port or not.

    :raises BadSettings: it is neither.
    """
    is_host = "//" not in text
    _check_address(f"https://{text}" if is_host else text, "file host")
    parts = urlsplit(f"https://{text}" if is_host else text)
    if parts.path not in ("", "/") or "@" in text:
        reason = f"{masked(text)!r} is no file host: it is more than scheme and host"
        raise BadSettings(reason=reason)
    return text


def _check_address(url: str, what: str) -> None:
    said = repr(masked(url))
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as e:
        # which may quote a password that has a slash in it
        why = "it is malformed" if "@" in url else str(e)
        raise BadSettings(reason=f"{said}: {why}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadSettings(
            reason=f"{said} is no {what}: it must start with http:// or https://"
        )
    if any(c.isspace() or not c.isprintable() for c in url):
        raise BadSettings(reason=f"{said} is no {what}: it has a space in it")
    if "?" in url or "#" in url:
        raise BadSettings(reason=f"{said} is no {what}: it has a query or a fragment")


def seconds(text: str) -> float:
    """
    A number of seconds, not negative.

    :raises BadSettings: *text* is not one.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < 1e10:
        raise BadSettings(
            reason=f"{masked(text)!r} is no number of seconds, such as 600 or 0.5"
        )
    return value


@frozen(kw_only=True)
class Credentials:
    """
    User and password, as HTTP's Basic scheme sends them (:rfc:`7617`).

    Neither is shown: there are indexes whose user is the secret.

    :ivar username: without a colon.
    """

    username: str = field(repr=False)
    password: str = field(default="", repr=False)

    @username.validator
    def _check_username(self, attribute: "Attribute[str]", value: str) -> None:
        if ":" in value:
            raise BadSettings(reason="a user name cannot have a colon in it")

    @classmethod
    def of_token(cls, token: str) -> "Credentials":
        """
        An API token, which indexes take as the password of the user ``__token__``.
        """
        return cls(username="__token__", password=token)

    @classmethod
    def of_url(cls, url: str) -> "Credentials | None":
        """
        User and password in an address, percent-decoded; either may be missing.
        """
        parts = urlsplit(url)
        if parts.username is None and parts.password is None:
            return None
        return cls(
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    @property
    def basic(self) -> bytes:
        """
        The value of an ``Authorization`` header.
        """
        return b"Basic " + b64encode(f"{self.username}:{self.password}".encode())


@frozen(kw_only=True)
class UpstreamSettings:
    """
    All settings of one upstream index. Use :meth:`from_url` to make them.

    :ivar name: what logs and pages call it.
    :ivar url: its base address, with a final slash and without credentials.
    :ivar projects: see :func:`~proxypypi.names.is_among`; what it is asked for.
    :ivar credentials: :obj:`None` to look into netrc.
    :ivar index_ttl: seconds a page is fresh; :obj:`None` for what all upstreams have.
    :ivar min_age: seconds; :obj:`None` for what all upstreams have.
    :ivar ca_bundle: PEM file of certificates to trust beside the usual ones.
    :ivar missing_status: what it answers if there is no such project.
    :ivar file_hosts: see :func:`file_host`; they are given the credentials, too, and
        may have private addresses.
    """

    name: str
    url: str = field()
    projects: tuple[str, ...] = ("*",)
    credentials: Credentials | None = None
    index_ttl: float | None = None
    min_age: float | None = None
    ca_bundle: Path | None = None
    missing_status: frozenset[int] = frozenset({404, 410})
    file_hosts: tuple[str, ...] = field(default=())

    @url.validator
    def _check_url(self, attribute: "Attribute[str]", value: str) -> None:
        if index_address(value) != value or "@" in urlsplit(value).netloc:
            raise BadSettings(
                reason=f"{masked(value)!r}: no final slash, or credentials in it"
            )

    @file_hosts.validator
    def _check_file_hosts(self, attribute: Any, value: tuple[str, ...]) -> None:
        for text in value:
            file_host(text)

    @classmethod
    def from_url(cls, url: str, **more: Any) -> "UpstreamSettings":
        """
        :param url: as users write it; may hold credentials.
        :param more: attributes; without a name among them it is host and path.
        :raises BadSettings: it is no address, or there are credentials in both.
        """
        parts = urlsplit(index_address(url))
        found = Credentials.of_url(url)
        if found is not None:
            if more.get("credentials") is not None:
                raise BadSettings(
                    reason=f"{masked(url)!r}: there are credentials beside those in it"
                )
            more["credentials"] = found
        host = parts.netloc.rpartition("@")[2]
        bare = urlunsplit((parts.scheme, host, parts.path, "", ""))
        name = (host + parts.path.rstrip("/")).removesuffix("/simple")
        return cls(url=bare, **{"name": name, **more})


DEFAULT_UPSTREAM = UpstreamSettings.from_url(DEFAULT_INDEX)


@frozen(kw_only=True)
class CooldownExemption:
    """
    Files of a project that ``min-age`` does not hold back.

    :ivar version: that they are of; :obj:`None` for any.
    :ivar sha256: hex digest of the only one, in lower case; :obj:`None` for any.
    :ivar ends_at: POSIX seconds; :obj:`None` if it does not end.
    :ivar note: why, in the user's words.
    """

    project: NormalizedName
    version: Version | None = None
    sha256: str | None = None
    ends_at: float | None = None
    note: str = ""


@frozen(kw_only=True)
class UserSettings:
    """
    What one user may do.

    :ivar projects: globs of the normalized names of those that may be uploaded.
    """

    name: str
    projects: tuple[str, ...]


@frozen(kw_only=True)
class Settings:
    """
    All settings of one server.

    :ivar directory: where files are kept and private ones are found; absolute.
    :ivar listen: Twisted server endpoint descriptions.
    :ivar upstreams: the indexes to ask, in order; empty to ask none.
    :ivar index_ttl: seconds a fetched project page is fresh.
    :ivar private: globs of normalized names of which no upstream is ever asked.
    :ivar deny: globs of normalized names that are refused.
    :ivar min_age: seconds; files of an index that are younger are held back.
    :ivar withhold: seconds; files that were younger when they vanished upstream are
        withheld.
    :ivar max_size: bytes that cached files may have together; :obj:`None` for any
        number.
    :ivar min_free: bytes of the directory's volume that files kept there must leave
        free, 0 for none; :obj:`None` for :func:`proxypypi.store.room.usual`.
    :ivar max_upload: bytes that an uploaded file may have.
    :ivar public_url: the address people use, with a final slash; empty if not known.
    :ivar workers: how many processes serve; 1 for this one alone.
    :ivar drain: seconds that running transfers may go on after the end was asked for.
    :ivar upload_auth: the file of those who may upload and administer; :obj:`None` if
        nobody may upload.
    :ivar read_auth: the file of those who may read; :obj:`None` for everybody.
    :ivar users: what is said of some of those in :attr:`upload_auth`.
    :ivar cooldown_exemptions: of files that are too young otherwise.
    """

    directory: Path
    listen: tuple[str, ...] = (DEFAULT_LISTEN,)
    upstreams: tuple[UpstreamSettings, ...] = (DEFAULT_UPSTREAM,)
    index_ttl: float = 600.0
    private: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    min_age: float = 0.0
    withhold: float = 14 * 86_400.0
    max_size: int | None = None
    min_free: int | None = None
    max_upload: int = 2_000_000_000
    public_url: str = ""
    workers: int = 1
    drain: float = 30.0
    upload_auth: Path | None = None
    read_auth: Path | None = None
    users: tuple[UserSettings, ...] = ()
    cooldown_exemptions: tuple[CooldownExemption, ...] = ()

    @property
    def upstream_names(self) -> tuple[str, ...]:
        return tuple(upstream.name for upstream in self.upstreams)
