"""
The door for twistd: its options, and the service they make.
"""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from twisted.application.service import IService, MultiService
from twisted.logger import Logger
from twisted.python import usage

from proxypypi.config import Configuration, configure
from proxypypi.daemon.adopted import AdoptedPidFile
from proxypypi.errors import (
    BadCertificate,
    BadConfiguration,
    BadSettings,
    CannotListen,
    DirectoryInUse,
)
from proxypypi.kinds import FLAG
from proxypypi.layers import unread
from proxypypi.manual import help_of
from proxypypi.options import OPTIONS, Option
from proxypypi.settings import Settings, masked
from proxypypi.tls import parse_endpoint

_log = Logger()
_FAILURES = (BadCertificate, CannotListen, DirectoryInUse, OSError)  # of a start


class Options(usage.Options):
    """
    What stands after ``proxypypi`` on twistd's command line, and on our own. It takes
    all of :data:`OPTIONS`, which are added below.

    :ivar given: what the command line says, by the option's name, in order.
    :ivar configuration: what all places say, once they are read.
    :ivar server: what is made of it; its ``when_up`` fires with where it listens.
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
        self.server: Any
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
            _refuse(unread(str(e), self.longOpt))

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


class Foreground(MultiService):
    """
    A server in a terminal: a start that fails is one line there, and no traceback.
    """

    def privilegedStartService(self) -> None:
        try:
            super().privilegedStartService()
        except _FAILURES as e:
            _refuse(str(e))


class Background(MultiService):
    """
    A server that twistd puts into the background: a start that fails is one line in the
    log, and on the stderr that twistd was started with. Of an exception twistd would
    show 100 bytes there, and log a traceback.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(self, twistd: Any) -> None:
        """
        :param twistd: its options.
        """
        super().__init__()
        self._twistd = twistd
        self._stderr = _keep_stderr()

    def privilegedStartService(self) -> None:
        try:
            super().privilegedStartService()
        except _FAILURES as e:
            self._give_up(str(e))
        finally:
            os.close(self._stderr)  # a daemon holds nothing of its caller's

    def _give_up(self, reason: str) -> NoReturn:
        self._log.critical("{reason}", reason=reason)
        with suppress(OSError):
            os.write(self._stderr, f"proxypypi: {reason}\n".encode(errors="replace"))
        with suppress(OSError):
            os.unlink(self._twistd["pidfile"])
        # Whoever waits for the start shows what follows the first two bytes.
        os.write(self._twistd["statusPipe"], b"1 it has not started")
        raise SystemExit(1)


def _keep_stderr() -> int:
    """
    :returns: a descriptor that goes on to be what stderr is now.
    """
    if sys.__stderr__ is None:  # it was closed before we were started
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    return os.dup(sys.__stderr__.fileno())


def makeService(options: Options) -> IService:
    """
    What twistd runs.
    """
    from twisted.internet import reactor

    configuration = options.configuration
    for endpoint in configuration.settings.listen:
        try:
            parse_endpoint(reactor, endpoint)
        except BadCertificate as e:
            _refuse(configuration.complaint("listen", str(e)))
        except Exception as e:  # each kind of endpoint has its own
            reason = f"{endpoint!r} is no server endpoint: {e}"
            _refuse(configuration.complaint("listen", reason))
    for warning in configuration.warnings:
        _log.warn("{warning}", warning=warning)
    try:
        service: IService = _assemble(configuration, reactor)
    except BadSettings as e:  # what the environment says of TLS and outbound proxies
        _refuse(str(e))
    options.server = service
    if options.parent is None or "nodaemon" not in options.parent:
        return service
    in_terminal = options.parent["nodaemon"]
    outer = Foreground() if in_terminal else Background(options.parent)
    service.setServiceParent(outer)
    if options.parent["pidfile"]:
        drain = configuration.settings.drain
        pid_file = AdoptedPidFile(
            options.parent["pidfile"], options.server.when_up, drain, reactor
        )
        pid_file.setServiceParent(outer)
    return outer


def _assemble(configuration: Configuration, reactor: Any) -> IService:
    """
    The whole server, or what starts the processes that are it. Each imports much that
    the other has no use for.

    :raises BadSettings: it cannot be made.
    """
    settings = configuration.settings
    if settings.workers == 1:
        from proxypypi.service import assemble

        return assemble(settings, reactor)
    from proxypypi.workers.service import Workers
    from proxypypi.workers.sockets import check_endpoint

    for endpoint in settings.listen:
        try:
            check_endpoint(endpoint)
        except BadSettings as e:
            _refuse(configuration.complaint("listen", str(e)))
    return Workers(settings, reactor)
