"""
Whether somebody is who they say: by a password, or by a token.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

from attrs import define, frozen
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from proxypypi.auth.credentials import IToken
from proxypypi.auth.users import UsersFile
from proxypypi.errors import DamagedRecord
from proxypypi.store.tokens import Token, TokenStore


class Right(Enum):
    """
    What a file of users is about.
    """

    READ = "read"
    UPLOAD = "upload"


@frozen
class Grant:
    """
    A file of users, and what it lets them do.
    """

    right: Right
    file: UsersFile


@frozen
class Identity:
    """
    Who has logged in.

    :ivar rights: those of the user in all files that know the password; with a token,
        of its user in all files.
    :ivar token: that was used; :obj:`None` for a password.
    """

    user: str
    rights: frozenset[Right]
    token: Token | None = None


@implementer(ICredentialsChecker)
@define(eq=False)
class PasswordChecker:
    """
    Takes a processor, a thread and perhaps a second for each.
    """

    credentialInterfaces = (IUsernamePassword,)

    _grants: Sequence[Grant]

    def requestAvatarId(self, credentials: Any) -> "Deferred[Any]":
        """
        :returns: an :class:`Identity`.
        :raises UnauthorizedLogin: no file has that user with that password.
        """
        user, password = credentials.username.decode(), credentials.password
        return Deferred.fromCoroutine(self._check(user, password))

    async def _check(self, user: str, password: bytes) -> Identity:
        """
        A file that two options name is asked once.
        """
        rights: set[Right] = set()
        found: dict[Path, bool] = {}
        for grant in self._grants:
            path = grant.file.path
            if path not in found:
                found[path] = await grant.file.fits(user, password)
            if found[path]:
                rights.add(grant.right)
        if not rights:
            raise UnauthorizedLogin
        return Identity(user, frozenset(rights))


@implementer(ICredentialsChecker)
@define(eq=False)
class TokenChecker:
    """
    Looks at the token's record each time, so that it can be revoked.
    """

    credentialInterfaces = (IToken,)

    _log: ClassVar[Logger] = Logger()

    _grants: Sequence[Grant]
    _store: TokenStore
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]

    def requestAvatarId(self, credentials: Any) -> "Deferred[Any]":
        """
        :returns: an :class:`Identity`.
        :raises UnauthorizedLogin: there is no such token, or it is good no longer.
        """
        return Deferred.fromCoroutine(self._check(credentials.secret))

    async def _check(self, secret: str) -> Identity:
        try:
            token: Token | None = await self._in_thread(self._store.find, secret)
        except DamagedRecord as e:
            self._log.error(
                "a token is of no use, {path} is damaged: {reason}",
                path=e.path,
                reason=e.reason,
            )
            raise UnauthorizedLogin from e
        if token is None or token.has_expired(self._clock.seconds()):
            raise UnauthorizedLogin
        rights = self._rights_of(token.user) if token.user else frozenset(Right)
        if not rights:
            raise UnauthorizedLogin
        return Identity(token.user, rights, token)

    def _rights_of(self, user: str) -> frozenset[Right]:
        return frozenset(g.right for g in self._grants if user in g.file.users)
