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

from attrs import evolve
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.scripts import twistd

from proxypypi.commands.options import Config, RunOptions, complain, configure
from proxypypi.daemon.background import detach, succeeds
from proxypypi.daemon.pidfile import PidFile
from proxypypi.daemon.state import State
from proxypypi.errors import CannotListen, ProxypypiError
from proxypypi.service import listen
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
        _prepare(config, path, started)
        from twisted.internet import reactor

        # Here, as twistd ends itself by the signal that it got.
        reactor.addSystemEventTrigger("after", "shutdown", pid_file.remove)
        twistd.runApp(config)
    except (ProxypypiError, OSError) as e:
        complain(e)
        raise SystemExit(1) from e
    finally:
        pid_file.remove()


def _prepare(config: Config, path: Path, started: Callable[[], None]) -> None:
    from twisted.internet import reactor

    state = State(pid=os.getpid(), addresses=(), drain=config.subOptions.settings.drain)

    def keep(state: State) -> None:
        try:
            state.save(path)
        except OSError as e:
            complain(f"stop and status will know less: {e}")

    def is_up() -> None:
        nonlocal state
        state = evolve(state, addresses=tuple(_addresses(reactor)))
        keep(state)
        started()

    def ends() -> None:
        keep(evolve(state, stopping=True))

    reactor.callWhenRunning(is_up)
    reactor.addSystemEventTrigger("before", "shutdown", ends)


def _addresses(reactor: Any) -> list[str]:
    """
    Where the process listens, as a client on this machine writes it.
    """
    found = []
    for port in reactor.getReaders():
        if not IListeningPort.providedBy(port):
            continue
        address = port.getHost()
        is_tls = isinstance(getattr(port, "factory", None), TLSMemoryBIOFactory)
        scheme = "https" if is_tls else "http"
        if isinstance(address, UNIXAddress) and address.name is not None:
            found.append(f"unix:{os.path.abspath(os.fsdecode(address.name))}")
        elif isinstance(address, IPv6Address):
            host = "::1" if address.host == "::" else address.host
            found.append(f"{scheme}://[{host}]:{address.port}")
        elif isinstance(address, IPv4Address):
            host = "127.0.0.1" if address.host == "0.0.0.0" else address.host
            found.append(f"{scheme}://{host}:{address.port}")
    return found
