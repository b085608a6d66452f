"""
The door for twistd: its options, and the service they make.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from twisted.application.service import IService, MultiService
from twisted.internet.endpoints import serverFromString
from twisted.python import usage

from proxypypi.config import Configuration, configure
from proxypypi.errors import (
    BadConfiguration,
    BadSettings,
    CannotListen,
    DirectoryInUse,
)
from proxypypi.kinds import FLAG
from proxypypi.manual import help_of
from proxypypi.options import OPTIONS, Option
from proxypypi.service import assemble
from proxypypi.settings import Settings, masked


class Options(usage.Options):
    """
    What stands after ``proxypypi`` on twistd's command line, and on our own. It takes
    all of :data:`OPTIONS`, which are added below.

    :ivar given: what the command line says, by the option's name, in order.
    :ivar configuration: what all places say, once they are read.
    """

    synopsis = "[options]"
    longdesc = (
        "A caching proxy and private index for Python packages. Each option can also "
        "be set by PROXYPYPI_NAME in the environment, and in the file that --config "
        "names; the command line beats the environment, which beats the file."
    )

    def __init__(self) -> None:
        self.given: dict[str, list[str]] = {}
        self.configuration: Configuration
        super().__init__()

    @property
    def settings(self) -> Settings:
        return self.configuration.settings

    def opt_version(self) -> NoReturn:
        """
        Print the version and exit.
        """
        from proxypypi import __version__

        print(f"proxypypi {__version__}")
        raise SystemExit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        try:
            super().parseOptions(options)
        except usage.UsageError as e:
            _refuse(str(e))

    def parseArgs(self, *arguments: str) -> None:
        if arguments:
            raise usage.UsageError(f"unexpected argument {masked(arguments[0])!r}")

    def postOptions(self) -> None:
        try:
            self.configuration = configure(self.given, os.environ, Path.cwd())
        except BadConfiguration as e:
            _refuse(*e.problems)


def _taker(option: Option) -> Callable[..., None]:
    """
    The method that usage.Options calls when the command line has *option*.
    """

    def take(self: Options, value: str) -> None:
        self.given.setdefault(option.name, []).append(value)

    def take_flag(self: Options) -> None:
        take(self, "true")

    return take_flag if option.kind is FLAG else take


for _option in OPTIONS:
    _method: Any = _taker(_option)
    _method.__doc__ = help_of(_option)
    setattr(Options, f"opt_{_option.name.replace('-', '_')}", _method)
    if _option.short:
        setattr(Options, f"opt_{_option.short}", _method)
    for _alias in _option.aliases:
        _method = _taker(_option)
        _method.__doc__ = f"The same as --{_option.name}."
        setattr(Options, f"opt_{_alias.replace('-', '_')}", _method)


def _refuse(*messages: str) -> NoReturn:
    """
    End the program as a user of a shell expects it.
    """
    for message in messages:
        # Not sys.stderr, which by then may lead to the log.
        print(f"proxypypi: {message}", file=sys.__stderr__, flush=True)
    raise SystemExit(1)


@contextmanager
def _plainly() -> Iterator[None]:
    try:
        yield
    except (CannotListen, DirectoryInUse, OSError) as e:
        _refuse(str(e))


class Foreground(MultiService):
    """
    A server in a terminal: a start that fails is one line there, and no traceback.
    """

    def privilegedStartService(self) -> None:
        with _plainly():
            super().privilegedStartService()


def makeService(options: Options) -> IService:
    """
    What twistd runs. In the background it is twistd that reports a failed start.
    """
    from twisted.internet import reactor

    configuration = options.configuration
    for endpoint in configuration.settings.listen:
        try:
            serverFromString(reactor, endpoint)
        except Exception as e:  # each kind of endpoint has its own
            reason = f"{endpoint!r} is no server endpoint: {e}"
            _refuse(configuration.complaint("listen", reason))
    try:
        service: IService = assemble(configuration.settings, reactor)
    except BadSettings as e:  # what the environment says of TLS and outbound proxies
        _refuse(str(e))
    if options.parent is not None and options.parent.get("nodaemon"):
        foreground = Foreground()
        service.setServiceParent(foreground)
        return foreground
    return service
