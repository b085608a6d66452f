"""
What the commands have in common that work on a cache directory, be it served or not.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from getopt import GetoptError, gnu_getopt
from pathlib import Path
from typing import Any, ClassVar, NoReturn, TypeVar

from twisted.python import usage

from proxypypi import __version__
from proxypypi.commands.options import complain
from proxypypi.config import Configuration, configure
from proxypypi.errors import BadConfiguration, BadName
from proxypypi.layers import unread
from proxypypi.names import NormalizedName, normalize
from proxypypi.settings import Settings

MISUSED = 2
"""
Exit status of a command that was asked for what makes no sense, and has done nothing.
"""


class ReportOptions(usage.Options):
    """
    Those of a command that prints a report.
    """

    optFlags = [["json", None, "Print the report as JSON."]]

    def report(self, facts: Mapping[str, Any], lines: Iterable[str]) -> None:
        """
        Print what was found or done.

        :param facts: for programs.
        :param lines: the same for people.
        """
        if self["json"]:
            print(json.dumps(facts))
            return
        for line in lines:
            print(line)


class DirectoryOptions(ReportOptions):
    """
    Their options. The environment and the file count as they do for a server.

    :cvar operands: what follows the options, as the synopsis shows it.
    :cvar meant: options of a server that the command itself says.
    :ivar configuration: that of a server of that directory, as far as it is known.
    """

    optParameters = [
        ["dir", "d", None, "The cache directory. [default: .]"],
        ["config", None, None, "A TOML file with a server's options."],
    ]
    command: ClassVar[str]
    operands: ClassVar[str] = ""
    meant: ClassVar[Mapping[str, Sequence[str]]] = {}
    configuration: Configuration

    @property
    def settings(self) -> Settings:
        return self.configuration.settings

    def getSynopsis(self) -> str:
        synopsis = f"Usage: proxypypi {self.command} [options] {self.operands}"
        return synopsis.rstrip()

    def opt_cache(self, directory: str) -> None:
        """
        The same as --dir.
        """
        self["dir"] = directory

    def opt_version(self) -> NoReturn:
        """
        Print the version and exit.
        """
        print(f"proxypypi {__version__}")
        raise SystemExit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Options may stand before, between and after the operands.
        """
        try:
            found, operands = gnu_getopt(
                list(options or ()), self.shortOpt, self.longOpt
            )
        except GetoptError as e:
            raise usage.UsageError(unread(str(e), self.longOpt)) from e
        with_value = {f"--{long[:-1]}" for long in self.longOpt if long[-1] == "="}
        with_value.update(f"-{short}" for short in re.findall("(.):", self.shortOpt))
        first = [
            part
            for option, value in found
            for part in ((option, value) if option in with_value else (option,))
        ]
        super().parseOptions([*first, "--", *operands])

    def postOptions(self) -> None:
        named = {name: [self[name]] for name in ("dir", "config") if self[name]}
        given = {**self.meant, **named}
        self.configuration = configure(given, os.environ, Path.cwd())


class ProjectsOptions(DirectoryOptions):
    """
    :ivar names: of the projects that are meant; empty for all.
    """

    operands = "[PROJECT...]"
    names: tuple[NormalizedName, ...]

    def parseArgs(self, *names: str) -> None:
        try:
            self.names = tuple(dict.fromkeys(map(normalize, names)))
        except BadName as e:
            raise usage.UsageError(str(e)) from e


class NamesOptions(ProjectsOptions):
    """
    There has to be one.
    """

    operands = "NAME..."

    def parseArgs(self, *names: str) -> None:
        if not names:
            raise usage.UsageError(f"{self.command} needs a project NAME")
        super().parseArgs(*names)


T = TypeVar("T", bound=usage.Options)


def parse(options: type[T], command: str, arguments: Sequence[str]) -> T:
    """
    :raises SystemExit: help or the version was asked for, or what makes no sense.
    """
    parsed: T = type(options.__name__, (options,), {"command": command})()
    try:
        parsed.parseOptions(list(arguments))
    except (usage.UsageError, BadConfiguration) as e:
        for line in str(e).splitlines():
            complain(line)
        raise SystemExit(MISUSED) from e
    return parsed
