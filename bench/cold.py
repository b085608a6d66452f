"""
What does the proxy add to the first download of a file?

    python bench/cold.py

Serves 20 MB wheels from an index on loopback, shaped to 2 MB/s with 50 ms of delay, and
prints, with the page known: the time to the first byte and to the last, asked directly
and through the proxy in turn; then the upstream requests and the growth of resident
memory that 50 clients of one more cold file cause. Needs curl and the test extra.
"""

import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import LoopingCall, deferLater, react
from twisted.internet.utils import getProcessOutputAndValue
from twisted.web.server import Site

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.distributions import BuiltDistribution, make_wheel  # noqa: E402
from tests.fake_index import FakeIndex  # noqa: E402

ROUNDS = 3
CLIENTS = 50
SIZE = 20_000_000  # bytes
RATE = 2_000_000.0  # bytes per second
DELAY = 0.05  # seconds

reactor: Any = _reactor


async def run(*command: str) -> str:
    out, err, code = await getProcessOutputAndValue(command[0], command[1:])
    if code:
        raise RuntimeError(f"{command}: exit status {code}: {err.decode()}")
    return str(out.decode())


async def download(url: str) -> tuple[float, float]:
    """
    :returns: seconds to the first byte, and to the last.
    """
    timing = "%{time_starttransfer} %{time_total}"
    out = await run("curl", "-sf", "-o", "/dev/null", "-w", timing, url)
    first, last = out.split()
    return float(first), float(last)


async def digest(url: str) -> str:
    return (await run("sh", "-c", f"curl -sf {url} | sha256sum")).split()[0]


def rss(pid: int) -> int:
    """
    Resident memory of a process, in bytes.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


async def compare(direct: str, proxied: str, wheels: list[BuiltDistribution]) -> None:
    table: dict[str, list[tuple[float, float]]] = {"direct": [], "proxy": []}
    for wheel in wheels:
        table["direct"].append(await download(direct + wheel.filename))
        table["proxy"].append(await download(proxied + wheel.filename))
    for i, what in enumerate(("first byte", "last byte")):
        ours, theirs = ([t[i] for t in table[who]] for who in ("proxy", "direct"))
        ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
        print(
            f"{what}: direct {median(theirs):.3f} s, through the proxy "
            f"{median(ours):.3f} s, ratio {ratio:.2f} "
            f"({min(ours):.3f}-{max(ours):.3f})"
        )


async def stampede(
    index: FakeIndex, pid: int, url: str, wheel: BuiltDistribution
) -> None:
    asked, before, most = len(index.requests), rss(pid), [0]
    looking = LoopingCall(lambda: most.append(rss(pid)))
    looking.start(0.02)
    digests = await gatherResults(
        [Deferred.fromCoroutine(digest(url + wheel.filename)) for _ in range(CLIENTS)]
    )
    looking.stop()
    right = digests.count(wheel.sha256)
    print(
        f"{CLIENTS} clients: {len(index.requests) - asked} upstream request(s), "
        f"{right} with the right sha256, "
        f"resident memory {before / 1e6:.1f} MB, +{(max(most) - before) / 1e6:.1f} MB"
    )


async def measure(temp: str) -> None:
    index = FakeIndex(clock=reactor, rate=RATE, delay=DELAY)
    wheels = [make_wheel("big", f"{n}.0", payload=SIZE) for n in range(ROUNDS + 1)]
    for wheel in wheels:
        index.add(wheel)
    upstream = reactor.listenTCP(0, Site(index), interface="127.0.0.1")
    direct = f"http://127.0.0.1:{upstream.getHost().port}"
    probe = reactor.listenTCP(0, Site(index), interface="127.0.0.1")
    port = probe.getHost().port
    await probe.stopListening()
    command = [f"{Path(sys.executable).parent}/twistd", "-n", "--pidfile="]
    command += ["proxypypi", "--dir", temp, "--port", str(port)]
    command += ["--index-url", f"{direct}/simple/"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as proxy:
        try:
            await run(
                *("curl", "-sf", "--retry", "50", "--retry-delay", "1"),
                *("--retry-connrefused", f"http://127.0.0.1:{port}/simple/big/"),
            )
            proxied = f"http://127.0.0.1:{port}/files/big/"
            await compare(f"{direct}/files/big/", proxied, wheels[:-1])
            await deferLater(reactor, 1.0)
            await stampede(index, proxy.pid, proxied, wheels[-1])
        finally:
            proxy.terminate()
    await upstream.stopListening()


async def main(_: Any) -> None:
    with TemporaryDirectory() as temp:
        await measure(temp)


if __name__ == "__main__":
    react(main)
