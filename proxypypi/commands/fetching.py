"""
The core, at work for a command: without a server, or beside one.
"""

import signal
from collections.abc import Callable, Collection, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from proxypypi.assembly import build
from proxypypi.cache.prefetch import Fetched, Told
from proxypypi.commands.watching import bar_if_watched
from proxypypi.rules.wanted import Wanted
from proxypypi.settings import Settings
from proxypypi.store.children import ListMaker
from proxypypi.upstream.connect import connect_index

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

T = TypeVar("T")


def fetch(settings: Settings, wanted: Collection[Wanted]) -> Sequence[Fetched]:
    """
    :returns: what has become of each.
    """
    from twisted.internet import reactor

    with bar_if_watched("files") as told:
        return run(reactor, lambda: _fetch(settings, reactor, wanted, told))


async def _fetch(
    settings: Settings, reactor: Any, wanted: Collection[Wanted], told: Told
) -> Sequence[Fetched]:
    indexes = [connect_index(upstream, reactor) for upstream in settings.upstreams]
    in_thread = partial(deferToThreadPool, reactor, reactor.getThreadPool())
    proxy = build(settings, reactor, indexes, in_thread, ListMaker(reactor))
    try:
        return await proxy.core.prefetch.fetch(wanted, told)
    finally:
        for index in indexes:
            await index.close()


def run(reactor: Any, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """
    Have a reactor run until *work* is done. What it makes of signals ends with it.

    :raises KeyboardInterrupt: the reactor was stopped before the work was done.
    """
    outcome: list[T | Failure] = []

    def done(result: T | Failure) -> None:
        outcome.append(result)
        if reactor.running:
            reactor.stop()

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(work()).addBoth(done))
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    reactor.run()
    for number, handler in before.items():
        signal.signal(number, handler)
    if not outcome:
        raise KeyboardInterrupt
    result = outcome[0]
    if isinstance(result, Failure):
        result.raiseException()
    return result
