"""
Who has logged in just now, so that it need not be found out again.
"""

import os
from hashlib import blake2b
from typing import ClassVar

from attrs import define, field

from proxypypi.model import User


@define(eq=False)
class Remembered:
    """
    By what they said; of that only a hash is kept, with a key of this process alone.
    """

    _MOST: ClassVar[int] = 1000

    _key: bytes = field(factory=lambda: os.urandom(32), init=False, repr=False)
    _users: dict[bytes, tuple[User, float]] = field(factory=dict, init=False)

    def __len__(self) -> int:
        return len(self._users)

    def digest(self, said: bytes) -> bytes:
        """
        What stands for it here.
        """
        return blake2b(said, key=self._key, digest_size=32).digest()

    def get(self, digest: bytes, now: float) -> User | None:
        user, until = self._users.get(digest, (None, 0.0))
        return user if now < until else None

    def was_right(self, digest: bytes) -> bool:
        """
        Has it been so at any time, as far as one still remembers?
        """
        return digest in self._users

    def keep(self, digest: bytes, user: User, until: float) -> None:
        """
        :param until: POSIX seconds.
        """
        self._users.pop(digest, None)
        self._users[digest] = (user, until)
        if len(self._users) > self._MOST:
            del self._users[next(iter(self._users))]

    def doubt(self) -> None:
        """
        All have to be found out again.
        """
        self._users = {digest: (user, 0.0) for digest, (user, _) in self._users.items()}
