"""
Files of users and their hashed passwords, as Apache's htpasswd writes them.
"""

from collections.abc import Mapping
from pathlib import Path

from proxypypi.auth.hashes import HashedPassword, describe, understand
from proxypypi.errors import BadUsers
from proxypypi.store.files import open_file

TOKEN_USER = "__token__"
"""
Who says that the password is a token. Nobody else may be called so.
"""

_LARGEST = 4 * 1024 * 1024  # bytes
_BEST = "make it anew with htpasswd -B"


def read_users(path: Path) -> Mapping[str, HashedPassword]:
    """
    Blocks.

    :returns: hashed passwords by their users' names.
    :raises BadUsers: it cannot be read, or has a line that is not understood.
    """
    try:
        with open_file(path) as file:
            content = file.read(_LARGEST + 1)
    except OSError as e:
        raise BadUsers(path=str(path), reason=e.strerror or str(e)) from e
    if len(content) > _LARGEST:
        raise BadUsers(path=str(path), reason="it is too large for a file of users")
    return _parse(content, str(path))


def weak(users: Mapping[str, HashedPassword]) -> list[str]:
    """
    The names of those whose passwords should be hashed in a better way.
    """
    return [name for name, hashed in users.items() if hashed.manner.is_weak]


def _parse(content: bytes, path: str) -> Mapping[str, HashedPassword]:
    users: dict[str, HashedPassword] = {}
    for number, line in enumerate(content.splitlines(), 1):
        try:
            if line.strip() and not line.startswith(b"#"):
                name, hashed = _entry(line)
                if name in users:
                    raise _Misunderstood(f"{name!r} was there already")
                users[name] = hashed
        except _Misunderstood as e:
            raise BadUsers(path=path, line=number, reason=str(e)) from None
    return users


class _Misunderstood(Exception):
    """
    A line that is none of htpasswd's. What it says may be a password.
    """


def _entry(line: bytes) -> tuple[str, HashedPassword]:
    try:
        name, colon, text = line.decode().rstrip().partition(":")
    except UnicodeDecodeError:
        raise _Misunderstood("it is not UTF-8 text") from None
    if not colon or not name:
        raise _Misunderstood("it is not NAME:HASHED-PASSWORD")
    if not name.isprintable():
        raise _Misunderstood("a user's name has to be printable")
    if name == TOKEN_USER:
        raise _Misunderstood(f"no user can be called {name}, which stands for tokens")
    hashed = understand(text)
    if hashed is None:
        said = describe(text)
        raise _Misunderstood(f"the password of {name!r} is {said}: {_BEST}")
    return name, hashed
