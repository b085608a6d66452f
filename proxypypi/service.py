"""
The whole server: settings and a reactor in, a service out.
"""

import os
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from proxypypi.assembly import Proxy, build
from proxypypi.descriptors import raise_limit
from proxypypi.errors import BadCertificate, CannotListen, UpstreamError
from proxypypi.settings import Settings
from proxypypi.signals import Signals
from proxypypi.store.children import ListMaker
from proxypypi.tls import Identity, parse_endpoint
from proxypypi.upstream.connect import connect_index
from proxypypi.upstream.index import Index
from proxypypi.web.connections import ProxySite, keep_little_unsent

_LEFT_OVER = 24 * 3600.0  # seconds after which an abandoned partial file is removed


class ProxyService(Service):
    """
    Listens, says where, and lets running transfers finish before it ends.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self, settings: Settings, reactor: Any, proxy: Proxy, indexes: Sequence[Index]
    ) -> None:
        self._settings = settings
        self._reactor = reactor
        self._proxy = proxy
        self._indexes = indexes
        self._site = ProxySite(proxy.faces, reactor, proxy.generations)
        self._ports: list[tuple[str, IListeningPort]] = []
        self._identities: list[Identity] = []
        self._patience: Deferred[None] = Deferred()

    def privilegedStartService(self) -> None:
        """
        :raises DirectoryInUse: another server has the directory.
        :raises BadCertificate: the files of an ``ssl:`` endpoint cannot be used.
        :raises CannotListen: an address cannot be had.
        """
        try:
            self._proxy.lock.acquire()
        except OSError as e:
            if self._indexes:
                raise
            self._log.info("the directory is read-only: {error}", error=e)
        self._site.limit(raise_limit())
        for endpoint in self._settings.listen:
            self._ports.append((endpoint, self._listen(endpoint)))

    def startService(self) -> None:
        super().startService()
        if not self._ports:
            self.privilegedStartService()
        signals = Signals(self._reactor, self.hurry, self.reread)
        self._reactor.callWhenRunning(signals.install)
        older_than = self._reactor.seconds() - _LEFT_OVER
        self._reactor.callInThread(self._proxy.partials.sweep, older_than)
        self._reactor.callInThread(self._proxy.claims.check)
        if not self._indexes:
            self._log.info("no upstream is asked: what is in the directory is all")
        for index in self._indexes:
            Deferred.fromCoroutine(self._try(index))
        self._warn_of_the_future()
        for endpoint, port in self._ports:
            self._announce(endpoint, port.getHost())

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

    def reread(self) -> None:
        """
        Read certificates again, for the connections that are made from now on.
        """
        if not self._identities:
            self._log.info("SIGHUP: there is nothing to read again")
        for identity in self._identities:
            self._reactor.callInThread(self._renew, identity)

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

    async def _drain(self) -> None:
        self._proxy.draining = True
        for _, port in self._ports:
            await maybeDeferred(port.stopListening)
        idle = [self._proxy.faces.when_idle(), self._proxy.downloads.when_idle()]
        idle.append(self._site.connections.end())
        if not await self._finish(gatherResults(idle, consumeErrors=True)):
            self._log.warn("transfers that still run are cut off")
            self._proxy.faces.cut_off()
            self._site.connections.cut_off()
        for index in self._indexes:
            await index.close()
        self._proxy.lock.release()

    async def _finish(self, transfers: "Deferred[Any]") -> bool:
        """
        :returns: have the transfers come to their end, in the time they are given?
        """
        finished: list[bool] = []
        transfers.addCallback(lambda _: finished.append(True))
        if finished:
            return True
        self._log.info(
            "waiting up to {seconds:g} s for running transfers",
            seconds=self._settings.drain,
        )
        transfers.addCallback(lambda _: self._be_done())
        call = self._reactor.callLater(self._settings.drain, self._be_done)
        await self._patience
        if call.active():
            call.cancel()
        return bool(finished)

    def _be_done(self) -> None:
        if not self._patience.called:
            self._patience.callback(None)

    async def _try(self, index: Index) -> None:
        try:
            await index.try_to_connect()
        except UpstreamError as e:
            self._log.warn("{url}: {error}", url=index.url, error=e)

    def _listen(self, endpoint: str) -> IListeningPort:
        parsed = parse_endpoint(self._reactor, endpoint)
        if parsed.identity is not None:
            self._identities.append(parsed.identity)
        port = listen(endpoint, parsed.server, self._site)
        keep_little_unsent(port)
        return port

    def _warn_of_the_future(self) -> None:
        settings = self._settings
        for name, is_set in (
            ("min-age", any(u.min_age is not None for u in settings.upstreams)),
            ("[[cooldown-exemption]]", bool(settings.cooldown_exemptions)),
        ):
            if is_set:
                self._log.warn("{name} is not in force yet", name=name)

    def _announce(self, endpoint: str, address: object) -> None:
        if not isinstance(address, (IPv4Address, IPv6Address)):
            if isinstance(address, UNIXAddress) and address.name is not None:
                address = f"unix:{os.fsdecode(address.name)}"
            self._log.info("listening on {address}", address=address)
            return
        scheme = "https" if endpoint.startswith("ssl:") else "http"
        simple = f"{scheme}://{_reachable(address.host)}:{address.port}/simple/"
        self._log.info("listening on {endpoint}", endpoint=endpoint)
        self._log.info("in a shell:  pip install -i {simple} PACKAGE", simple=simple)
        self._log.info("in pip.conf: index-url = {simple}", simple=simple)


def listen(
    endpoint: str, server: IStreamServerEndpoint, factory: Any
) -> IListeningPort:
    """
    :param endpoint: what *server* was made of.
    :param factory: an ``IProtocolFactory``.
    :raises CannotListen: its cause is Twisted's error, if there is one.
    """
    results: list[Any] = []
    server.listen(factory).addBoth(results.append)
    if not results:
        raise CannotListen(endpoint=endpoint, reason="it takes time to set up")
    if isinstance(results[0], Failure):
        error = results[0].value
        raise CannotListen(endpoint=endpoint, reason=_why(error)) from error
    port: IListeningPort = results[0]
    return port


def _why(error: object) -> str:
    """
    Why we cannot listen; what Twisted says of a unix socket is about its lock.
    """
    cause = getattr(error, "socketError", error)
    if cause == "Cannot acquire lock":
        return "another process listens there"
    if isinstance(cause, FileNotFoundError):
        return "there is no such directory"
    if isinstance(cause, OSError) and cause.filename is not None:
        return str(cause.strerror)
    return str(cause)


def _reachable(host: str) -> str:
    """
    How a client on this machine writes the address that we are bound to.
    """
    if host in ("0.0.0.0", "::"):
        return "localhost"
    return f"[{host}]" if ":" in host else host


def assemble(settings: Settings, reactor: Any) -> ProxyService:
    """
    The whole server, not started yet.
    """
    indexes = [connect_index(upstream, reactor) for upstream in settings.upstreams]
    in_thread = partial(deferToThreadPool, reactor, reactor.getThreadPool())
    proxy = build(settings, reactor, indexes, in_thread, ListMaker(reactor))
    return ProxyService(settings, reactor, proxy, indexes)
