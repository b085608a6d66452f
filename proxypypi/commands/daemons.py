"""
``start``, ``stop`` and their kin.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from signal import SIGKILL, SIGTERM

from proxypypi.commands.options import (
    StartOptions,
    complain,
    configure,
    pid_file_of,
)
from proxypypi.commands.serving import can_serve, launch
from proxypypi.daemon.asking import ask
from proxypypi.daemon.pidfile import Daemon, Leftover, find
from proxypypi.errors import AlreadyRunning

NOT_RUNNING = 3
"""
Exit status of ``status``, as init scripts have it.
"""

_DRAIN = 30.0  # seconds, if a daemon has not said it
_MARGIN = 5.0  # seconds after which an end that was due is missed


def start(command: str, arguments: Sequence[str]) -> int:
    """
    ``start``, and ``condstart``, which is content with one that runs.
    """
    config = configure(StartOptions, command, arguments)
    path = config.subOptions.file("pid")
    running = _running(path)
    if running is None:
        status = launch(config)
        if status == 0 or command == "start":
            return status
        was_slower = _running(path) is not None
        return 0 if was_slower else status
    if command == "start":
        raise running
    print(running)
    return 0


def restart(command: str, arguments: Sequence[str]) -> int:
    """
    ``restart``, and ``forcerestart``, which does not wait for ever.
    """
    config = configure(StartOptions, command, arguments)
    found = find(config.subOptions.file("pid"))
    if isinstance(found, Daemon):
        with closing(found):
            if not can_serve(config, found.state):
                return 1
            status = _end(found, kill=command == "forcerestart")
        if status != 0:
            return status
    else:
        print("proxypypi is not running")
    return launch(config)


def stop(command: str, arguments: Sequence[str]) -> int:
    """
    ``stop``, and ``maybestop``, which is content with none that runs.
    """
    found = find(pid_file_of(command, arguments))
    if isinstance(found, Daemon):
        with closing(found):
            return _end(found, kill=False)
    if command == "maybestop":
        print(_not_running(found))
        return 0
    complain(_not_running(found))
    return 1


def status(command: str, arguments: Sequence[str]) -> int:
    """
    One line that says whether it runs, and how it is.
    """
    found = find(pid_file_of(command, arguments))
    if not isinstance(found, Daemon):
        print(_not_running(found))
        return NOT_RUNNING
    with closing(found):
        print(f"proxypypi (pid {found.pid}) is running{_health_of(found)}")
    return 0


def _running(path: Path) -> AlreadyRunning | None:
    found = find(path)
    if not isinstance(found, Daemon):
        return None
    with closing(found):
        return AlreadyRunning(pid=found.pid)


def _not_running(found: Leftover | None) -> str:
    return "proxypypi is not running" + (f": {found}" if found is not None else "")


def _health_of(daemon: Daemon) -> str:
    """
    :returns: empty if it is well, else what to add to a sentence.
    """
    state = daemon.state
    if state is None:
        return ", but has not said where it listens"
    if state.stopping:
        return ", but about to end: it waits for running transfers"
    said = ask(state.addresses)
    if said is None:
        return f", but does not answer at {' or '.join(state.addresses)}"
    return "" if said == "ok" else f", {said}"


def _end(daemon: Daemon, kill: bool) -> int:
    """
    Ask a daemon to end, and wait until it has.

    :param kill: it, if it does not.
    """
    name = f"proxypypi (pid {daemon.pid})"
    state = daemon.state
    drain = state.drain if state is not None else _DRAIN
    if state is None or not state.stopping:  # a second one would cut transfers off
        daemon.signal(SIGTERM)
    print(f"{name}: waiting up to {drain:g} s for running transfers", flush=True)
    if daemon.wait(drain + _MARGIN):
        print(f"{name} has stopped")
        return 0
    if not kill:
        complain(f"{name} still runs, {drain + _MARGIN:g} s after it was asked to end")
        return 1
    daemon.signal(SIGKILL)
    if not daemon.wait(_MARGIN):
        complain(f"{name} still runs, although it was killed")
        return 1
    daemon.clean_up()
    print(f"{name} was killed")
    return 0
