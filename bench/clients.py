"""
Does a crowd of clients who say nothing, or read slowly, harm the others?

    python bench/clients.py

Serves a directory on loopback, and prints a table: how long a small page takes on a
connection of its own with nobody else there, and while 1,000 connections are open and
idle and 200 readers take a large file at 1 KB/s; resident memory and descriptors
before, meanwhile, and when all have gone. Takes a minute. Needs the test extra.
"""

import http.client
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.distributions import BuiltDistribution, make_wheel  # noqa: E402

IDLE = 1000
READERS = 200
RATE = 1000  # bytes per second of each
SECONDS = 20
SAMPLES = 50  # of the small page, in each second
SIZE = 50_000_000  # bytes of the large file
RECEIVE = 8192  # bytes of a reader's own buffer, so that it is the server that waits


def rss(pid: int) -> float:
    """
    Resident memory of a process, in MB.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def connect(port: int, path: str, receive: int | None = None) -> socket.socket:
    """
    Ask for something on a new connection.
    """
    client = socket.socket()
    if receive is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return client


def latencies(client: http.client.HTTPConnection, seconds: int) -> Iterator[float]:
    """
    A second's worth at a time, in ms.
    """
    for _ in range(SAMPLES * seconds):
        began = time.perf_counter()
        client.request("GET", "/simple/small/")
        response = client.getresponse()
        assert response.status == 200, response.status
        assert len(response.read()) > 1000
        yield (time.perf_counter() - began) * 1000


def report(what: str, pid: int, taken: Sequence[float]) -> None:
    times = "      -       -"
    if taken:
        times = f"{median(taken):7.2f} {quantiles(taken, n=100)[98]:7.2f}"
    print(f"{what:12} {times} {rss(pid):7.1f} {descriptors(pid):6}")


@contextmanager
def serving(directory: Path, port: int) -> Iterator[int]:
    """
    :returns: the server's process.
    """
    command = [f"{Path(sys.executable).parent}/twistd", "-n", "--pidfile="]
    command += ["proxypypi", "--dir", str(directory), "--port", str(port)]
    command += ["--no-proxy"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as server:
        try:
            for _ in range(100):
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.1)
            yield server.pid
        finally:
            server.terminate()


def crowd(pid: int, port: int, large: BuiltDistribution) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port)
    list(latencies(client, 4))  # warm
    print("             median     99% RSS, MB  files")
    report("alone", pid, list(latencies(client, 4)))
    idle = [connect(port, "/-/health") for _ in range(IDLE)]
    for one in idle:
        assert one.recv(1000).startswith(b"HTTP/1.1 200 ")
    path = f"/files/big/{large.filename}"
    readers = [connect(port, path, RECEIVE) for _ in range(READERS)]
    taken: list[float] = []
    for _ in range(SECONDS):
        began = time.monotonic()
        for reader in readers:
            assert reader.recv(RATE)
        taken += latencies(client, 1)
        time.sleep(max(0.0, 1 - (time.monotonic() - began)))
    report("in a crowd", pid, taken)
    for one in (*idle, *readers):
        one.close()
    time.sleep(2)
    report("afterwards", pid, list(latencies(client, 4)))


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with TemporaryDirectory() as temp:
        large = make_wheel("big", payload=SIZE)
        small = [make_wheel("small", f"{n}.0") for n in range(8)]
        for wheel in (large, *small):
            Path(temp, wheel.filename).write_bytes(wheel.content)
        time.sleep(1.5)  # until it counts as being there
        with serving(Path(temp), port) as pid:
            crowd(pid, port, large)


if __name__ == "__main__":
    main()
