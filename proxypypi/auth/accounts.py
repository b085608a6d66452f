"""
Log-ins: what a client says in, a user out.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from attrs import define, field
from twisted.cred.error import LoginFailed
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from proxypypi.auth.checkers import Grant, PasswordChecker, Right, TokenChecker
from proxypypi.auth.credentials import TokenCredentials, parse_authorization
from proxypypi.auth.failures import Failures
from proxypypi.auth.htpasswd import TOKEN_USER
from proxypypi.auth.origins import origin_of
from proxypypi.auth.queue import FairQueue
from proxypypi.auth.realm import Realm
from proxypypi.auth.remembered import Remembered
from proxypypi.auth.users import UsersFile
from proxypypi.cache.flight import SingleFlight
from proxypypi.cache.health import Health
from proxypypi.errors import NotAuthenticated
from proxypypi.events import FAILED_LOG_INS, IEvents
from proxypypi.interfaces import IUser
from proxypypi.model import User
from proxypypi.settings import Settings
from proxypypi.store.tokens import TokenStore

_PASSWORD_FOR = 600.0  # seconds that one is remembered, unless a file changes
_TOKEN_FOR = 1.0  # seconds that one is remembered, as it may have been revoked


@define(eq=False)
class Accounts:
    """
    :ivar failures: those that there were.
    """

    _log: ClassVar[Logger] = Logger()

    _grants: Sequence[Grant]
    _portal: Portal
    _events: IEvents
    _clock: IReactorTime
    failures: Failures = field(factory=Failures, init=False)
    _remembered: Remembered = field(factory=Remembered, init=False)
    _versions: tuple[int, ...] = field(default=(), init=False)
    _queue: FairQueue = field(init=False)
    _flight: SingleFlight = field(factory=SingleFlight, init=False)

    @_queue.default
    def _make_queue(self) -> FairQueue:
        return FairQueue(self._clock)

    @classmethod
    def of(
        cls,
        settings: Settings,
        health: Health,
        events: IEvents,
        clock: IReactorTime,
        in_thread: Callable[..., "Deferred[Any]"],
    ) -> "Accounts":
        """
        Those of a server. Blocks, as it reads the files of users.
        """
        grants = []
        for option, right, path in (
            ("upload-auth", Right.UPLOAD, settings.upload_auth),
            ("read-auth", Right.READ, settings.read_auth),
        ):
            if path is not None:
                file = UsersFile(option, path, health, clock, in_thread)
                file.load()
                grants.append(Grant(right, file))
        store = TokenStore.of(settings.directory)
        realm = Realm({user.name: user.projects for user in settings.users})
        checkers = [
            PasswordChecker(grants),
            TokenChecker(grants, store, clock, in_thread),
        ]
        return cls(grants, Portal(realm, checkers), events, clock)

    @property
    def waiting(self) -> int:
        """
        How many log-ins wait for their turn to be checked.
        """
        return len(self._queue)

    async def log_in(self, said: Sequence[bytes], client: str) -> User:
        """
        :param said: the request's ``Authorization`` headers.
        :param client: the address that it comes from.
        :raises NotAuthenticated: that is nobody, or not their password.
        :raises TooManyLogIns: it will take too long to find out.
        """
        await self.look()
        versions = tuple(grant.file.version for grant in self._grants)
        if versions != self._versions:
            self._versions = versions
            self._remembered.doubt()
        credentials = parse_authorization(said)
        digest = self._remembered.digest(said[0])
        user = self._remembered.get(digest, self._clock.seconds())
        if user is not None:
            return user
        try:
            return await self._flight.join(
                digest, lambda: self._check(credentials, digest, client)
            )
        except LoginFailed:
            await self._refuse(credentials, client)
            raise NotAuthenticated(reason=_wrong(credentials)) from None

    async def look(self) -> None:
        """
        See that what is known of the files of users, and what health says of them, is
        of a second ago or later.
        """
        looks = [Deferred.fromCoroutine(grant.file.look()) for grant in self._grants]
        await gatherResults(looks, consumeErrors=True)

    def may_read(self, said: bytes) -> bool:
        """
        Is it known, without asking anything or anybody, that who says this may?
        """
        now = self._clock.seconds()
        for grant, version in zip(self._grants, self._versions, strict=False):
            if grant.file.version != version or not grant.file.is_fresh(now):
                return False
        user = self._remembered.get(self._remembered.digest(said), now)
        return user is not None and user.may_read

    async def _check(self, credentials: Any, digest: bytes, client: str) -> User:
        versions, now = self._versions, self._clock.seconds()
        if isinstance(credentials, TokenCredentials):
            user, known_for = await self._find(credentials), _TOKEN_FOR
        else:
            # Who was right before does not wait with those who come the same way.
            known = digest.hex() if self._remembered.was_right(digest) else ""
            name = credentials.username.decode()
            await self._queue.take(known or origin_of(client), name)
            try:
                user, known_for = await self._find(credentials), _PASSWORD_FOR
            finally:
                self._queue.end()
        if versions == self._versions:
            self._remembered.keep(digest, user, now + known_for)
        return user

    async def _find(self, credentials: Any) -> User:
        avatar: Any = await self._portal.login(credentials, None, IUser)
        user: User = avatar[1]
        return user

    async def _refuse(self, credentials: Any, client: str) -> None:
        """
        Have whoever tries again and again wait for the answer.
        """
        name = getattr(credentials, "username", TOKEN_USER.encode()).decode()
        self._events.note(FAILED_LOG_INS)
        late = self.failures.note(origin_of(client), name, self._clock.seconds())
        is_known = any(name in grant.file.users for grant in self._grants)
        # An unknown one may be a password or a token that got into the wrong place.
        self._log.warn(
            "a log-in from {client} failed, {user}; {count} have, so far",
            client=client,
            user=f"as {name!r}" if is_known else "as somebody unknown",
            count=self.failures.count,
        )
        await deferLater(self._clock, late)


def _wrong(credentials: Any) -> str:
    if isinstance(credentials, TokenCredentials):
        return "that is no token of ours, or no longer"
    return "user or password is wrong"
