"""
What are the memory of a server that does nothing, and the time it takes to start, made
of?

    python bench/idle.py

Prints resident memory and seconds of a Python process that has loaded so much: the
interpreter, then twistd, and so on, up to all of proxypypi. Takes some ten seconds.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median

ROUNDS = 5
PARTS = (
    ("the interpreter", "pass"),
    ("twistd", "import twisted.scripts.twistd"),
    ("a reactor, and TLS", "import twisted.internet.reactor"),
    ("HTTP", "import twisted.web.client, twisted.web.server"),
    ("Klein", "import klein"),
    ("treq", "import treq"),
    (
        "bcrypt, distlib, isal, msgspec, multipart, packaging",
        "import bcrypt, distlib.index, isal.igzip, msgspec, multipart, "
        "packaging.metadata",
    ),
    ("proxypypi", "import proxypypi.service, proxypypi.tap"),
)
_TELL = "print(open('/proc/self/status').read().partition('VmRSS:')[2].split()[0])"

Part = tuple[str, float, float]


def parts() -> Iterator[Part]:
    """
    :returns: what is loaded, then the memory in MB and the seconds of all so far.
    """
    program = ""
    for name, more in PARTS:
        program += more + "\n"
        memory, seconds = [], []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            told = subprocess.run(
                [sys.executable, "-c", program + _TELL],
                capture_output=True,
                text=True,
                check=True,
            )
            seconds.append(time.perf_counter() - began)
            memory.append(int(told.stdout) / 1000)
        yield name, median(memory), median(seconds)


def main() -> None:
    print("      MB  seconds  with")
    for name, memory, seconds in parts():
        print(f"{memory:8.1f} {seconds:8.3f}  {name}")


if __name__ == "__main__":
    main()
