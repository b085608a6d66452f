"""
How many clients may be connected, and who has to go when there are more.
"""

import socket
from collections.abc import Collection
from typing import Any, ClassVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.resource import IResource
from twisted.web.server import Site

from proxypypi.events import UNHEARD, IEvents
from proxypypi.store.generations import Generations
from proxypypi.web.access import HotLines, access_line
from proxypypi.web.channel import Channel
from proxypypi.web.clients import Clients
from proxypypi.web.hot import Dates, HotAnswers
from proxypypi.web.hot_channel import HotChannel
from proxypypi.web.request import ProxyRequest
from proxypypi.web.tally import Tally

IDLE = 60.0  # seconds that a connection is kept open for another request
_MOST = 10_000
_INTERNET = (socket.AF_INET, socket.AF_INET6)
_UNSENT = 1024 * 1024  # bytes in the kernel, of those that the client has no room for
_TOLD_FOR = 60.0  # seconds until it is worth a line in the log again


def keep_little_unsent(port: Any) -> None:
    """
    Have the kernel hold less for a client that reads slowly: else its buffer may take
    longer to empty than we wait for a sign that the client takes anything.

    :param port: of TCP; its connections inherit this.
    """
    listening = getattr(port, "socket", None)
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if option is not None and listening is not None and listening.family in _INTERNET:
        listening.setsockopt(socket.IPPROTO_TCP, option, _UNSENT)


@define(eq=False)
class Connections:
    """
    All that are open. There is no bound for one address: a whole company can be behind
    one.

    :ivar most: how many there may be.
    :ivar retiring: is each told, with its next answer, to connect anew?
    :ivar ending: is no further request taken?
    """

    _log: ClassVar[Logger] = Logger()
    _clock: IReactorTime
    most: int = _MOST
    retiring: bool = field(default=False, init=False)
    ending: bool = field(default=False, init=False)
    _idle: dict[Channel, None] = field(factory=dict, init=False)  # since when, in order
    _busy: set[Channel] = field(factory=set, init=False)
    _told_at: float | None = field(default=None, init=False)
    _waiting: "list[Deferred[None]]" = field(factory=list, init=False)
    _quiet: "list[tuple[set[Channel], Deferred[None]]]" = field(
        factory=list, init=False
    )

    def __len__(self) -> int:
        return len(self._idle) + len(self._busy)

    @property
    def busy(self) -> Collection[Channel]:
        """
        Those on which something is being answered.
        """
        return self._busy

    def limit(self, descriptors: int) -> None:
        """
        Leave a quarter of the descriptors to files and upstreams.

        :param descriptors: how many there are.
        """
        self.most = min(_MOST, descriptors * 3 // 4)

    def add(self, channel: Channel) -> None:
        """
        One is made. If there is no room for it, what is idle for longest is ended, or
        itself if nothing is.
        """
        if len(self) >= self.most:
            self._tell()
            longest = next(iter(self._idle), channel)
            self.discard(longest)
            longest.abort()
            if longest is channel:
                return
        self._idle[channel] = None

    def discard(self, channel: Channel) -> None:
        self._forget(channel)
        self._settle()

    def when_quiet(self) -> "Deferred[None]":
        """
        Fires when those on which something is being answered now have got it, or are
        gone; what they ask for next does not count.
        """
        quiet: Deferred[None] = Deferred()
        self._quiet.append((set(self._busy), quiet))
        self._hush()
        return quiet

    def retire(self) -> "Deferred[None]":
        """
        Let each go with its next answer, so that no client finds a connection closed
        on which it has just sent something.

        :returns: fires when none is left.
        """
        self.retiring = True
        gone: Deferred[None] = Deferred()
        self._waiting.append(gone)
        self._settle()
        return gone

    def end(self) -> "Deferred[None]":
        """
        End each as soon as its client has been sent all that it asked for.

        :returns: fires when none is left.
        """
        self.ending = True
        for channel in tuple(self._idle):
            channel.loseConnection()
        return self.retire()

    def cut_off(self) -> None:
        """
        End all at once.
        """
        for channel in (*self._idle, *self._busy):
            channel.abort()

    def note(self, channel: Channel) -> None:
        """
        A request has come, or has been answered.
        """
        if channel in self._idle or channel in self._busy:
            self._forget(channel)
            if channel.idle:
                self._idle[channel] = None
            else:
                self._busy.add(channel)

    def _forget(self, channel: Channel) -> None:
        self._idle.pop(channel, None)
        self._busy.discard(channel)
        for busy, _ in self._quiet:
            busy.discard(channel)
        self._hush()

    def _hush(self) -> None:
        quiet = [each for busy, each in self._quiet if not busy]
        self._quiet = [each for each in self._quiet if each[0]]
        for waiter in quiet:
            waiter.callback(None)

    def _settle(self) -> None:
        if not len(self):
            waiting, self._waiting = self._waiting, []
            for ended in waiting:
                ended.callback(None)

    def _tell(self) -> None:
        now = self._clock.seconds()
        if self._told_at is None or now - self._told_at >= _TOLD_FOR:
            self._told_at = now
            self._log.warn(
                "{most} connections are all there can be: idle ones are ended",
                most=self.most,
            )


class ProxySite(Site):
    """
    A site that bounds its clients, and is no party to HTTP/2, which Twisted would offer
    if it could.

    :ivar hot: what was answered just now.
    """

    noisy = False
    protocol = HotChannel  # type: ignore[assignment]

    def __init__(
        self,
        resource: IResource,
        reactor: Any,
        generations: Generations | None = None,
        events: IEvents = UNHEARD,
    ) -> None:
        super().__init__(
            resource,
            requestFactory=ProxyRequest,
            parsePOSTFormSubmission=False,
            logFormatter=access_line,
            reactor=reactor,
            timeout=IDLE,
        )
        self.connections = Connections(reactor)
        self.clients = Clients()
        self.dates = Dates()
        self.hot_lines = HotLines(reactor, Tally(events))
        self.hot = HotAnswers(generations or Generations.alone(), reactor)

    def limit(self, descriptors: int) -> None:
        """
        :param descriptors: how many this process may have open.
        """
        self.connections.limit(descriptors)
        self.hot.limit(descriptors)

    def stopFactory(self) -> None:
        self.hot_lines.flush()
        self.hot.clear()
        super().stopFactory()

    def acceptableProtocols(self) -> list[bytes]:
        return [b"http/1.1"]
