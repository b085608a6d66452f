"""
Tests for :mod:`proxypypi.web.watchdog`.
"""

import socket

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.web.watchdog import Watchdog, untaken


class WatchdogTests(SynchronousTestCase):
    """
    :ivar taken: how much the client has taken.
    :ivar given_up: when it was given up.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.taken = 0
        self.given_up: list[float] = []
        self.watchdog = Watchdog(
            self.clock,
            lambda: self.taken,
            lambda: self.given_up.append(self.clock.seconds()),
        )

    def pass_by(self, seconds: int) -> None:
        self.clock.pump([1] * seconds)

    def test_stalled(self) -> None:
        """
        Who takes nothing for two minutes is given up, once.
        """
        self.watchdog.start()
        self.pass_by(500)
        self.assertEqual([120.0], self.given_up)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_slow(self) -> None:
        """
        Who takes something now and then is not.
        """
        self.watchdog.start()
        for _ in range(20):
            self.pass_by(100)
            self.taken += 1
        self.assertEqual([], self.given_up)
        self.pass_by(89)
        self.assertEqual([], self.given_up)
        self.pass_by(61)
        self.assertEqual(1, len(self.given_up))

    def test_what_was_before(self) -> None:
        """
        The time counts from when it is waited for, whatever it took until then.
        """
        self.taken = 5
        self.pass_by(1000)
        self.assertEqual([], self.clock.getDelayedCalls())
        self.watchdog.start()
        self.pass_by(119)
        self.assertEqual([], self.given_up)
        self.pass_by(1)
        self.assertEqual([1120.0], self.given_up)

    def test_start_again(self) -> None:
        """
        To start what has been started gives no more time.
        """
        for _ in range(12):
            self.watchdog.start()
            self.pass_by(10)
        self.assertEqual([120.0], self.given_up)

    def test_stop(self) -> None:
        """
        Nobody is given up who is not waited for; the next time counts anew.
        """
        self.watchdog.stop()
        self.watchdog.start()
        self.pass_by(110)
        self.watchdog.stop()
        self.watchdog.stop()
        self.assertEqual([], self.clock.getDelayedCalls())
        self.pass_by(100)
        self.watchdog.start()
        self.pass_by(119)
        self.assertEqual([], self.given_up)
        self.pass_by(1)
        self.assertEqual([330.0], self.given_up)

    def test_stopped_by_the_end(self) -> None:
        """
        Whoever is told may stop it then.
        """
        watchdog = Watchdog(self.clock, lambda: 0, lambda: watchdog.stop())
        watchdog.start()
        self.pass_by(500)
        self.assertEqual([], self.clock.getDelayedCalls())


class UntakenTests(SynchronousTestCase):
    def test_socket(self) -> None:
        """
        What the kernel holds for the other end is known.
        """
        one, other = socket.socketpair()
        self.addCleanup(one.close)
        self.addCleanup(other.close)
        self.assertEqual(0, untaken(one))
        one.send(bytes(1000))
        held = untaken(one)
        self.assertGreaterEqual(held, 1000)
        one.send(bytes(1000))
        self.assertGreater(untaken(one), held)
        other.recv(5000)
        self.assertEqual(0, untaken(one))

    def test_not_told(self) -> None:
        """
        Of what is no socket, or none any more, nothing is.
        """
        closed = socket.socket()
        closed.close()
        for transport in (None, StringTransport(), closed):
            self.assertEqual(0, untaken(transport))
