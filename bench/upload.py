"""
Does a large upload take memory, or time from others?

    python bench/upload.py [SIZE]

Uploads a wheel of 1 GB (or so many MB) on loopback, while 20 clients ask for a page of
2 KB again and again, and prints by how much the server's memory grew and the median
time of a page without and with the upload. Needs twice its size on the disk.
"""

import http.client
import os
import sys
import threading
import time
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import bcrypt

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.processes import Process, await_answer, free_port, watched_memory
from tests.distributions import make_wheel
from tests.uploads import BOUNDARY, end, part

_CLIENTS = 20
_EACH = 0.05  # seconds between two questions of a client
_IDLE = 5.0  # seconds
_PIECE = 1024 * 1024  # bytes
_USER = "Basic " + b64encode(b"ann:secret").decode()


def make_large(folder: Path, size: int) -> Path:
    path = folder / "large-1.0-py3-none-any.whl"
    noise = os.urandom(_PIECE)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as wheel:
        metadata = "Metadata-Version: 2.1\nName: large\nVersion: 1.0\n"
        wheel.writestr("large-1.0.dist-info/METADATA", metadata)
        wheel.writestr("large-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        with wheel.open("large.bin", "w", force_zip64=True) as member:
            for _ in range(size // _PIECE):
                member.write(noise)
    return path


def pieces_of(path: Path, head: bytes, tail: bytes) -> Iterator[bytes]:
    yield head
    with path.open("rb") as file:
        while data := file.read(_PIECE):
            yield data
    yield tail


def digest_of(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while data := file.read(_PIECE):
            digest.update(data)
    return digest.hexdigest()


def upload(port: int, path: Path, digest: str) -> float:
    """
    :returns: seconds.
    """
    fields = {
        ":action": "file_upload",
        "name": "large",
        "version": "1.0",
        "filetype": "bdist_wheel",
        "sha256_digest": digest,
    }
    head = b"".join(part(name, value.encode()) for name, value in fields.items())
    head += part("content", b"", path.name)[:-2]
    tail = b"\r\n" + end()
    length = len(head) + path.stat().st_size + len(tail)
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Content-Length": str(length),
        "Authorization": _USER,
    }
    connection.request("POST", "/legacy/", pieces_of(path, head, tail), headers)
    response = connection.getresponse()
    if response.status != 200:
        raise SystemExit(f"{response.status} {response.reason}")
    connection.close()
    return time.perf_counter() - began


@contextmanager
def clients(port: int, path: str) -> Iterator[list[float]]:
    """
    :returns: the seconds that each answer took.
    """
    taken: list[float] = []
    enough = threading.Event()

    def ask(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        enough.wait(_EACH * number / _CLIENTS)
        while not enough.wait(_EACH):
            began = time.perf_counter()
            connection.request("GET", path)
            connection.getresponse().read()
            taken.append(time.perf_counter() - began)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield taken
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def said(taken: list[float]) -> str:
    slow = quantiles(taken, n=100)[98]
    return f"median {median(taken) * 1e3:.2f} ms, 99 % {slow * 1e3:.2f} ms"


def main(size: int) -> None:
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "cache").mkdir()
        large = make_large(folder, size)
        for i in range(12):
            wheel = make_wheel("demo", f"1.{i}")
            (folder / "cache" / wheel.filename).write_bytes(wheel.content)
        users = folder / "users"
        password = bcrypt.hashpw(b"secret", bcrypt.gensalt()).decode()
        users.write_text(f"ann:{password}\n")
        port = free_port()
        command = [
            *(f"{Path(sys.executable).parent}/twistd", "-n", "--pidfile=", "proxypypi"),
            *("--upload-auth", f"htpasswd:{users}"),
            *("--dir", str(folder / "cache"), "--no-proxy", "--min-free", "0"),
            *("--port", str(port), "--max-upload", "10GB"),
        ]
        server = Process(command, folder / "log", folder=Path(__file__).parents[1])
        server.start()
        try:
            await_answer([server], f"http://127.0.0.1:{port}/-/ready")
            time.sleep(2)
            digest = digest_of(large)
            with clients(port, "/simple/demo/") as idle:
                time.sleep(_IDLE)
            with (
                watched_memory([server]) as seen,
                clients(port, "/simple/demo/") as busy,
                ProcessPoolExecutor(1) as another,
            ):
                seconds = another.submit(upload, port, large, digest).result()
            growth = max(seen) - seen[0]
            print(f"uploaded {size / 1e6:.0f} MB in {seconds:.1f} s")
            print(f"memory grew by {growth:.1f} MB, from {seen[0]:.1f} MB")
            print(f"a page, idle: {said(idle)}")
            print(f"a page, meanwhile: {said(busy)}")
            print(f"ratio of the medians: {median(busy) / median(idle):.2f}")
        finally:
            server.stop()


if __name__ == "__main__":
    main(int(float(sys.argv[1]) * 1e6) if len(sys.argv) > 1 else 1_000_000_000)
