"""
How long does a server keep one small request waiting? Asks for it every millisecond.

    python bench/prober.py PORT PATH

Prints a line when it has begun and, once its standard input ends, the longest and the
99th percentile of all times, in milliseconds.
"""

import http.client
import select
import sys
import time
from collections.abc import Iterator

_EVERY = 0.001  # seconds
_TIMEOUT = 60.0
_ACCEPT = "application/vnd.pypi.simple.v1+json"


def probe(port: int, path: str) -> Iterator[float]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    while True:
        began = time.perf_counter()
        client.request("GET", path, headers={"Accept": _ACCEPT})
        response = client.getresponse()
        response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status} for {path}")
        yield (time.perf_counter() - began) * 1000
        time.sleep(_EVERY)


def main(port: int, path: str) -> None:
    times = []
    for taken in probe(port, path):
        times.append(taken)
        if len(times) == 20:  # until here it warmed up
            times.clear()
            break
    print("begun", flush=True)
    for taken in probe(port, path):
        times.append(taken)
        if select.select([sys.stdin], [], [], 0)[0]:
            break
    times.sort()
    print(times[-1], times[len(times) * 99 // 100])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
