"""
What does the list of all projects cost?

    python bench/project_list.py

Serves a list of 600,000 names from an index on loopback, once as JSON and once as HTML,
and prints: the time to the first answer, which fetches and makes the list, and to the
next ones, in each form; the growth of the server's resident memory; and the longest
time for which it answered nobody else meanwhile. Needs curl and the test extra.
"""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.task import LoopingCall, react
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from cold import rss, run  # noqa: E402

NAMES = 600_000
JSON = "application/vnd.pypi.simple.v1+json"
_PROBE = """
import socket, sys, time
ask = b"GET /-/health HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
while True:
    began = time.perf_counter()
    s.sendall(ask)
    while not s.recv(65536).endswith(b"ok\\n"):
        pass
    print(time.perf_counter() - began, flush=True)
    time.sleep(0.002)
"""

reactor: Any = _reactor


class Index(Resource):
    """
    Has a list, compressed, and nothing else.
    """

    isLeaf = True

    def __init__(self, content_type: str, body: bytes) -> None:
        super().__init__()
        self._content_type = content_type
        self._body = gzip.compress(body)

    def render_GET(self, request: Request) -> bytes:
        if request.path != b"/simple/":
            request.setResponseCode(404)
            return b""
        request.setHeader("Content-Type", self._content_type)
        request.setHeader("Content-Encoding", "gzip")
        return self._body


async def ask(url: str, accept: str, *more: str) -> str:
    began = perf_counter()
    size = await run(
        *("curl", "-sf", "-o", "/dev/null", "--retry", "20", "--retry-delay", "1"),
        *("-w", "%{size_download}", "-H", f"Accept: {accept}", *more, url),
    )
    return f"{perf_counter() - began:.3f} s ({int(size) / 1e6:.1f} MB)"


async def measure(what: str, index: Index) -> None:
    upstream = reactor.listenTCP(0, Site(index), interface="127.0.0.1")
    probe = reactor.listenTCP(0, Site(index), interface="127.0.0.1")
    port = probe.getHost().port
    await probe.stopListening()
    base = f"http://127.0.0.1:{port}"
    with TemporaryDirectory() as temp:
        command = [f"{Path(sys.executable).parent}/twistd", "-n", "--pidfile="]
        command += ["proxypypi", "--dir", temp, "--port", str(port)]
        command += [
            "--index-url",
            f"http://127.0.0.1:{upstream.getHost().port}/simple/",
        ]
        with (
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as server,
            open(f"{temp}/.probe", "w+") as probed,
        ):
            try:
                await run(
                    *("curl", "-sf", "--retry", "50", "--retry-delay", "1"),
                    *("--retry-connrefused", f"{base}/-/ready"),
                )
                probing = subprocess.Popen(
                    [sys.executable, "-c", _PROBE, str(port)], stdout=probed
                )
                before, most = rss(server.pid), [0]
                looking = LoopingCall(lambda: most.append(rss(server.pid)))
                looking.start(0.02)
                url = f"{base}/simple/"
                print(f"{what}, first: {await ask(url, JSON, '--compressed')}")
                for accept in (JSON, "text/html"):
                    for more in (["--compressed"], []):
                        took = await ask(url, accept, *more)
                        print(f"  {accept} {' '.join(more) or 'plain'}: {took}")
                looking.stop()
                probing.kill()
                probing.wait()
                probed.seek(0)
                stalls = sorted(float(line) for line in probed if line.endswith("\n"))
                print(
                    f"  resident memory {before / 1e6:.1f} MB, "
                    f"+{(max(most) - before) / 1e6:.1f} MB; of {len(stalls)} other "
                    f"requests the slowest took {stalls[-1] * 1000:.1f} ms, "
                    f"99 % at most {stalls[len(stalls) * 99 // 100] * 1000:.1f} ms"
                )
            finally:
                server.terminate()
    await upstream.stopListening()


async def main(_: Any) -> None:
    names = [f"{n:x}-package-{n * 7919 % 104729:x}" for n in range(NAMES)]
    listed = {"projects": [{"_last-serial": 1, "name": name} for name in names]}
    await measure("JSON", Index(JSON, json.dumps(listed).encode()))
    anchors = "".join(f'<a href="/simple/{n}/">{n}</a>\n' for n in names)
    await measure("HTML", Index("text/html", f"<!DOCTYPE html>{anchors}".encode()))


if __name__ == "__main__":
    react(main)
