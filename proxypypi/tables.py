"""
The tables of the file: upstreams, exemptions from the cooldown, users.
"""

import errno
import os
import re
import select
import stat
from pathlib import Path

from attrs import evolve

from proxypypi.errors import BadSettings
from proxypypi.kinds import shown
from proxypypi.layers import Layer
from proxypypi.options import EXEMPTION, UPSTREAM, USER, Table
from proxypypi.pem import certificates_in
from proxypypi.settings import (
    CooldownExemption,
    Credentials,
    UpstreamSettings,
    UserSettings,
)

_LONGEST_PASSWORD = 65536  # bytes
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # HTTP has no way to send one (RFC 7617)
_PATIENCE = 5.0  # seconds for each piece of a pipe

_UPSTREAM_FIELDS = {
    "name": "name",
    "projects": "projects",
    "index-ttl": "index_ttl",
    "min-age": "min_age",
    "ca-bundle": "ca_bundle",
    "file-hosts": "file_hosts",
}


def upstreams(layer: Layer) -> tuple[UpstreamSettings, ...]:
    """
    :param layer: of the file, with the ``[[upstream]]`` tables as TOML made them. What
        is wrong with them becomes a problem of its.
    """
    made = []
    names: set[str] = set()
    for table in _tables(layer, UPSTREAM):
        name = table.values.get("name")
        if name in names:
            table.refuse("name", f"another upstream is called {shown(name)}")
        if name is not None:
            names.add(name)
        upstream = _upstream(table)
        if upstream is not None:
            made.append(upstream)
    return tuple(made)


def exemptions(layer: Layer) -> tuple[CooldownExemption, ...]:
    """
    :param layer: as for :func:`upstreams`.
    """
    made = []
    for table in _tables(layer, EXEMPTION):
        values = table.values
        project = values.get("project")
        if {"version", "sha256"} <= table.said:
            table.refuse("version", "it cannot be combined with sha256")
        if project is not None:
            made.append(
                CooldownExemption(
                    project=project,
                    version=values.get("version"),
                    sha256=values.get("sha256"),
                    ends_at=values.get("until"),
                    note=values.get("note", ""),
                )
            )
    return tuple(made)


def users(layer: Layer) -> tuple[UserSettings, ...]:
    """
    :param layer: as for :func:`upstreams`.
    """
    made: dict[str, UserSettings] = {}
    for table in _tables(layer, USER):
        name, projects = table.values.get("name"), table.values.get("projects")
        if name in made:
            table.refuse("name", f"another user is called {shown(name)}")
        elif name is not None and projects is not None:
            made[name] = UserSettings(name=name, projects=projects)
    return tuple(made.values())


def _tables(layer: Layer, table: Table) -> list[Layer]:
    found = []
    for number, content in enumerate(layer.values.get(table.name, ()), 1):
        inner = layer.below(table.name, number)
        inner.take_all(table.keys, content)
        for key in table.keys:
            if key.required and key.name not in content:
                inner.refuse(key.name, "it is missing")
        found.append(inner)
    return found


def _upstream(table: Layer) -> UpstreamSettings | None:
    values = table.values
    url: UpstreamSettings | None = values.get("url")
    credentials = _credentials(table)
    bundle = values.get("ca-bundle")
    if bundle is not None:
        try:
            certificates_in(bundle)
        except BadSettings as e:
            table.refuse("ca-bundle", str(e))
    if url is None:
        return None
    if credentials is not None and url.credentials is not None:
        table.refuse("url", "there are credentials in it and beside it")
    more = {f: values[key] for key, f in _UPSTREAM_FIELDS.items() if key in values}
    if "missing-status" in values:
        more["missing_status"] = frozenset(values["missing-status"])
    return evolve(url, credentials=credentials or url.credentials, **more)


def _credentials(table: Layer) -> Credentials | None:
    values, said = table.values, table.said
    ways = [key for key in ("token", "password-file", "password") if key in said]
    if len(ways) > 1:
        table.refuse(ways[0], f"it cannot be combined with {ways[1]}")
        return None
    if "token" in said and "username" in said:
        table.refuse("token", "it cannot be combined with username")
        return None
    if ways and ways != ["token"] and "username" not in said:
        table.refuse(ways[0], "it needs a username")
        return None
    if "token" in values:
        return Credentials.of_token(values["token"])
    password = values.get("password", "")
    if "password-file" in values:
        password = _password(table)
    if "username" not in values:
        return None
    try:
        return Credentials(username=values["username"], password=password)
    except BadSettings as e:
        table.refuse("username", str(e))
        return None


def _password(table: Layer) -> str:
    path = table.values["password-file"]
    password = ""
    try:
        content = _read(path)
        password = content.decode().rstrip("\r\n")
    except OSError as e:
        table.refuse("password-file", f"{str(path)!r}: {e.strerror}")
    except UnicodeDecodeError:
        table.refuse("password-file", f"{str(path)!r} is not UTF-8 text")
    else:
        if not password:
            table.refuse("password-file", f"{str(path)!r} is empty")
        elif len(content) > _LONGEST_PASSWORD:
            table.refuse("password-file", f"{str(path)!r} is too long for a password")
        elif _CONTROL.search(password):
            table.refuse("password-file", f"{str(path)!r} has a control character")
    return password


def _read(path: Path) -> bytes:
    """
    A file, or what a pipe has for us, such as that of a shell's ``<(command)``; a byte
    more than a password may have at most.

    :raises OSError: it is neither, or the pipe has nothing for too long.
    """
    with open(path, "rb", buffering=0, opener=_open_at_once) as file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_ISREG(mode):
            return file.read(_LONGEST_PASSWORD + 1)
        if not stat.S_ISFIFO(mode):
            raise OSError(errno.EINVAL, "it is no file")
        content = b""
        while len(content) <= _LONGEST_PASSWORD:
            if not select.select([file], [], [], _PATIENCE)[0]:
                raise OSError(errno.ETIMEDOUT, "nobody writes into it")
            piece = file.read(_LONGEST_PASSWORD + 1)
            if not piece:
                break
            content += piece
        return content


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
