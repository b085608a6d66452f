"""
What is done to a server, and what that took.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from attrs import frozen

from bench.peers import BIN, PIP_ACCEPT
from bench.processes import Failed

PIP_AGENT = "pip/24.2 " + json.dumps(
    {
        "ci": None,
        "cpu": "x86_64",
        "distro": {
            "id": "bookworm",
            "libc": {"lib": "glibc", "version": "2.36"},
            "name": "Debian GNU/Linux",
            "version": "12",
        },
        "implementation": {"name": "CPython", "version": "3.12.4"},
        "installer": {"name": "pip", "version": "24.2"},
        "openssl_version": "OpenSSL 3.0.13 30 Jan 2024",
        "python": "3.12.4",
        "rustc_version": "1.79.0",
        "setuptools_version": "72.1.0",
        "system": {"name": "Linux", "release": "6.1.0-21-amd64"},
    },
    separators=(",", ":"),
)
PAGE = {
    "User-Agent": PIP_AGENT,
    "Accept": PIP_ACCEPT,
    "Accept-Encoding": "gzip, deflate",
}
PLAIN_PAGE = {**PAGE, "Accept-Encoding": "identity"}
FILE = {"User-Agent": PIP_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}

_TOLD = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\n{"requests":%d,"us":%d,"bytes":%d,"errors":%d}\\n',
    summary.requests, summary.duration, summary.bytes,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""
_PROBER = Path(__file__).with_name("prober.py")
_LONGEST = 120  # seconds for any one load


def missing_programs() -> list[str]:
    """
    What has to be installed by hand.
    """
    return [
        name
        for name in ("nginx", "wrk", "curl")
        if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    ]


def _run(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            command,
            env=dict(environment) if environment is not None else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LONGEST,
        )
    except subprocess.TimeoutExpired as e:
        raise Failed(f"took more than {_LONGEST} s") from e
    if done.returncode:
        told = (done.stderr or done.stdout)[-300:].strip()
        raise Failed(f"{Path(command[0]).name} failed ({done.returncode}): {told}")
    return done.stdout


@frozen
class Hammered:
    """
    :ivar rate: requests per second.
    :ivar size: bytes of one answer.
    """

    requests: int
    rate: float
    size: float


def hammer(
    url: str, headers: Mapping[str, str], connections: int, seconds: int
) -> Hammered:
    """
    As many requests as go, on connections that are kept.
    """
    with TemporaryDirectory() as temp:
        script = Path(temp, "told.lua")
        script.write_text(_TOLD)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
        command += ["--timeout", "30s", "-s", str(script)]
        for name, value in headers.items():
            command += ["-H", f"{name}: {value}"]
        told = json.loads(_run([*command, url]).strip().splitlines()[-1])
    if told["errors"]:
        raise Failed(f"{told['errors']} of {told['requests']} requests failed")
    if not told["requests"]:
        raise Failed("no request was answered in time")
    return Hammered(
        requests=told["requests"],
        rate=told["requests"] * 1e6 / told["us"],
        size=told["bytes"] / told["requests"],
    )


@frozen
class Downloaded:
    """
    :ivar first: seconds until the first client had its first byte.
    :ivar seconds: until all had all.
    :ivar bytes: of all clients.
    """

    first: float
    seconds: float
    bytes: int


def download(
    url: str, clients: int, size: int, headers: Mapping[str, str] = FILE
) -> Downloaded:
    """
    The same at once on so many connections, redirects followed.

    :param size: bytes each has to get; 0 for whatever there is.
    """
    told = "%{size_download} %{time_starttransfer} %{http_code}\\n"
    command = ["curl", "-sfL", "-Z", "--parallel-immediate", "-w", told]
    command += ["--parallel-max", str(clients), "--max-time", str(_LONGEST - 10)]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    command += ["-o", "/dev/null", url] * clients
    began = time.perf_counter()
    lines = [line.split() for line in _run(command).splitlines()]
    taken = time.perf_counter() - began
    if len(lines) != clients or (size and any(int(li[0]) != size for li in lines)):
        raise Failed("not all clients got all")
    return Downloaded(
        first=min(float(line[1]) for line in lines),
        seconds=taken,
        bytes=sum(int(line[0]) for line in lines),
    )


@contextmanager
def probing(url: str) -> Iterator[list[float]]:
    """
    Ask for a small page every millisecond on another connection.

    :returns: in the end, the longest time and the 99th percentile, in ms.
    """
    parts = urlsplit(url)
    found: list[float] = []
    with subprocess.Popen(
        [sys.executable, str(_PROBER), str(parts.port), parts.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as prober:
        try:
            assert prober.stdout is not None
            if prober.stdout.readline() != "begun\n":
                raise Failed("the prober got no answer")
            yield found
            told, _ = prober.communicate(timeout=_LONGEST)
            if prober.returncode:
                raise Failed("the prober lost its connection")
            found += map(float, told.split())
        finally:
            prober.kill()


def install(tool: str, index: str, package: str) -> float:
    """
    Install a package and all it needs into a new directory, without a cache.

    :param tool: ``pip`` or ``uv``.
    :param index: address of a simple index.
    :returns: seconds.
    """
    with TemporaryDirectory() as target:
        if tool == "pip":
            command = [sys.executable, "-m", "pip", "install", "-q", "--no-cache-dir"]
            command += ["--disable-pip-version-check", "-i", index]
        else:
            command = [str(BIN / "uv"), "pip", "install", "-q", "--no-cache"]
            command += ["--no-config", "--default-index", index]
            command += ["--python", sys.executable]
        command += ["--target", target, package]
        environment = {"PATH": os.environ["PATH"], "HOME": target}
        environment["PIP_CONFIG_FILE"] = os.devnull
        began = time.perf_counter()
        _run(command, environment)
        return time.perf_counter() - began
