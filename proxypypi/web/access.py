"""
Lines of the access log: who asked for what with which program, and the outcome.
"""

from typing import Any, ClassVar

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.web.server import Request

from proxypypi.settings import masked
from proxypypi.web.clients import Asked
from proxypypi.web.hot import HotAnswer
from proxypypi.web.tally import Tally


def access_line(timestamp: str, request: Request) -> str:
    """
    For an answer of the ordinary path.
    """
    outcome = request.responseHeaders.getRawHeaders(b"Cache-Status", [b"-"])[0]
    agent = request.requestHeaders.getRawHeaders(b"User-Agent", [b"-"])[0]
    asked = b" ".join((request.method, request.uri)).decode("latin-1")
    return _line(
        client_of(request.getClientAddress()),
        asked,
        request.code,
        request.sentLength,
        agent.partition(b" ")[0].decode("latin-1"),
        outcome.decode("latin-1"),
    )


def client_of(address: Any) -> str:
    return str(getattr(address, "host", "local"))


def _line(
    client: str, asked: str, code: int, sent: int, agent: str, outcome: str
) -> str:
    """
    Control characters and raw bytes are escaped: they are the client's.
    """
    method, _, target = asked.partition(" ")
    if not target.startswith("/"):
        asked = f"{method} {masked(target)}"  # an address may have a password in it
    line = f"{client} {asked} {code} {sent} {agent} [{outcome}]"
    return "".join(c if " " <= c <= "~" else f"\\x{ord(c):02x}" for c in line)


@define(eq=False)
class HotLines:
    """
    Those for answers given again: once a second, many together, and each but once. The
    answers are counted then, too.
    """

    _log: ClassVar[Logger] = Logger()
    _EVERY: ClassVar[float] = 1.0  # seconds
    _MOST: ClassVar[int] = 200  # lines together

    _clock: IReactorTime
    _tally: Tally
    _counts: dict[tuple[str, bytes, str, HotAnswer], int] = field(
        factory=dict, init=False
    )
    _call: IDelayedCall | None = field(default=None, init=False)

    def count(self, client: str, asked: Asked, answer: HotAnswer) -> None:
        """
        One more of the same.
        """
        key = (client, asked.key[0], asked.client.agent, answer)
        self._counts[key] = self._counts.get(key, 0) + 1
        if self._call is None:
            self._call = self._clock.callLater(self._EVERY, self.flush)
        elif len(self._counts) >= self._MOST:
            self.flush()

    def flush(self) -> None:
        """
        Have written what is not yet.
        """
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None
        counts, self._counts = self._counts, {}
        for (_, target, _, answer), times in counts.items():
            said, size = answer.outcome, answer.size
            self._tally.again(target, answer.code, said, size, times)
        if counts:
            lines = "\n".join(_counted(*key, count) for key, count in counts.items())
            self._log.info("{lines}", lines=lines)


def _counted(
    client: str, target: bytes, agent: str, answer: HotAnswer, count: int
) -> str:
    asked = f"GET {target.decode('latin-1')}"
    line = _line(client, asked, answer.code, answer.size, agent, answer.outcome)
    return line if count == 1 else f"{line} ({count} times)"
