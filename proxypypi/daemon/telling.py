"""
A daemon tells those who deal with it where it listens, and that it begins to end.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from attrs import define, evolve, field
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from proxypypi.daemon.state import State
from proxypypi.listening import Listener

WhenUp = Callable[[], "Deferred[Sequence[Listener]]"]
"""
Says when the server listens, and where; not to be called before the reactor runs.
"""


@define(eq=False)
class Teller:
    """
    Keeps what lies beside the pid file true.

    :ivar _started: called when the server listens, and that has been told.
    """

    _log: ClassVar[Logger] = Logger()
    _path: Path
    _when_up: WhenUp
    _drain: float
    _started: Callable[[], object] = field(default=lambda: None)
    _state: State = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._state = State(pid=os.getpid(), addresses=(), drain=self._drain)

    def begin(self, reactor: Any) -> None:
        reactor.callWhenRunning(self._runs)
        reactor.addSystemEventTrigger("before", "shutdown", self._ends)

    def _runs(self) -> None:
        self._when_up().addCallback(self._is_up)

    def _is_up(self, listeners: Iterable[Listener]) -> None:
        self._keep(evolve(self._state, addresses=tuple(_addresses(listeners))))
        self._started()

    def _ends(self) -> None:
        self._keep(evolve(self._state, stopping=True))

    def _keep(self, state: State) -> None:
        self._state = state
        try:
            state.save(self._path)
        except OSError as e:
            self._log.warn("stop and status will know less: {error}", error=e)


def _addresses(listeners: Iterable[Listener]) -> Iterator[str]:
    """
    Where the process listens, as a client on this machine writes it.
    """
    for listener in listeners:
        address = listener.port.getHost()
        if isinstance(address, UNIXAddress) and address.name is not None:
            yield f"unix:{os.path.abspath(os.fsdecode(address.name))}"
        elif isinstance(address, IPv6Address):
            host = "::1" if address.host == "::" else address.host
            yield f"{listener.scheme}://[{host}]:{address.port}"
        elif isinstance(address, IPv4Address):
            host = "127.0.0.1" if address.host == "0.0.0.0" else address.host
            yield f"{listener.scheme}://{host}:{address.port}"
