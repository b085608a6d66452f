"""
What a server has to itself, however many processes it is: a directory, and addresses.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from attrs import define, field
from twisted.logger import Logger

from proxypypi.errors import BadCertificate
from proxypypi.listening import Listener, close, open_listener
from proxypypi.settings import Settings
from proxypypi.store.lock import DirectoryLock
from proxypypi.tls import Identity


class IPremises(Protocol):
    """
    What a process serves, and where.
    """

    @property
    def listeners(self) -> Sequence[Listener]:
        """
        The settings' endpoints, in their order, while they listen.
        """

    def enter(self, factory: Any) -> None:
        """
        Have the directory, and listen.

        :param factory: serves who connects.
        :raises DirectoryInUse: another server has the directory.
        :raises BadCertificate: the files of an ``ssl:`` endpoint cannot be used.
        :raises CannotListen: an address cannot be had.
        """

    def announce(self) -> None:
        """
        Tell that all is ready.
        """

    def reread(self) -> None:
        """
        Take note that files may have changed.
        """

    async def hand_back(self) -> None:
        """
        Listen no more on sockets that are somebody else's: who connects there from now
        on waits in their queue for who serves them next.
        """

    async def close(self) -> None:
        """
        Listen no more.
        """

    def leave(self) -> None:
        """
        Let the directory go.
        """


@define(eq=False)
class Premises:
    """
    Those of a server that takes them by itself.
    """

    _log: ClassVar[Logger] = Logger()
    _settings: Settings
    _reactor: Any
    listeners: list[Listener] = field(factory=list, init=False)
    _lock: DirectoryLock = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._lock = DirectoryLock.of(self._settings.directory)

    def enter(self, factory: Any) -> None:
        try:
            self._lock.acquire()
        except OSError as e:
            if self._settings.upstreams:
                raise
            self._log.info("the directory is read-only: {error}", error=e)
        for endpoint in self._settings.listen:
            listener = open_listener(self._reactor, endpoint, factory)
            self.listeners.append(listener)

    def announce(self) -> None:
        """
        Tell the log what will be served, and where.
        """
        for listener in self.listeners:
            listener.announce()

    def reread(self) -> None:
        """
        Read certificates again, for the connections that are made from now on.
        """
        identities = [each.identity for each in self.listeners if each.identity]
        if not identities:
            self._log.info("SIGHUP: there is nothing to read again")
        for identity in identities:
            self._reactor.callInThread(self._renew, identity)

    async def hand_back(self) -> None:
        await close(self.listeners, only_lent=True)

    async def close(self) -> None:
        await close(self.listeners)

    def leave(self) -> None:
        self._lock.release()

    def _renew(self, identity: Identity) -> None:
        try:
            identity.load()
        except BadCertificate as e:
            self._log.error(
                "SIGHUP: the certificate stays the old one: {error}", error=e
            )
        else:
            self._log.info(
                "SIGHUP: the certificate was read again: {endpoint}",
                endpoint=identity.endpoint,
            )
