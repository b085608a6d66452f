"""
The pid file of a daemon that twistd has put into the background.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from twisted.application.service import Service
from twisted.logger import Logger

from proxypypi.daemon.pidfile import PidFile
from proxypypi.daemon.state import State, beside
from proxypypi.daemon.telling import Teller, WhenUp


class AdoptedPidFile(Service):
    """
    twistd writes the number and removes the file; the lock, and what lies beside, are
    ours, so that ``stop`` and ``status`` take this daemon for what it is.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(self, name: str, when_up: WhenUp, drain: float, reactor: Any) -> None:
        """
        :param name: may be relative to the directory that the daemon will be in.
        """
        self._name = name
        self._when_up = when_up
        self._drain = drain
        self._reactor = reactor
        self._path: Path | None = None

    def privilegedStartService(self) -> None:
        path = Path(os.path.realpath(self._name))
        try:
            PidFile(path).adopt()
        except OSError as e:
            self._log.warn("stop and status will not know it: {error}", error=e)
        else:
            self._path = path

    def startService(self) -> None:
        super().startService()
        if self._path is not None:
            Teller(self._path, self._when_up, self._drain).begin(self._reactor)
            self._reactor.addSystemEventTrigger("after", "shutdown", self._clean_up)

    def _clean_up(self) -> None:
        assert self._path is not None
        if State.load(self._path, os.getpid()) is not None:  # and not another's by now
            with suppress(OSError):
                beside(self._path).unlink()
