"""
How much slower is a warm install when the index is out of order?

    python bench/outages.py

Fills a directory with some 30 packages of PyPI, by way of a second proxy, and installs
them with pip and with uv, their own caches off: with fresh pages, and with pages older
than all times to live and an index that refuses connections, swallows them, answers
500, or answers garbage; each with a server that has seen the index in order, and with
one that was started after. Prints the median of some rounds, and the ratio to the good
case. Needs the test extra, and PyPI.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, time
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import react
from twisted.internet.utils import getProcessOutputAndValue
from twisted.web.server import Site

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from cold import run  # noqa: E402

from proxypypi.settings import DEFAULT_INDEX  # noqa: E402
from tests.e2e.harness import free_port  # noqa: E402
from tests.fake_index import FakeIndex, Fault  # noqa: E402

NAMES = (
    *("flask", "requests", "httpx", "rich", "attrs"),
    *("pydantic", "pytest", "sqlalchemy", "typer", "pyyaml"),
)
LEAST = 30  # packages, with what those need
ROUNDS = 3
LONG_AGO = 24 * 3600.0  # seconds
BIN = Path(sys.executable).parent
FAULTS = ("refuses", "swallows", "500", "garbage")

reactor: Any = _reactor


class Outage:
    """
    An index whose order can be disturbed.
    """

    def __init__(self) -> None:
        self.index = FakeIndex(clock=reactor)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/simple/"
        self._listening: IListeningPort | None = None
        self._sockets: list[socket.socket] = []

    async def become(self, state: str) -> None:
        """
        :param state: ``""`` for in order, or one of :data:`FAULTS`.
        """
        self.index.heal()
        for held in self._sockets:
            held.close()
        self._sockets = []
        if self._listening is not None:
            await self._listening.stopListening()
            self._listening = None
        if state == "swallows":
            self._swallow()
        elif state != "refuses":
            self._listening = reactor.listenTCP(
                self.port, Site(self.index), interface="127.0.0.1"
            )
        if state == "500":
            self.index.fail("*", Fault(status=500), times=None)
        elif state == "garbage":
            self.index.fail("*", Fault(body=b"\x00garbage"), times=None)

    def _swallow(self) -> None:
        """
        A listener whose backlog is full: nobody is let in, nobody is told.
        """
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(0)
        self._sockets.append(listener)
        for _ in range(8):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", self.port))
            self._sockets.append(waiting)


def age(directory: Path, seconds: float) -> None:
    """
    Make the pages that are kept as old as that.
    """
    moment = time() - seconds
    for page in (directory / ".proxypypi" / "cache" / "pages").iterdir():
        os.utime(page, (moment, moment))


@contextmanager
def server(directory: Path, index_url: str, port: int = 0) -> Iterator[str]:
    port = port or free_port()
    command = [str(BIN / "twistd"), "-n", "--pidfile=", "proxypypi"]
    command += ["--dir", str(directory), "--port", str(port), "--index-url", index_url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


async def ready(url: str) -> None:
    await run(
        *("curl", "-sf", "--retry", "100", "--retry-delay", "1", "-o", "/dev/null"),
        *("--retry-connrefused", f"{url}/-/ready"),
    )


async def install(tool: str, url: str) -> float:
    """
    :returns: seconds.
    """
    with TemporaryDirectory() as target:
        if tool == "pip":
            command = [sys.executable, "-m", "pip", "--isolated", "install"]
            command += ["--no-cache-dir", "-q", "-i", f"{url}/simple/"]
            command += ["--disable-pip-version-check"]
        else:
            command = [str(BIN / "uv"), "pip", "install", "--no-cache", "-q"]
            command += ["--no-config", "--default-index", f"{url}/simple/"]
        command += ["--target", target, *NAMES]
        environment = {"PATH": os.environ["PATH"], "HOME": target}
        began = perf_counter()
        _, err, code = await getProcessOutputAndValue(
            command[0], command[1:], env=environment
        )
        took = perf_counter() - began
        if code or len(list(Path(target).glob("*.dist-info"))) < LEAST:
            raise RuntimeError(f"{command}: exit status {code}: {err.decode()}")
        return took


async def once(
    tool: str, state: str, again: bool, outage: Outage, directory: Path
) -> float:
    """
    :param again: is the server one that was started when things were out of order?
    """
    await outage.become(state if again else "")
    age(directory, LONG_AGO if state else 0.0)
    with server(directory, outage.url) as url:
        await ready(url)
        if not again:
            await run("curl", "-s", "-o", "/dev/null", f"{url}/simple/none/")
            await outage.become(state)
        return await install(tool, url)


async def main(_: Any) -> None:
    outage = Outage()
    with TemporaryDirectory() as temp, TemporaryDirectory() as between:
        directory = Path(temp)
        with (
            server(Path(between), DEFAULT_INDEX, outage.port) as public,
            server(directory, outage.url) as url,
        ):
            await ready(public)
            await ready(url)
            for tool in ("pip", "uv"):
                await install(tool, url)
        cases = [("", False), *((s, again) for s in FAULTS for again in (False, True))]
        for tool in ("pip", "uv"):
            times: dict[tuple[str, bool], list[float]] = {case: [] for case in cases}
            for _round in range(ROUNDS):
                for case in cases:
                    times[case].append(await once(tool, *case, outage, directory))
            good = median(times[cases[0]])
            for state, again in cases:
                took = median(times[state, again])
                what = f"{state or 'in order'}{', started after' if again else ''}"
                print(f"{tool}: {what}: {took:.2f} s, ratio {took / good:.2f}")
        await outage.become("refuses")


if __name__ == "__main__":
    react(main)
