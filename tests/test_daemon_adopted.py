"""
Tests for :mod:`proxypypi.daemon.adopted`.
"""

import os
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent

from proxypypi.daemon.adopted import AdoptedPidFile
from proxypypi.daemon.pidfile import Daemon, find
from proxypypi.daemon.state import State
from tests.daemon_case import DaemonTestCase


class AdoptedPidFileTests(DaemonTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.reactor = MemoryReactorClock()

    def start(self) -> None:
        def when_up() -> "Deferred[Any]":
            return succeed([])

        name = os.path.relpath(self.path)
        service = AdoptedPidFile(name, when_up, 7.0, self.reactor)
        service.privilegedStartService()
        service.startService()
        self.reactor.run()

    def test_is_a_daemon(self) -> None:
        """
        Who looks sees a daemon, and what there is to know of it; what lies beside the
        pid file goes at the end, and the rest is twistd's.
        """
        self.path.write_text(str(os.getpid()))
        self.start()
        found = find(self.path)
        assert isinstance(found, Daemon)
        self.addCleanup(found.close)
        self.assertTrue(found.is_holder())
        expected = State(pid=os.getpid(), addresses=(), drain=7.0)
        self.assertEqual(expected, found.state)
        ((call, arguments, named),) = self.reactor.triggers["after"]["shutdown"]
        for _ in range(2):
            call(*arguments, **named)
            self.assertEqual(["p.pid"], os.listdir(self.directory))

    def test_of_another_by_now(self) -> None:
        """
        What lies beside the pid file is left alone if it is another daemon's.
        """
        self.path.write_text(str(os.getpid()))
        self.start()
        State(pid=1, addresses=(), drain=7.0).save(self.path)
        ((call, arguments, named),) = self.reactor.triggers["after"]["shutdown"]
        call(*arguments, **named)
        self.assertIsNotNone(State.load(self.path, 1))

    def test_cannot_be_locked(self) -> None:
        """
        Without its pid file it runs all the same, and the log has why that is bad.
        """
        with capturedLogs() as events:
            self.start()
        (said,) = map(formatEvent, events)
        self.assertIn("stop and status will not know it: ", said)
        self.assertIn(str(self.path), said)
        self.assertEqual([], os.listdir(self.directory))
