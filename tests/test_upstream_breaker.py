"""
Tests for :mod:`proxypypi.upstream.breaker`.
"""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import UpstreamError, UpstreamRefusal, UpstreamUnreachable
from proxypypi.upstream.breaker import Breaker, Connecting

URL = "https://index.example/simple/demo/"
OTHER_URL = "https://index.example/simple/other/"


class BreakerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.breaker = Breaker(self.clock)

    def is_open(self) -> bool:
        try:
            self.breaker.check(OTHER_URL)
        except UpstreamUnreachable as e:
            self.assertIn("refused, and it is not asked again yet", e.reason)
            self.assertEqual(OTHER_URL, e.url)
            return True
        return False

    def refuse(self) -> None:
        error = UpstreamUnreachable(url=URL, reason="refused", dead_for=10.0)
        self.breaker.failed(error)

    def test_opens(self) -> None:
        """
        An error that speaks for all of an index is given to all who ask in its time,
        with what they asked for.
        """
        self.assertFalse(self.is_open())
        self.refuse()
        self.assertTrue(self.is_open())
        self.clock.advance(9.9)
        self.assertTrue(self.is_open())
        self.clock.advance(0.2)
        self.assertFalse(self.is_open())

    def test_stays_closed(self) -> None:
        """
        Other errors are those of one question.
        """
        for error in (
            UpstreamUnreachable(url=URL, reason="cut"),
            UpstreamRefusal(url=URL, reason="no", status=500),
        ):
            self.breaker.failed(error)
            self.assertFalse(self.is_open())

    def test_closes(self) -> None:
        """
        Any answer closes it, even a bad one.
        """
        self.refuse()
        self.breaker.answered()
        self.assertFalse(self.is_open())
        self.refuse()
        self.breaker.failed(UpstreamRefusal(url=URL, reason="no", status=500))
        self.assertFalse(self.is_open())
        self.refuse()
        self.breaker.failed(UpstreamError(url=URL, reason="cut"))
        self.assertTrue(self.is_open())


class ConnectingTests(SynchronousTestCase):
    def test_patience(self) -> None:
        """
        Too long is half a second at first, then five times what the last one took, but
        30 milliseconds at least and a second at most.
        """
        for took, patience in (
            *((None, 0.5), (0.0, 0.03), (0.001, 0.03), (0.04, 0.2), (0.1, 0.5)),
            *((0.2, 1.0), (3.0, 1.0)),
        ):
            clock = Clock()
            connecting = Connecting(clock)
            if took is not None:
                ended = connecting.begin()
                clock.advance(took)
                ended(True)
            told: list[None] = []
            connecting.watchers.add(lambda told=told: told.append(None))  # type: ignore[misc]
            connecting.begin()
            clock.advance(patience - 0.001)
            self.assertEqual([], told, took)
            clock.advance(0.002)
            self.assertEqual([None], told, took)

    def test_ends(self) -> None:
        """
        A connection that was made, or failed, in time is no trouble; how long a failure
        took is no measure.
        """
        clock = Clock()
        connecting = Connecting(clock)
        told: list[None] = []
        connecting.watchers.add(lambda: told.append(None))
        for well in (True, False):
            ended = connecting.begin()
            clock.advance(0.01)
            ended(well)
            clock.advance(10)
        self.assertEqual(([], []), (told, clock.getDelayedCalls()))
        connecting.begin()
        clock.advance(0.051)
        self.assertEqual([None], told)
