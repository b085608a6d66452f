"""
The settings, out of four places: the command line beats the environment, which beats
the file, which beats the defaults.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import define, frozen

from proxypypi import layers, tables
from proxypypi.auth.htpasswd import read_users, weak
from proxypypi.errors import BadConfiguration, BadUsers
from proxypypi.kinds import shown
from proxypypi.layers import Layer, Place
from proxypypi.options import OPTIONS, group_of
from proxypypi.settings import Settings, UpstreamSettings


@frozen(kw_only=True)
class Configuration:
    """
    Settings, and where they come from.

    :ivar sources: the place of each option that is not a default.
    :ivar file: that was read, absolute; :obj:`None` if there is none.
    :ivar warnings: what should be better, in a line each.
    """

    settings: Settings
    sources: Mapping[str, Place]
    file: Path | None = None
    warnings: tuple[str, ...] = ()

    def complaint(self, name: str, reason: str) -> str:
        """
        What to say of an option whose value turned out to be bad.
        """
        source = self.sources.get(name)
        return reason if source is None else source.complaint(name, reason)


@define(eq=False)
class _Choice:
    """
    What the places say, taken together.

    :ivar said: what is not a default.
    :ivar values: all options, with their defaults, and tables.
    :ivar sources: the layers that *said* comes from.
    """

    said: Mapping[str, Any]
    values: Mapping[str, Any]
    sources: Mapping[str, Layer]


def configure(
    given: Mapping[str, Sequence[str]], variables: Mapping[str, str], directory: Path
) -> Configuration:
    """
    Read the file, if one is named, and decide. Also reads files of passwords.

    :param given: on the command line; see :func:`proxypypi.layers.command_line`.
    :param variables: the environment.
    :param directory: the working directory.
    :raises BadConfiguration: with all that is wrong in any of the places, even if
        another place overrides it.
    """
    problems: list[str] = []
    warnings: list[str] = []
    on_line = layers.command_line(given, directory, problems)
    around = layers.environment(variables, directory, problems)
    places = [on_line, around]
    path = None
    for layer in places:
        if path is None and "config" in layer.values:
            path = layer.values["config"]
            in_file = layers.file(path, layer, problems)
            for name, make in (
                ("upstream", tables.upstreams),
                ("cooldown-exemption", tables.exemptions),
                ("user", tables.users),
            ):
                if name in in_file.values:
                    in_file.values[name] = make(in_file)
            places = [on_line, around, in_file]
    choice = _choose(places)
    values = choice.values
    root = directory / values["dir"]
    upstreams = _upstreams(choice)
    if not problems:
        source = choice.sources.get("dir") or layers.defaults(directory, problems)
        _check_directory(root, values["no-proxy"], source)
        _check_upstreams(upstreams, choice.sources)
        warnings = _check_users(choice)
    if problems:
        raise BadConfiguration(problems=tuple(problems))
    settings = Settings(
        directory=root.resolve(),
        listen=_listen(choice),
        upstreams=upstreams,
        index_ttl=values["index-ttl"],
        private=values["private"],
        deny=values["deny"],
        min_age=values["min-age"],
        withhold=values["withhold"],
        max_size=values["max-size"],
        min_free=values["min-free"],
        max_upload=values["max-upload"],
        public_url=values["public-url"] or "",
        workers=values["workers"],
        drain=values["drain"],
        upload_auth=values["upload-auth"],
        read_auth=values["read-auth"],
        users=values.get("user", ()),
        cooldown_exemptions=values.get("cooldown-exemption", ()),
    )
    sources = {name: layer.place for name, layer in choice.sources.items()}
    return Configuration(
        settings=settings, sources=sources, file=path, warnings=tuple(warnings)
    )


def _choose(places: Sequence[Layer]) -> _Choice:
    """
    :param places: the highest first.
    """
    said: dict[str, Any] = {}
    sources: dict[str, Layer] = {}
    decided: set[str] = set()
    for layer in places:
        for name, value in layer.values.items():
            if group_of(name) not in decided:
                said[name], sources[name] = value, layer
        decided |= {group_of(name) for name in layer.values}
    defaults = {option.name: option.default_value() for option in OPTIONS}
    return _Choice(said, {**defaults, **said}, sources)


def _check_directory(path: Path, read_only: bool, source: Layer) -> None:
    if not path.is_dir():
        why = "it is no directory" if path.exists() else "there is no such directory"
        source.refuse("dir", f"{str(path)!r}: {why}")
    elif not read_only and not os.access(path, os.W_OK | os.X_OK):
        source.refuse(
            "dir",
            f"{str(path)!r}: it is not writable, which only --no-proxy does without",
        )


def _check_upstreams(
    upstreams: Sequence[UpstreamSettings], sources: Mapping[str, Layer]
) -> None:
    said = [text for upstream in upstreams for text in (upstream.url, upstream.name)]
    twice = next((text for text in said if said.count(text) > 1), None)
    if twice is not None:
        key = "upstream" if "upstream" in sources else "extra-index-url"
        sources[key].refuse(key, f"{shown(twice)} is there twice")


def _check_users(choice: _Choice) -> list[str]:
    """
    :returns: warnings.
    """
    warnings = []
    uploaders: Collection[str] = ()
    for option in ("upload-auth", "read-auth"):
        path = choice.values[option]
        if path is None:
            continue
        try:
            users = read_users(path)
        except BadUsers as e:
            choice.sources[option].refuse(option, str(e))
            continue
        warnings += [
            choice.sources[option].place.complaint(
                option,
                f"the password of {name!r} is hashed by SHA-1 alone, which is soon "
                "guessed by who has the file: make it anew with htpasswd -B",
            )
            for name in weak(users)
        ]
        if not users:
            trouble = f"nobody is in {str(path)!r}, so that nobody can log in by it yet"
            warnings.append(choice.sources[option].place.complaint(option, trouble))
        if option == "upload-auth":
            uploaders = users
    warnings += [
        f"[[user]]: nobody is called {user.name!r} in the file of upload-auth"
        for user in choice.values.get("user", ())
        if user.name not in uploaders
    ]
    return warnings


def _listen(choice: _Choice) -> tuple[str, ...]:
    values = choice.values
    if not choice.said.keys() & {"bind", "port"}:
        listen: tuple[str, ...] = values["listen"]
        return listen
    kind = "tcp6" if ":" in values["bind"] else "tcp"
    escaped = values["bind"].replace(":", "\\:")
    return (f"{kind}:{values['port']}:interface={escaped}",)


def _upstreams(choice: _Choice) -> tuple[UpstreamSettings, ...]:
    values = choice.values
    if values["no-proxy"]:
        return ()
    if "upstream" in values:
        upstreams: tuple[UpstreamSettings, ...] = values["upstream"]
        return upstreams
    return (values["index-url"], *values["extra-index-url"])
