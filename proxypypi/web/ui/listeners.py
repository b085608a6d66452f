"""
Those who are told what goes on, as it goes on, by server-sent events.
"""

from collections.abc import Callable
from typing import ClassVar

import msgspec
from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from proxypypi.cache.lookout import Lookout
from proxypypi.errors import TooManyListeners
from proxypypi.model import Overview
from proxypypi.web.pace import Sender
from proxypypi.web.ui.report import health, report
from proxypypi.web.watchdog import untaken

_MOST = 50
_EVERY = 2.0  # seconds between looks
_SILENCE = 14.0  # seconds after which it is said that there is nothing to say
_LONGEST = 600.0  # seconds; who comes back is asked again who they are
_AGAIN = b"retry: 2000\n\n"  # milliseconds
_NOTHING_NEW = b": nothing new\n\n"
_UNTAKEN = 64 * 1024  # bytes that may wait for a listener in the kernel

Form = Callable[[Overview], bytes]
"""
Makes of it what a listener is told.
"""


def as_json(overview: Overview) -> bytes:
    return b"event: state\ndata: %s\n\n" % msgspec.json.encode(overview)


def as_html(overview: Overview) -> bytes:
    """
    The parts of the home page that change.
    """
    lines = (health(overview) + report(overview)).splitlines()
    data = "\n".join(f"data: {line}" for line in lines)
    return f"event: page\n{data}\n\n".encode()


@define(eq=False)
class _Listener(Sender):
    """
    Is told what there is to tell, but not again what it knows. One that does not read
    is ended: nothing is kept for it.
    """

    form: Form
    _told: bytes = field(default=b"", init=False)
    _told_at: float = field(default=0.0, init=False)
    _farewell: IDelayedCall | None = field(default=None, init=False)

    def tell(self, said: bytes) -> None:
        if said != self._told:
            self._told = said
            self._say(said)
        elif self._clock.seconds() - self._told_at >= _SILENCE:
            self._say(_NOTHING_NEW)

    def end(self) -> None:
        if self._paused:
            self._cut()
        elif not self._over:
            self._finish()

    def _say(self, said: bytes) -> None:
        if self._paused or untaken(self._request.transport) > _UNTAKEN:
            self._give_up()
        elif not self._over:
            self._told_at = self._clock.seconds()
            self._write(said)

    def _begin(self) -> None:
        self._farewell = self._clock.callLater(_LONGEST, self.end)
        self._write(_AGAIN)

    def _hold(self) -> None:
        """
        Whether it takes more in time, the next thing to tell will show.
        """

    def _go_on(self) -> None:
        """
        It took in time what there was.
        """

    def _release(self) -> None:
        if self._farewell is not None and self._farewell.active():
            self._farewell.cancel()


@define(eq=False)
class Listeners:
    """
    All that there are. While there are any, it is looked for them what goes on, once
    for all.
    """

    _log: ClassVar[Logger] = Logger()

    _lookout: Lookout
    _clock: IReactorTime
    _all: set[_Listener] = field(factory=set, init=False)
    _looking: LoopingCall | None = field(default=None, init=False)
    _over: bool = field(default=False, init=False)

    async def serve(self, request: Request, form: Form) -> None:
        """
        Tell somebody what goes on, until they leave or have to.

        :raises TooManyListeners: there is no place for another.
        """
        overview = await self._lookout.look()
        if len(self._all) >= _MOST:
            raise TooManyListeners(limit=_MOST)
        listener = _Listener(request, self._clock, form)
        self._all.add(listener)
        ended = listener.send()
        listener.tell(form(overview))
        if self._over:
            listener.end()
        if self._looking is None:
            self._look_on()
        try:
            await ended
        finally:
            self._all.discard(listener)
            if not self._all:
                self._look_no_more()

    def end(self) -> None:
        """
        All have to leave, and who comes is told once: another server has more to tell.
        """
        self._over = True
        for listener in tuple(self._all):
            listener.end()

    def _look_on(self) -> None:
        # A new one each time: that before may not have come to its end.
        self._looking = LoopingCall(self._tell)
        self._looking.clock = self._clock
        self._looking.start(_EVERY, now=False).addErrback(self._failed)

    def _look_no_more(self) -> None:
        looking, self._looking = self._looking, None
        if looking is not None and looking.running:
            looking.stop()

    def _tell(self) -> "Deferred[None]":
        return Deferred.fromCoroutine(self._look_and_tell())

    async def _look_and_tell(self) -> None:
        overview = await self._lookout.look()
        said = {form: form(overview) for form in {each.form for each in self._all}}
        for listener in tuple(self._all):
            listener.tell(said[listener.form])

    def _failed(self, failure: Failure) -> None:
        self._log.failure("listeners cannot be told what goes on", failure)
        for listener in tuple(self._all):
            listener.end()
