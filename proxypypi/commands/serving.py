"""
``run``, and what is run in the background.
"""

import errno
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.scripts import twistd

from proxypypi.commands.options import Config, RunOptions, complain, configure
from proxypypi.daemon.background import detach, succeeds
from proxypypi.daemon.pidfile import PidFile
from proxypypi.daemon.state import State
from proxypypi.daemon.telling import Teller
from proxypypi.errors import BadSettings, CannotListen, ProxypypiError
from proxypypi.listening import listen
from proxypypi.settings import Settings
from proxypypi.tap import makeService
from proxypypi.tls import parse_endpoint


def run(command: str, arguments: Sequence[str]) -> int:
    """
    Serve in the foreground.
    """
    twistd.runApp(configure(RunOptions, command, arguments))
    return 0


def can_serve(config: Config, running: State | None) -> bool:
    """
    Try whether a server can be made of the options, and can listen once the daemon that
    runs has ended; if not, stderr has the reason.

    :param running: :obj:`None` if it has not said where it listens.
    """
    return succeeds(partial(_try, config, running))


def launch(config: Config) -> int:
    """
    Serve in the background, and wait until it listens.
    """
    options = config.subOptions
    config["logfile"] = str(options.file("log"))
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    out = os.open(options.file("out"), flags, 0o666)
    try:
        pid = detach(partial(_serve, config, options.file("pid")), out)
    finally:
        os.close(out)
    if pid is None:
        complain(f"it has not started{_where_to_look(options.file('log'))}")
        return 1
    print(f"proxypypi (pid {pid}) has started")
    return 0


def _try(config: Config, running: State | None) -> None:
    from twisted.internet import reactor

    makeService(config.subOptions)
    _check_workers(config.subOptions.settings, reactor)
    if running is None:
        return
    its_own = {urlsplit(address).port for address in running.addresses}
    for endpoint in config.subOptions.settings.listen:
        if not endpoint.startswith(("tcp:", "tcp6:", "ssl:")):
            continue
        try:
            listen(endpoint, parse_endpoint(reactor, endpoint).server, Factory())
        except CannotListen as e:
            if _port_in_use(e.__cause__) not in its_own:
                complain(e)
                raise SystemExit(1) from e


def _check_workers(settings: Settings, reactor: Any) -> None:
    """
    If there will be several processes, none has tried yet whether it can be a server.
    """
    if settings.workers > 1:
        from proxypypi.service import assemble

        try:
            assemble(settings, reactor)
        except BadSettings as e:
            complain(e)
            raise SystemExit(1) from e


def _port_in_use(error: object) -> int:
    if not isinstance(error, CannotListenError):
        return 0
    port: int = error.port
    return port if error.socketError.errno == errno.EADDRINUSE else 0


def _where_to_look(log: Path) -> str:
    if log.is_file() and os.access(log, os.W_OK):
        return f"; there may be more in {log}"
    return ""


def _serve(config: Config, path: Path, started: Callable[[], None]) -> None:
    pid_file = PidFile(path)
    try:
        replaced = pid_file.acquire()
        if replaced is not None:
            complain(f"{path} was left over: {replaced}")
        from twisted.internet import reactor

        options = config.subOptions
        drain = options.settings.drain
        Teller(path, lambda: options.server.when_up(), drain, started).begin(reactor)
        # Here, as twistd ends itself by the signal that it got.
        reactor.addSystemEventTrigger("after", "shutdown", pid_file.remove)
        twistd.runApp(config)
    except (ProxypypiError, OSError) as e:
        complain(e)
        raise SystemExit(1) from e
    finally:
        pid_file.remove()
