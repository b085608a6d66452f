"""
Where options stand, and what is said there, each place by itself.
"""

import re
import sys
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import define, evolve, field, frozen

from proxypypi.errors import BadSettings
from proxypypi.options import EXCLUSIVE, OPTIONS, PREFIX, TABLES, Option, variable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_ADDRESSES = ("tcp://", "udp://")
_INVENTED = re.compile(
    rf"{PREFIX}[A-Z0-9_]+_"
    r"(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?"
    r"|PORT_[0-9]+_(TCP|UDP)(_(ADDR|PORT|PROTO))?)"
)
_UNKNOWN = re.compile("option (.+) not recognized", re.DOTALL)


@frozen(kw_only=True)
class Place:
    """
    Where a value stands.

    :ivar base: what relative paths there are relative to; absolute.
    :ivar spell: what an option is called there.
    :ivar where: ends a message; may be empty.
    """

    base: Path
    spell: Callable[[str], str]
    where: str = ""

    def complaint(self, key: str, reason: str) -> str:
        return f"{self.spell(key)}: {reason}{self.where}"


@define(eq=False)
class Layer:
    """
    What one place says.

    :ivar problems: is shared by all layers.
    :ivar values: by the option's name, of its kind; a tuple for a repeatable one. What
        was refused is not there.
    :ivar said: the names of all options that are given, good or bad.
    """

    place: Place
    problems: list[str]
    values: dict[str, Any] = field(factory=dict, init=False)
    said: set[str] = field(factory=set, init=False)

    def refuse(self, key: str, reason: str) -> None:
        self.problems.append(self.place.complaint(key, reason))

    def take(self, option: Option, raw: object, key: str) -> None:
        """
        :param key: the name that was used.
        """
        if option.name in self.said:
            names = " and ".join(map(self.place.spell, option.names))
            self.refuse(key, f"{names} are the same: say one")
            return
        self.said.add(option.name)
        try:
            value = option.read(raw)
        except BadSettings as e:
            self.refuse(key, str(e))
            return
        if isinstance(value, Path):
            value = self.place.base / value
        self.values[option.name] = value

    def take_all(
        self,
        options: Iterable[Option],
        table: Mapping[str, object],
        others: Iterable[str] = (),
    ) -> None:
        """
        :param options: all that *table* may have, by any of their names.
        :param others: what else it may have, which is not here any more.
        """
        known = {name: option for option in options for name in option.names}
        for key, raw in table.items():
            if key in known:
                self.take(known[key], raw, key)
            else:
                self.refuse(
                    _quoted(key), f"there is no such key; {_any_of([*known, *others])}"
                )

    def check_exclusive(self) -> None:
        """
        Refuse what cannot stand beside each other.
        """
        for name, others in EXCLUSIVE.items():
            if name in self.said and self.said & set(others):
                beside = " or ".join(map(self.place.spell, others))
                self.refuse(name, f"it cannot be combined with {beside}")

    def below(self, table: str, number: int) -> "Layer":
        """
        A layer for one table of an array.

        :param number: counted from 1.
        """
        outer = self.place.spell
        place = evolve(
            self.place,
            spell=lambda key: outer(f"{table}.{key}"),
            where=f" (in [[{table}]] number {number})",
        )
        return Layer(place, self.problems)


def command_line(
    given: Mapping[str, Sequence[str]], base: Path, problems: list[str]
) -> Layer:
    """
    :param given: the values of each option by its name, in order; the last one counts
        unless it is repeatable.
    """
    place = Place(
        base=base, spell=lambda key: f"--{key}", where=" (on the command line)"
    )
    layer = Layer(place, problems)
    for option in OPTIONS:
        if option.name in given:
            said = list(given[option.name])
            layer.take(option, said if option.repeatable else said[-1], option.name)
    layer.check_exclusive()
    return layer


def environment(variables: Mapping[str, str], base: Path, problems: list[str]) -> Layer:
    """
    :param variables: all of them; those of other programs are left alone, and those
        that container platforms invent for services of our name.
    """
    place = Place(base=base, spell=variable, where=" (in the environment)")
    layer = Layer(place, problems)
    known = {variable(name): (o, name) for o in OPTIONS for name in o.names}
    for key, value in variables.items():
        if not key.startswith(PREFIX) or _is_invented(key, value, known):
            continue
        if key not in known:
            reason = f"there is no such variable; {_any_of(known)}"
            problems.append(f"{_quoted(key)}: {reason}{place.where}")
            continue
        option, name = known[key]
        layer.take(option, value.split() if option.repeatable else value, name)
    layer.check_exclusive()
    return layer


def file(path: Path, named_by: Layer, problems: list[str]) -> Layer:
    """
    :param named_by: the layer that says to read it.
    :returns: also has each of :data:`TABLES` that is there, as a list of what TOML made
        of them; what is in them is not checked yet.
    """
    place = Place(base=path.parent, spell=lambda key: f"{path}:{key}")
    layer = Layer(place, problems)
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as e:
        named_by.refuse("config", f"{str(path)!r}: {e.strerror}")
        return layer
    except (ValueError, RecursionError) as e:
        reason = str(e) if isinstance(e, tomllib.TOMLDecodeError) else "unreadable"
        named_by.refuse("config", f"{str(path)!r} is not TOML: {reason}")
        return layer
    for name in [table.name for table in TABLES if table.name in content]:
        raw = content.pop(name)
        layer.said.add(name)
        if isinstance(raw, list) and raw and all(isinstance(r, dict) for r in raw):
            layer.values[name] = raw
        else:
            layer.refuse(name, f"it has to be one table or more, each [[{name}]]")
    options = [option for option in OPTIONS if option.in_file]
    layer.take_all(options, content, [table.name for table in TABLES])
    layer.check_exclusive()
    return layer


def defaults(base: Path, problems: list[str]) -> Layer:
    """
    Where nobody said anything.
    """
    place = Place(base=base, spell=lambda key: f"--{key}", where=" (the default)")
    return Layer(place, problems)


def unread(message: str, options: Iterable[str]) -> str:
    """
    What to say of a command line that cannot be read.

    :param message: what getopt says of it.
    :param options: the long ones that there are, as getopt is told them.
    """
    unknown = _UNKNOWN.fullmatch(message)
    if unknown is None:
        return message
    names = sorted(f"--{option.removesuffix('=')}" for option in options)
    return f"{unknown[1]}: there is no such option; {_any_of(names)}"


def _is_invented(key: str, value: str, known: Container[str]) -> bool:
    """
    Does a container platform say this of a service whose name begins with proxypypi?

    :param known: what it would otherwise be.
    """
    if key == f"{PREFIX}PORT":
        return value.startswith(_ADDRESSES)
    if key in known:
        return False
    if key.startswith((f"{PREFIX}SERVICE_", f"{PREFIX}PORT_")):
        return True
    if key.endswith("_PORT") and value.startswith(_ADDRESSES):
        return True
    return _INVENTED.fullmatch(key) is not None


def _any_of(names: Iterable[str]) -> str:
    return f"there are {', '.join(names)}"


def _quoted(key: str) -> str:
    return key if key.isprintable() and key and " " not in key else repr(key)
