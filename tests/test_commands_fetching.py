"""
Tests for :mod:`proxypypi.commands.fetching`; it is tested at work with processes, in
:mod:`tests.e2e.test_prefetch`.
"""

import signal
from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.commands.fetching import run


@define
class FakeReactor:
    """
    :ivar meanwhile: happens while it runs.
    """

    meanwhile: Callable[[], object] = lambda: None
    running: bool = field(default=False, init=False)
    stopped: int = field(default=0, init=False)
    _calls: list[Callable[[], object]] = field(factory=list, init=False)

    def callWhenRunning(self, call: Callable[[], object]) -> None:
        self._calls.append(call)

    def run(self) -> None:
        self.running = True
        for call in self._calls:
            call()
        self.meanwhile()
        self.running = False

    def stop(self) -> None:
        self.stopped += 1


class RunTests(SynchronousTestCase):
    def test_result(self) -> None:
        """
        The reactor runs until the work is done.
        """
        awaited: Deferred[str] = Deferred()

        async def work() -> str:
            return await awaited

        reactor = FakeReactor(lambda: awaited.callback("done"))
        self.assertEqual("done", run(reactor, work))
        self.assertEqual(1, reactor.stopped)

    def test_at_once(self) -> None:
        """
        So it does if there is nothing to wait for.
        """

        async def work() -> int:
            return 3

        reactor = FakeReactor()
        self.assertEqual((3, 1), (run(reactor, work), reactor.stopped))

    def test_failure(self) -> None:
        """
        What goes wrong is raised when it has ended.
        """

        async def work() -> None:
            raise OSError("no")

        reactor = FakeReactor()
        self.assertRaises(OSError, run, reactor, work)
        self.assertEqual(1, reactor.stopped)

    def test_signals(self) -> None:
        """
        What the reactor made of signals, which would stop it, has an end with it.
        """

        async def work() -> None:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)

        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.getsignal(number) for number in numbers]
        run(FakeReactor(), work)
        self.assertEqual(before, [signal.getsignal(number) for number in numbers])

    def test_interrupted(self) -> None:
        """
        If it is ended before the work is, nobody takes that for success.
        """

        async def work() -> None:
            await Deferred()

        self.assertRaises(KeyboardInterrupt, run, FakeReactor(), work)
