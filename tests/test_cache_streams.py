"""
Tests for :mod:`proxypypi.cache.streams`.
"""

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.cache.streams import Stream, Streams
from proxypypi.errors import TooManyStreams, UpstreamRefusal
from proxypypi.events import UNHEARD
from proxypypi.interfaces import IBody
from proxypypi.model import Distribution
from tests.distributions import make_wheel
from tests.fake_index import Fault
from tests.proxy_case import ProxyTestCase
from tests.scripted import FILE_URL, ScriptedBody, ScriptedIndex, cut

LISTED = Distribution(
    filename="demo-1.0.zip", url=FILE_URL, hashes={"sha256": "0" * 64}
)
UNHASHED = Distribution(filename="demo-1.0.zip", url=FILE_URL, hashes={"md5": "0" * 32})


class StreamsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.index = ScriptedIndex()
        self.streams = Streams(UNHEARD)

    def open(self, listed: Distribution = LISTED) -> "Deferred[Stream]":
        return Deferred.fromCoroutine(self.streams.open(listed, (5, 9), self.index))

    def fill(self, less: int = 0) -> list[Stream]:
        opened = []
        for _ in range(64 - less):
            opening = self.open()
            self.index.answer(ScriptedBody())
            opened.append(self.successResultOf(opening))
        return opened

    def is_full(self) -> bool:
        """
        Is there no place for another? If there is, it is left free.
        """
        asked = len(self.index.asked)
        opening = self.open()
        if len(self.index.asked) == asked:
            error = self.failureResultOf(opening, TooManyStreams).value
            self.assertEqual(64, error.limit)
            return True
        opening.cancel()
        self.failureResultOf(opening, CancelledError)
        return False

    def test_what_upstream_says(self) -> None:
        """
        A stream is upstream's body, with all that it says of itself.
        """
        opening = self.open()
        (asked,) = self.index.asked
        self.assertEqual(
            (FILE_URL, (5, 9), None, True),
            (asked.url, asked.byte_range, asked.if_range, asked.hashed),
        )
        body = self.index.answer(
            ScriptedBody(start=5, length=5, total=100, validator='"a"')
        )
        stream = self.successResultOf(opening)
        verifyObject(IBody, stream)
        self.assertEqual(
            (5, 5, 100, '"a"'),
            (stream.start, stream.length, stream.total, stream.validator),
        )
        received: list[bytes] = []
        delivered = stream.deliver(received.append)
        body.send(b"abc")
        stream.pause()
        self.assertTrue(body.is_paused)
        stream.resume()
        self.assertFalse(body.is_paused)
        body.end()
        self.successResultOf(delivered)
        self.assertEqual([b"abc"], received)

    def test_leaves_room(self) -> None:
        """
        Its client may be slow, so it takes no place that downloads are left.
        """
        self.open()
        self.assertTrue(self.index.asked[0].paced)

    def test_weak_digests(self) -> None:
        """
        Upstream is told when nothing withstands an attacker on the way.
        """
        self.open(UNHASHED)
        self.assertFalse(self.index.asked[0].hashed)

    def test_limit(self) -> None:
        """
        There are 64 at once, and no more.
        """
        self.fill(less=1)
        self.assertFalse(self.is_full())
        opening = self.open()
        self.assertTrue(self.is_full(), "one that is only being opened counts")
        self.index.answer(ScriptedBody())
        self.successResultOf(opening)
        self.assertTrue(self.is_full())

    def test_every_end_frees_the_place(self) -> None:
        """
        However a stream ends, the next can be had, and only one.
        """

        def ended(stream: Stream, body: ScriptedBody) -> None:
            stream.deliver(lambda data: None)
            body.end()

        def failed(stream: Stream, body: ScriptedBody) -> None:
            delivered = stream.deliver(lambda data: None)
            body.fail(cut())
            self.failureResultOf(delivered)

        def cancelled(stream: Stream, body: ScriptedBody) -> None:
            delivered = stream.deliver(lambda data: None)
            delivered.cancel()
            self.failureResultOf(delivered, CancelledError)

        def abandoned(stream: Stream, body: ScriptedBody) -> None:
            stream.abandon()
            self.assertTrue(body.is_abandoned)

        self.fill(less=1)
        for end in (ended, failed, cancelled, abandoned):
            opening = self.open()
            body = self.index.answer(ScriptedBody())
            stream = self.successResultOf(opening)
            self.assertTrue(self.is_full(), end)
            end(stream, body)
            self.assertFalse(self.is_full(), end)
        opening = self.open()
        self.index.asked[-1].answer.errback(
            UpstreamRefusal(url=FILE_URL, reason="no", status=404)
        )
        self.failureResultOf(opening, UpstreamRefusal)
        self.assertFalse(self.is_full())
        self.fill(less=63)
        self.assertTrue(self.is_full())


class OverHTTPTests(ProxyTestCase):
    def test_too_many(self) -> None:
        """
        The client for whom there is no place is told at once to try again; one that
        leaves makes place for another.
        """
        wheel = make_wheel("demo", payload=20_000)
        path = self.index.add(wheel)
        url = f"/files/demo/{wheel.filename}"
        self.index.fail(path, Fault(stall_at=10), times=None)
        running = [self.start(url, Range="bytes=0-99") for _ in range(64)]
        answer = self.get(url, Range="bytes=0-99")
        self.assertEqual((503, "2"), (answer.code, answer.header("Retry-After")))
        running[0].hang_up()
        self.flush()
        self.assertIsNone(self.start(url, Range="bytes=0-99").code)
