"""
The whole server: settings and a reactor in, a service out.
"""

import gc
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, gatherResults, succeed
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from proxypypi import aside
from proxypypi.assembly import Proxy, build
from proxypypi.descriptors import raise_limit
from proxypypi.errors import UpstreamError
from proxypypi.gauges import Gauges
from proxypypi.listening import Listener
from proxypypi.premises import IPremises, Premises
from proxypypi.rules.asking import Asking
from proxypypi.settings import Settings
from proxypypi.signals import Signals
from proxypypi.store.asking import AskingStore
from proxypypi.store.children import ListMaker
from proxypypi.store.counts import Counts
from proxypypi.store.generations import Generations
from proxypypi.upstream.connect import connect_index
from proxypypi.upstream.index import Index
from proxypypi.web.connections import ProxySite, keep_little_unsent

_LONGEST = 3600.0  # seconds that a transfer may go on when clients move elsewhere
_LEFT_OVER = 24 * 3600.0  # seconds after which an abandoned partial file is removed


class ProxyService(Service):
    """
    Listens, says where, and lets running transfers finish before it ends.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        proxy: Proxy,
        indexes: Sequence[Index],
        premises: IPremises,
    ) -> None:
        self._settings = settings
        self._reactor = reactor
        self._proxy = proxy
        self._indexes = indexes
        counts = proxy.books.counts
        self._site = ProxySite(proxy.faces, reactor, proxy.core.generations, counts)
        proxy.books.gauge = Gauges(proxy, self._site, indexes).read
        self._premises = premises
        self._has_entered = False
        self._patience: Deferred[None] = Deferred()

    def privilegedStartService(self) -> None:
        """
        :raises DirectoryInUse: another server has the directory.
        :raises BadCertificate: the files of an ``ssl:`` endpoint cannot be used.
        :raises CannotListen: an address cannot be had.
        """
        self._premises.enter(self._site)
        self._has_entered = True
        self._site.limit(raise_limit())
        for listener in self._premises.listeners:
            keep_little_unsent(listener.port)

    def startService(self) -> None:
        super().startService()
        if not self._has_entered:
            self.privilegedStartService()
        self._proxy.books.open()
        signals = Signals(self._reactor, self.hurry, self._premises.reread)
        self._reactor.callWhenRunning(signals.install)
        # What is there by then stays: to look through it again and again for what can
        # go would stop everything for a tenth of a second each time.
        self._reactor.callWhenRunning(gc.freeze)
        older_than = self._reactor.seconds() - _LEFT_OVER
        self._reactor.callInThread(self._proxy.core.partials.sweep, older_than)
        self._reactor.callInThread(self._proxy.core.uploads.sweep)
        self._reactor.callInThread(self._leave_word)
        self._reactor.callInThread(self._proxy.core.claims.check)
        self._reactor.callInThread(self._proxy.core.tokens.check)
        if not self._indexes:
            self._log.info("no upstream is asked: what is in the directory is all")
        for index in self._indexes:
            aside.begin(self._try(index), self._log, f"a look at {index.name}")
        self._proxy.core.housekeeping.begin()
        self._premises.announce()

    def stopService(self) -> "Deferred[None]":
        super().stopService()
        return Deferred.fromCoroutine(self._drain())

    def hurry(self) -> None:
        """
        Wait no longer: the end that was asked for, or will be, cuts off what runs.
        """
        if not self._patience.called:
            self._log.warn("asked again to end: waiting no longer")
            self._patience.callback(None)

    def when_up(self) -> "Deferred[Sequence[Listener]]":
        """
        :returns: where it listens.
        """
        return succeed(self._premises.listeners)

    async def retire(self) -> None:
        """
        Another process serves the same addresses from now on: take no new client, and
        wait until those that are here have moved there. Each is told to by its next
        answer; who asks for none is ended like any that is idle.
        """
        await self._premises.close()
        self._proxy.board.end()
        gone = self._site.connections.retire()
        call = self._reactor.callLater(_LONGEST, self._site.connections.cut_off)
        await gone
        if call.active():
            call.cancel()

    async def _drain(self) -> None:
        """
        Whoever asks while transfers finish is told that this is the end, which takes
        that we listen until then; unless a socket is kept open for who comes next.
        """
        faces, connections = self._proxy.faces, self._site.connections
        faces.stopping = connections.retiring = True
        self._proxy.board.end()
        self._proxy.core.ahead.stop()
        self._proxy.core.housekeeping.stop()
        await self._premises.hand_back()
        idle = [faces.when_idle(), connections.when_quiet()]
        idle.append(self._proxy.core.downloads.when_idle())
        transfers = gatherResults(idle, consumeErrors=True)
        if not transfers.called:
            self._log.info(
                "waiting up to {seconds:g} s for running transfers",
                seconds=self._settings.drain,
            )
        deadline = self._reactor.callLater(self._settings.drain, self._be_done)
        finished = await self._in_time(transfers)
        await self._premises.close()
        if not (finished and await self._in_time(connections.end())):
            self._log.warn("transfers that still run are cut off")
            faces.cut_off()
            connections.cut_off()
        if deadline.active():
            deadline.cancel()
        await self._proxy.core.uses.flush()
        for index in self._indexes:
            await index.close()
        await self._proxy.books.close()
        self._premises.leave()

    async def _in_time(self, finish: "Deferred[Any]") -> bool:
        """
        :returns: has it come, in the time that there is for all?
        """
        finished: list[bool] = []
        finish.addCallback(lambda _: finished.append(True))
        if not finished:
            await DeferredList([finish, self._patience], fireOnOneCallback=True)
        return bool(finished)

    def _be_done(self) -> None:
        if not self._patience.called:
            self._patience.callback(None)

    def _leave_word(self) -> None:
        """
        Of what is asked of whom, for commands. Blocks.
        """
        store = AskingStore.of(self._settings.directory)
        try:
            store.save(Asking.said_by(self._settings))
        except OSError as e:
            self._log.info("commands cannot know what is asked here: {error}", error=e)

    async def _try(self, index: Index) -> None:
        try:
            await index.try_to_connect()
        except UpstreamError as e:
            self._log.warn("{url}: {error}", url=index.url, error=e)


def assemble(
    settings: Settings,
    reactor: Any,
    generations: Generations | None = None,
    premises: IPremises | None = None,
    counts: Counts | None = None,
) -> ProxyService:
    """
    The whole server, not started yet.

    :param generations: see :func:`proxypypi.assembly.build`; so for *counts*.
    :param premises: :obj:`None` to take what the settings name.
    """
    if counts is None:
        counts = Counts.alone(settings.upstream_names)
    indexes = [connect_index(u, reactor, events=counts) for u in settings.upstreams]
    in_thread = partial(deferToThreadPool, reactor, reactor.getThreadPool())
    proxy = build(
        *(settings, reactor, indexes, in_thread, ListMaker(reactor)),
        *(generations, counts),
    )
    if premises is None:
        premises = Premises(settings, reactor)
    return ProxyService(settings, reactor, proxy, indexes, premises)
