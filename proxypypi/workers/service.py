"""
The parent of all workers, as a service.
"""

import atexit
import os
import sys
from collections.abc import Sequence
from functools import partial
from tempfile import mkstemp
from typing import Any, ClassVar

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Factory
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from proxypypi import aside
from proxypypi.cache.books import Books
from proxypypi.descriptors import raise_limit
from proxypypi.listening import Listener
from proxypypi.premises import Premises
from proxypypi.settings import Settings
from proxypypi.signals import Signals
from proxypypi.store.counts import Counts
from proxypypi.store.generations import SIZE
from proxypypi.store.totals import TotalsStore
from proxypypi.workers.crew import Crew, Seat
from proxypypi.workers.process import Hiring
from proxypypi.workers.sockets import Shared

_MARGIN = 2.5  # seconds after the drain time until workers are killed


class Workers(Service):
    """
    Holds the directory and the sockets, and has as many workers serve them as it was
    told to.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(self, settings: Settings, reactor: Any) -> None:
        self._settings = settings
        self._reactor = reactor
        self._premises = Premises(settings, reactor)
        self._sockets: list[Shared] = []
        self._generations: int
        self._counts: int
        self._books: Books
        self._crew: Crew
        self._has_entered = False
        self._is_up = False
        self._up: list[Deferred[Sequence[Listener]]] = []

    def privilegedStartService(self) -> None:
        """
        :raises DirectoryInUse: another server has the directory.
        :raises BadCertificate: the files of an ``ssl:`` endpoint cannot be used.
        :raises CannotListen: an address cannot be had.
        :raises OSError: there is no room for what all workers share.
        """
        self._has_entered = True
        raise_limit()
        nobody = Factory()
        nobody.noisy = False
        self._premises.enter(nobody)
        workers = self._settings.workers
        for listener in self._premises.listeners:
            self._sockets.append(Shared.among(listener, workers))
        self._generations = _unnamed_file(SIZE)
        self._counts = _unnamed_file(Counts.size(self._settings.upstream_names))
        self._books = self._open_books()
        hire = Hiring(
            *(self._reactor, self._settings, self._sockets),
            *(self._generations, self._counts),
        )
        seats = [Seat(n, hire, self._reactor) for n in range(1, workers + 1)]
        self._crew = Crew(seats, self._reactor)

    def startService(self) -> None:
        super().startService()
        if not self._has_entered:
            self.privilegedStartService()
        signals = Signals(self._reactor, self.hurry, self.renew)
        self._reactor.callWhenRunning(signals.install)
        self._reactor.callWhenRunning(
            lambda: aside.begin(self._start_crew(), self._log, "the start of workers")
        )

    def when_up(self) -> "Deferred[Sequence[Listener]]":
        """
        :returns: fires when all workers serve, with where.
        """
        if self._is_up:
            return succeed(self._premises.listeners)
        up: Deferred[Sequence[Listener]] = Deferred()
        self._up.append(up)
        return up

    def renew(self) -> None:
        """
        Have new workers, which read all files anew, one after the other.
        """
        self._log.info("SIGHUP: each worker is replaced by a new one")
        aside.begin(self._crew.renew(), self._log, "the change of workers")

    def hurry(self) -> None:
        """
        Wait no longer: the end that was asked for cuts off what runs.
        """
        self._log.warn("asked again to end: waiting no longer")
        self._crew.hurry()

    def stopService(self) -> "Deferred[None]":
        super().stopService()
        return Deferred.fromCoroutine(self._end())

    async def _start_crew(self) -> None:
        why_not = await self._crew.start()
        if not self.running:
            return
        if why_not:
            self._give_up(why_not)
            return
        self._premises.announce()
        self._is_up = True
        for up in self._up:
            up.callback(self._premises.listeners)

    async def _end(self) -> None:
        ended = self._crew.end()
        for seat in self._crew.seats:
            seat.when_shut().addCallback(self._silence, seat.number)
        deadline = self._reactor.callLater(
            self._settings.drain + _MARGIN, self._crew.kill
        )
        # Before that, the sockets' end would be an error to those who listen there.
        await self._crew.when_shut()
        await self._premises.close()
        for shared in self._sockets:
            shared.close()
        await ended
        if deadline.active():
            deadline.cancel()
        await self._books.close()
        os.close(self._generations)
        os.close(self._counts)
        self._premises.leave()

    def _open_books(self) -> Books:
        """
        Before there is any worker: it counts on from what they have counted before.
        """
        counts = Counts.shared(self._counts, self._settings.upstream_names)
        in_thread = partial(
            deferToThreadPool, self._reactor, self._reactor.getThreadPool()
        )
        store = TotalsStore.of(self._settings.directory, in_thread)
        books = Books(counts, store, self._reactor)
        books.open()
        return books

    def _silence(self, _: object, seat: int) -> None:
        for shared in self._sockets:
            shared.silence(seat)

    def _give_up(self, reason: str) -> None:
        """
        End the program with status 1, which twistd has no way to say.
        """
        self._log.critical("no worker can start: {reason}", reason=reason)
        print(f"proxypypi: {reason}", file=sys.__stderr__, flush=True)
        atexit.register(_end_as_failure)
        self._reactor.stop()


def _unnamed_file(size: int) -> int:
    """
    :returns: a descriptor. It has all the room that it needs: who maps it, and finds
        none when it writes there, is killed by the kernel.
    :raises OSError: there is too little.
    """
    fd, path = mkstemp(prefix="proxypypi-")
    os.unlink(path)
    try:
        with open(fd, "wb", closefd=False) as file:
            file.write(bytes(size))
    except BaseException:
        os.close(fd)
        raise
    return fd


def _end_as_failure() -> None:
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()
    os._exit(1)
