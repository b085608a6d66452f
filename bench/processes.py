"""
Servers that are started for a measurement, what they cost, and their end.
"""

import http.client
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from attrs import define, field, frozen

_TICKS = os.sysconf("SC_CLK_TCK")
_PATIENCE = 30.0  # seconds that a start may take


class Failed(Exception):
    """
    A server, or a load, did not do what it was started for.
    """


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@frozen
class Answer:
    """
    :ivar seconds: until it was there whole.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    seconds: float


def ask(
    url: str,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    body: bytes | None = None,
    seconds: float = 120.0,
) -> Answer:
    """
    One request on a connection of its own; redirects are not followed.
    """
    parts = urlsplit(url)
    began = time.perf_counter()
    connection = http.client.HTTPConnection(parts.netloc, timeout=seconds)
    try:
        connection.request(method, parts.path, body, dict(headers or {}))
        response = connection.getresponse()
        content = response.read()
        got = {name.lower(): value for name, value in response.getheaders()}
    finally:
        connection.close()
    return Answer(response.status, got, content, time.perf_counter() - began)


def family(pid: int) -> list[int]:
    """
    A process and all that descend from it.
    """
    found = [pid]
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                found += family(int(child))
    return found


def _cpu(pid: int) -> float:
    with suppress(OSError):
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(ticks) for ticks in after_name[11:13]) / _TICKS
    return 0.0


def _rss(pid: int) -> float:
    with suppress(OSError, IndexError):
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1000
    return 0.0


@define(eq=False)
class Process:
    """
    A program that runs until it is stopped, with a file for what it prints.
    """

    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(factory=dict)
    folder: Path | None = None
    _running: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def pids(self) -> list[int]:
        return [] if self._running is None else family(self._running.pid)

    def ended(self) -> bool:
        return self._running is None or self._running.poll() is not None

    def stop(self) -> None:
        """
        Ask it to end, and after five seconds make it and its children end.
        """
        if self._running is None:
            return
        pids = self.pids()
        self._running.terminate()
        try:
            self._running.wait(5)
        except subprocess.TimeoutExpired:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, 9)
            self._running.wait(5)
        self._running = None


def await_answer(processes: Sequence[Process], url: str) -> float:
    """
    Wait until a server that was just started answers.

    :returns: seconds.
    """
    began = time.perf_counter()
    while time.perf_counter() - began < _PATIENCE:
        for process in processes:
            if process.ended():
                told = process.log.read_text(errors="replace")[-2000:]
                raise Failed(f"{process.command[0]} ended at once:\n{told}")
        with suppress(OSError, http.client.HTTPException):
            if ask(url, seconds=_PATIENCE).status < 500:
                return time.perf_counter() - began
        time.sleep(0.005)
    raise Failed(f"no answer within {_PATIENCE:.0f} s: {url}")


def cpu(processes: Sequence[Process]) -> float:
    """
    CPU seconds that they, and all their children, have used.
    """
    return sum(_cpu(pid) for process in processes for pid in process.pids())


def rss(processes: Sequence[Process]) -> float:
    """
    Resident memory of them and their children, in MB.
    """
    return sum(_rss(pid) for process in processes for pid in process.pids())


@contextmanager
def watched_memory(processes: Sequence[Process]) -> Iterator[list[float]]:
    """
    Look at resident memory again and again.

    :returns: what is seen, in MB: first what there was before.
    """
    seen = [rss(processes)]
    enough = threading.Event()

    def look() -> None:
        while not enough.wait(0.02):
            seen.append(rss(processes))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield seen
    finally:
        enough.set()
        looking.join()
