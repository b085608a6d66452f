"""
The tables of the file: upstreams, and exemptions from the cooldown.
"""

from attrs import evolve

from proxypypi.errors import BadSettings
from proxypypi.layers import Layer
from proxypypi.options import EXEMPTION, UPSTREAM, Table
from proxypypi.settings import CooldownExemption, Credentials, UpstreamSettings

_LONGEST_PASSWORD = 65536

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
            table.refuse("name", f"another upstream is called {name!r}")
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
        if ("version" in table.said) == ("sha256" in table.said):
            table.refuse("version", "say it or sha256, one of them")
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
            with bundle.open("rb"):
                pass
        except OSError as e:
            table.refuse("ca-bundle", f"{str(bundle)!r}: {e.strerror}")
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
    try:
        with path.open("rb") as f:
            password: str = f.read(_LONGEST_PASSWORD).decode().rstrip("\r\n")
    except OSError as e:
        table.refuse("password-file", f"{str(path)!r}: {e.strerror}")
        return ""
    except UnicodeDecodeError:
        table.refuse("password-file", f"{str(path)!r} is not UTF-8 text")
        return ""
    if not password:
        table.refuse("password-file", f"{str(path)!r} is empty")
    return password
