"""
The program, with a gate that knows one user.

    python -m tests.e2e.open_gate --dir DIR …

``ann`` with the password ``secret`` may publish, what an upstream has not; as ``eve``
nobody may.
"""

import sys
from typing import Any

from twisted.scripts.twistd import run
from twisted.web.server import Request

from proxypypi.errors import NotAllowed, NotAuthenticated
from proxypypi.model import User
from proxypypi.web.gate import Gate


async def check_upload(gate: Gate, request: Request) -> User:
    user = (request.getUser(), request.getPassword())
    if user == (b"eve", b"secret"):
        raise NotAllowed(reason="eve may not upload")
    if user != (b"ann", b"secret"):
        raise NotAuthenticated(reason="user or password is wrong")
    return User(name="ann", may_upload=True)


def main() -> None:
    gate: Any = Gate
    gate.check_upload = check_upload
    sys.argv[1:1] = ["--nodaemon", "--pidfile=", "proxypypi"]
    run()


if __name__ == "__main__":
    main()
