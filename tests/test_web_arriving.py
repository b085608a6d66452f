"""
Tests for :mod:`proxypypi.web.arriving`; :mod:`tests.test_web_uploads` has it in place.
"""

from attrs import define, field
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import TooSlow
from proxypypi.web.arriving import ArrivingBody


@define
class FakeChannel:
    transport: StringTransport = field(factory=StringTransport)
    goes_on: bool = False

    def go_on(self) -> None:
        self.goes_on = True


class ArrivingBodyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.channel, self.clock = FakeChannel(), Clock()
        self.body = ArrivingBody(3, self.channel, self.clock)
        self.pieces: list[bytes] = []

    def test_delivered(self) -> None:
        """
        Nothing moves before it is wanted; then every piece comes, and the end.
        """
        self.assertFalse(self.channel.goes_on)
        delivered = self.body.deliver(self.pieces.append)
        self.assertTrue(self.channel.goes_on)
        self.body.received(b"a")
        self.body.received(b"bc")
        self.assertNoResult(delivered)
        self.body.end()
        self.successResultOf(delivered)
        self.assertEqual([b"a", b"bc"], self.pieces)
        self.assertEqual([], self.clock.getDelayedCalls())
        self.assertEqual(b"", self.channel.transport.value())

    def test_told_to_go_on(self) -> None:
        self.body.is_expected = True
        self.body.deliver(self.pieces.append)
        self.assertIn(b"100 Continue", self.channel.transport.value())

    def test_refused(self) -> None:
        """
        What the receiver raises ends it: no further piece comes.
        """

        def refuse(data: bytes) -> None:
            self.pieces.append(data)
            raise ValueError(data)

        delivered = self.body.deliver(refuse)
        for _ in range(3):
            self.body.received(b"a")
        self.body.end()
        self.failureResultOf(delivered, ValueError)
        self.assertEqual([b"a"], self.pieces)

    def test_slow(self) -> None:
        """
        Who sends a byte now and then keeps nobody else's place.
        """
        delivered = self.body.deliver(self.pieces.append)
        self.clock.advance(59.0)
        self.body.received(b"a" * 65_535)
        self.body.received(b"a")
        self.clock.advance(59.0)
        self.body.received(b"a")
        self.assertNoResult(delivered)
        self.clock.advance(1.0)
        self.failureResultOf(delivered, TooSlow)

    def test_cancelled(self) -> None:
        """
        Who asked for it does not want it any more.
        """
        delivered = self.body.deliver(self.pieces.append)
        delivered.cancel()
        self.failureResultOf(delivered, CancelledError)
        self.body.received(b"a")
        self.body.end()
        self.assertEqual([], self.pieces)
        self.assertEqual([], self.clock.getDelayedCalls())
