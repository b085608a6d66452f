"""
The options of the commands, beside those that servers have.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from twisted.application.service import ServiceMaker
from twisted.python import usage
from twisted.scripts import twistd

from proxypypi import __version__, tap
from proxypypi.layers import unread

_FILES = {"pid": "-P/--pid", "log": "-l/--log", "out": "-o/--out"}


class _DaemonFiles:
    """
    The files of a daemon, mixed into options.

    :cvar needed: which of them have to be given.
    """

    optParameters = [
        ["pid", "P", None, "The file that holds the daemon's pid, and its lock."],
    ]
    command: ClassVar[str]
    needed: ClassVar[Sequence[str]]

    def opt_pidfile(self: Any, file: str) -> None:
        """
        The same as --pid.
        """
        self["pid"] = file

    def opt_logfile(self: Any, file: str) -> None:
        """
        The same as --log.
        """
        self["log"] = file

    def file(self: Any, name: str) -> Path:
        """
        :returns: absolute, so that it means the same wherever the daemon goes.
        """
        if name == "pid":  # it is replaced and removed, which would hit a link to it
            return Path(os.path.realpath(self[name]))
        return Path(os.path.abspath(self[name]))

    def check_files(self: Any) -> None:
        """
        :raises usage.UsageError: one that is needed is missing, or two are the same.
        """
        missing = [_FILES[name] for name in self.needed if not self[name]]
        if missing:
            raise usage.UsageError(f"{self.command} needs {_listed(missing)} FILE")
        paths = [self.file(name) for name in self.needed]
        files = [path for path in paths if path != Path(os.devnull)]
        if len(set(files)) < len(files):
            options = _listed([_FILES[name] for name in self.needed])
            raise usage.UsageError(f"{options} have to be different files")


def _listed(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


class RunOptions(tap.Options):
    """
    Those of a server.
    """

    command: ClassVar[str] = "run"

    def getSynopsis(self) -> str:
        return f"Usage: proxypypi {self.command} [options]"


class StartOptions(_DaemonFiles, RunOptions):
    """
    Those of a server in the background.
    """

    optParameters = [
        ["log", "l", None, "The log. It is rotated on USR1 and by size."],
        ["out", "o", None, "Takes whatever else the daemon prints."],
    ]
    needed = ("pid", "log", "out")

    def postOptions(self) -> None:
        self.check_files()
        super().postOptions()


class PidOptions(_DaemonFiles, usage.Options):
    """
    Those of what deals with a daemon that is there.
    """

    optParameters = [
        ["log", "l", None, "Ignored: those that start it need it."],
        ["out", "o", None, "Ignored: those that start it need it."],
    ]
    needed = ("pid",)

    def getSynopsis(self) -> str:
        return f"Usage: proxypypi {self.command} --pid FILE"

    def opt_version(self) -> NoReturn:
        """
        Print the version and exit.
        """
        print(f"proxypypi {__version__}")
        raise SystemExit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        try:
            super().parseOptions(options)
        except usage.UsageError as e:
            raise usage.UsageError(unread(str(e), self.longOpt)) from e

    def parseArgs(self, *arguments: str) -> None:
        if arguments:
            raise usage.UsageError(f"unexpected argument {arguments[0]!r}")

    def postOptions(self) -> None:
        self.check_files()


class Config(twistd.ServerOptions):  # type: ignore[misc, name-defined]
    """
    What twistd makes of its command line, for a program of which we are all.
    """

    def __init__(self, options: type[RunOptions]) -> None:
        self._options = options
        super().__init__()

    @property
    def subCommands(self) -> list[tuple[str, None, type[RunOptions], str]]:
        maker = ServiceMaker("proxypypi", "proxypypi.tap", "", "proxypypi")
        self.loadedPlugins = {maker.tapname: maker}
        return [(maker.tapname, None, self._options, maker.description)]


def configure(
    options: type[RunOptions], command: str, arguments: Sequence[str]
) -> Config:
    """
    :raises SystemExit: help or the version was asked for, or an option is bad.
    """
    named = type(options.__name__, (options,), {"command": command})
    config = Config(named)
    config.parseOptions(["--nodaemon", "--pidfile=", "proxypypi", *arguments])
    return config


def pid_file_of(command: str, arguments: Sequence[str]) -> Path:
    """
    :raises SystemExit: help or the version was asked for.
    :raises usage.UsageError: an option is bad, or missing.
    """
    options = type("PidOptions", (PidOptions,), {"command": command})()
    options.parseOptions(list(arguments))
    path: Path = options.file("pid")
    return path


def complain(message: object) -> None:
    """
    Tell the user what went wrong.
    """
    said = str(message)
    if not said.startswith("proxypypi "):
        said = f"proxypypi: {said}"
    # Not sys.stderr, which in a daemon leads to the log.
    print(said, file=sys.__stderr__, flush=True)
