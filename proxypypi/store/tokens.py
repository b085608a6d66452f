"""
Tokens on disk: what programs log in with.

A token is 256 random bits. Nobody guesses those, however many can be tried in a second,
so that they are hashed by SHA-256 and not by what makes trying slow. The file's name is
that hash: a token is found without looking at others.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from secrets import token_urlsafe
from typing import ClassVar

import msgspec
from attrs import define, field, frozen
from twisted.logger import Logger

from proxypypi.errors import DamagedRecord, TokenExists
from proxypypi.store.files import open_file, sync_directory, write_atomically

_FORMAT = 1
_SUFFIX = ".json"
_PREFIX = "proxypypi-"  # so that people, and programs that look for secrets, know one
_LONGEST = 100_000  # bytes of a record
_NAMED = re.compile(r"[0-9a-f]{64}", re.ASCII)

_UNREADABLE = (OSError, msgspec.MsgspecError, UnicodeError, RecursionError)


@frozen(kw_only=True)
class Token:
    """
    All that is known of one, once it has been printed.

    :ivar user: on whose behalf it is used; empty for nobody's.
    :ivar may_upload: as well as read.
    :ivar projects: globs of those that it may upload; empty for all that its user may.
    :ivar created_at: POSIX seconds.
    :ivar expires_at: POSIX seconds; :obj:`None` for never.
    """

    name: str
    user: str = ""
    may_upload: bool = False
    projects: tuple[str, ...] = ()
    created_at: float
    expires_at: float | None = None

    def has_expired(self, now: float) -> bool:
        return self.expires_at is not None and now >= self.expires_at


class _Record(msgspec.Struct, omit_defaults=True):
    format: int
    name: str
    user: str
    may_upload: bool
    projects: tuple[str, ...]
    created_at: float
    expires_at: float | None


@frozen
class Tokens:
    """
    :ivar intact: by the names of their files.
    :ivar damaged: those that can be no token's any more.
    """

    intact: dict[str, Token] = field(factory=dict)
    damaged: list[DamagedRecord] = field(factory=list)


@define(eq=False)
class TokenStore:
    """
    One file a token. All methods block.
    """

    _log: ClassVar[Logger] = Logger()

    _directory: Path

    @classmethod
    def of(cls, root: Path) -> "TokenStore":
        """
        :param root: the cache directory.
        """
        return cls(root / ".proxypypi" / "decisions" / "tokens")

    def find(self, secret: str) -> Token | None:
        """
        :returns: :obj:`None` if there is no such token, or no longer.
        :raises DamagedRecord: it cannot be known what it may do.
        """
        digest = sha256(secret.encode()).hexdigest()
        try:
            return self._load(digest)
        except FileNotFoundError:
            return None

    def all(self) -> Tokens:
        """
        :raises OSError: the directory cannot be read.
        """
        found = Tokens()
        try:
            names = sorted(os.listdir(self._directory))
        except FileNotFoundError:
            return found
        for name in names:
            digest = name.removesuffix(_SUFFIX)
            if digest == name or not _NAMED.fullmatch(digest):
                continue
            try:
                found.intact[digest] = self._load(digest)
            except FileNotFoundError:
                pass  # revoked just now
            except DamagedRecord as e:
                found.damaged.append(e)
        return found

    def add(self, token: Token) -> str:
        """
        :returns: the secret, which is kept nowhere.
        :raises TokenExists: there is another one of that name.
        :raises OSError: it cannot be kept.
        """
        secret = _PREFIX + token_urlsafe(32)
        digest = sha256(secret.encode()).hexdigest()
        record = _Record(
            _FORMAT,
            token.name,
            token.user,
            token.may_upload,
            token.projects,
            token.created_at,
            token.expires_at,
        )
        with self._alone():
            if any(other.name == token.name for other in self.all().intact.values()):
                raise TokenExists(name=token.name)
            write_atomically(
                self._path(digest), msgspec.json.encode(record), durable=True
            )
        return secret

    def revoke(self, name: str) -> bool:
        """
        :returns: was there a token of that name?
        :raises OSError: it cannot be removed.
        """
        with self._alone():
            found = [d for d, token in self.all().intact.items() if token.name == name]
            for digest in found:
                self._path(digest).unlink()
            sync_directory(self._directory)
        return bool(found)

    def check(self) -> None:
        """
        Report damaged records; they grant nothing.
        """
        try:
            damaged = self.all().damaged
        except OSError as e:
            self._log.error("tokens cannot be read: {error}", error=e)
            return
        for trouble in damaged:
            self._log.error(
                "a token is of no use, {path} is damaged: {reason}",
                path=trouble.path,
                reason=trouble.reason,
            )

    def _load(self, digest: str) -> Token:
        path = self._path(digest)
        try:
            with open_file(path) as file:
                record = msgspec.json.decode(file.read(_LONGEST), type=_Record)
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(str(path)) from None
        except _UNREADABLE as e:
            raise DamagedRecord(path=str(path), reason=str(e)) from e
        if record.format != _FORMAT:
            reason = f"it has format {record.format}"
            raise DamagedRecord(path=str(path), reason=reason)
        return Token(
            name=record.name,
            user=record.user,
            may_upload=record.may_upload,
            projects=record.projects,
            created_at=record.created_at,
            expires_at=record.expires_at,
        )

    def _path(self, digest: str) -> Path:
        return self._directory / f"{digest}{_SUFFIX}"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """
        Nobody else makes or revokes one meanwhile.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)
