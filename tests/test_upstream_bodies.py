"""
Tests for :mod:`proxypypi.upstream.bodies`.
"""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.errors import (
    UpstreamNonsense,
    UpstreamRefusal,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from proxypypi.interfaces import IBody
from proxypypi.upstream.bodies import Body, ByteRange, ContentRange, open_reply
from proxypypi.upstream.bodies import header_of as range_header_of
from tests.upstream_fakes import Connection, Wire

URL = "http://index.example/files/a.whl?sig=secret"


def head(code: int, *lines: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {code} Whatever", *lines, "", ""]).encode()


class ContentRangeTests(SynchronousTestCase):
    def test_parse(self) -> None:
        """
        A part of a file says where it starts, where it ends, and perhaps of how much.
        """
        table = {
            "bytes 0-0/1": ContentRange(0, 0, 1),
            "bytes 5-9/10": ContentRange(5, 9, 10),
            "bytes 5-9/*": ContentRange(5, 9, None),
        }
        self.assertEqual(table, {value: ContentRange.parse(value) for value in table})

    def test_nonsense(self) -> None:
        """
        Whatever else it says is no range.
        """
        for value in (
            "",
            "bytes",
            "bytes 5-9",
            "bytes */10",
            "bytes 9-5/10",
            "bytes 5-10/10",
            "bytes 5-9/10, 0-1/10",
            "bytes=5-9/10",
            "bytes -5-9/10",
            "bytes +5-9/10",
            "bytes \u0665-9/10",
            "lines 5-9/10",
            f"bytes 0-{'9' * 30}/*",
        ):
            with self.assertRaises(ValueError, msg=value):
                ContentRange.parse(value)

    def test_answers(self) -> None:
        """
        A part answers the question if it starts where that does and lies inside of it.
        """
        table: list[tuple[ByteRange, str, bool]] = [
            ((5, None), "bytes 5-9/10", True),
            ((5, None), "bytes 5-7/10", True),
            ((5, None), "bytes 5-7/*", True),
            ((5, None), "bytes 0-9/10", False),
            ((5, 7), "bytes 5-7/10", True),
            ((5, 7), "bytes 5-6/10", True),
            ((5, 7), "bytes 5-8/10", False),
            ((5, 7), "bytes 6-7/10", False),
            ((None, 3), "bytes 7-9/10", True),
            ((None, 30), "bytes 0-9/10", True),
            ((None, 3), "bytes 6-9/10", False),
            ((None, 3), "bytes 7-8/10", False),
            ((None, 3), "bytes 7-9/*", False),
            ((None, None), "bytes 0-9/10", False),
        ]
        for asked, value, answers in table:
            found = ContentRange.parse(value).answers(asked)
            self.assertEqual(answers, found, (asked, value))

    def test_header(self) -> None:
        """
        Ranges are asked for as RFC 9110 writes them.
        """
        table: dict[ByteRange, str] = {
            (5, 9): "bytes=5-9",
            (5, None): "bytes=5-",
            (None, 5): "bytes=-5",
        }
        self.assertEqual(table, {asked: range_header_of(asked) for asked in table})


class BodyTestCase(SynchronousTestCase):
    """
    A reply whose every byte the test sends itself.
    """

    def setUp(self) -> None:
        self.wire = Wire()
        self.connection: Connection
        self.got: list[bytes] = []

    def open(
        self, code: int = 200, *lines: str, asked: ByteRange | None = None
    ) -> "Deferred[Body]":
        client = self.wire.client

        async def opening() -> Body:
            return open_reply(await client.ask(client.files, URL), asked)

        opened = Deferred.fromCoroutine(opening())
        self.connection = self.wire.accept()
        self.connection.send(head(code, *lines))
        return opened

    def body(
        self, code: int = 200, *lines: str, asked: ByteRange | None = None
    ) -> Body:
        return self.successResultOf(self.open(code, *lines, asked=asked))

    def assertSlotsFree(self) -> None:
        slots = self.wire.client.files.slots
        self.assertEqual(slots.limit, slots.tokens)

    def assertNothingLeft(self) -> None:
        """
        Neither a place among the transfers nor a timer is held on to.
        """
        self.assertSlotsFree()
        self.assertEqual([], self.wire.reactor.getDelayedCalls())


class HeadTests(BodyTestCase):
    """
    What a body says of itself before it comes.
    """

    def describe(self, body: Body) -> tuple[Any, ...]:
        return (body.start, body.length, body.total, body.validator)

    def test_interface(self) -> None:
        """
        It is an :obj:`IBody`.
        """
        verifyObject(IBody, self.body())

    def test_whole(self) -> None:
        """
        A whole file starts at its start; how long it is, it may say.
        """
        table: dict[tuple[str, ...], tuple[Any, ...]] = {
            ("Content-Length: 10",): (0, 10, 10, None),
            ("Transfer-Encoding: chunked",): (0, None, None, None),
            (): (0, None, None, None),
        }
        for lines, described in table.items():
            self.assertEqual(described, self.describe(self.body(200, *lines)), lines)

    def test_whole_instead_of_part(self) -> None:
        """
        Upstream may send all when asked for a part.
        """
        body = self.body(200, "Content-Length: 10", asked=(5, None))
        self.assertEqual((0, 10, 10, None), self.describe(body))

    def test_part(self) -> None:
        """
        A part knows its place, its length, and perhaps the size of the whole.
        """
        table = {
            "Content-Range: bytes 5-7/10": (5, 3, 10, None),
            "Content-Range: bytes 5-7/*": (5, 3, None, None),
        }
        for line, described in table.items():
            body = self.body(206, line, asked=(5, 7))
            self.assertEqual(described, self.describe(body), line)

    def test_validator(self) -> None:
        """
        A strong ETag is good for ``If-Range``, else a date; a weak one is not.
        """
        date = "Sun, 22 Nov 2026 12:00:00 GMT"
        table: dict[tuple[str, ...], str | None] = {
            ('ETag: "a"', f"Last-Modified: {date}"): '"a"',
            ('ETag: W/"a"', f"Last-Modified: {date}"): date,
            ("ETag: a", f"Last-Modified: {date}"): date,
            ('ETag: W/"a"',): None,
        }
        for lines, validator in table.items():
            self.assertEqual(validator, self.body(200, *lines).validator, lines)

    def test_refused(self) -> None:
        """
        Any other status is a refusal, which holds nothing and shows no secret.
        """
        for code, reason in (
            (403, "it answered 403 Forbidden"),
            (410, "it answered 410 Gone"),
            (204, "it answered 204 No Content"),
            (799, "it answered 799"),
        ):
            opened = self.open(code, "Content-Length: 0")
            error = self.failureResultOf(opened, UpstreamRefusal).value
            self.assertEqual(
                (code, reason, "http://index.example/files/a.whl"),
                (error.status, error.reason, error.url),
            )
            self.assertSlotsFree()

    def test_wrong_part(self) -> None:
        """
        A part that is not what was asked for must not be believed.
        """
        table: list[tuple[ByteRange | None, tuple[str, ...]]] = [
            (None, ("Content-Range: bytes 0-9/10",)),
            ((5, 7), ("Content-Range: bytes 0-7/10",)),
            ((5, 7), ("Content-Range: bytes 7-5/10",)),
            ((5, 7), ("Content-Type: multipart/byteranges; boundary=a",)),
            ((5, 7), ("Content-Range: bytes 5-7/10", "Content-Length: 4")),
        ]
        for asked, lines in table:
            opened = self.open(206, *lines, asked=asked)
            error = self.failureResultOf(opened, UpstreamNonsense).value
            self.assertEqual(206, error.status, (asked, lines))
            self.assertSlotsFree()


class DeliveryTests(BodyTestCase):
    def test_as_it_comes(self) -> None:
        """
        Every piece is handed on when it is there, and the end when all are.
        """
        delivered = self.body(200, "Content-Length: 10").deliver(self.got.append)
        self.connection.send(b"hello")
        self.assertEqual([b"hello"], self.got)
        self.assertNoResult(delivered)
        self.connection.send(b"world")
        self.assertIs(None, self.successResultOf(delivered))
        self.assertEqual(b"helloworld", b"".join(self.got))
        self.assertNothingLeft()

    def test_came_already(self) -> None:
        """
        What came with the head is not lost.
        """
        body = self.body(200, "Content-Length: 5")
        self.connection.send(b"hello")
        self.successResultOf(body.deliver(self.got.append))
        self.assertEqual([b"hello"], self.got)
        self.assertNothingLeft()

    def test_empty(self) -> None:
        """
        An empty file comes to its end.
        """
        self.successResultOf(
            self.body(200, "Content-Length: 0").deliver(self.got.append)
        )
        self.assertEqual([], self.got)

    def test_chunked(self) -> None:
        """
        A body of unknown length ends where its framing says so.
        """
        delivered = self.body(200, "Transfer-Encoding: chunked").deliver(
            self.got.append
        )
        self.connection.send(b"5\r\nhello\r\n0\r\n\r\n")
        self.successResultOf(delivered)

    def test_nothing_is_read_before(self) -> None:
        """
        Until it is delivered, a body is not read.
        """
        body = self.body(200, "Content-Length: 5")
        self.assertEqual("paused", self.connection.transport.producerState)
        body.deliver(self.got.append)
        self.assertEqual("producing", self.connection.transport.producerState)

    def test_bytes_as_sent(self) -> None:
        """
        A body is not decoded, whatever its head says.
        """
        body = self.body(200, "Content-Length: 5", "Content-Encoding: gzip")
        body.deliver(self.got.append)
        self.connection.send(b"hello")
        self.assertEqual((5, [b"hello"]), (body.length, self.got))

    def test_only_once(self) -> None:
        """
        A body is delivered once.
        """
        body = self.body(200, "Content-Length: 5")
        body.deliver(self.got.append)
        self.assertRaises(RuntimeError, body.deliver, self.got.append)

    def test_cut(self) -> None:
        """
        A body that ends before its end was cut, however its length is told.
        """
        for lines, sent in (
            (("Content-Length: 10",), b"hello"),
            (("Transfer-Encoding: chunked",), b"5\r\nhello\r\n"),
            ((), b"hello"),
            (("Content-Range: bytes 0-9/10",), b"hello"),
        ):
            part = "Range" in "".join(lines)
            for reason in (None, ConnectionLost()):
                body = self.body(
                    206 if part else 200, *lines, asked=(0, 9) if part else None
                )
                delivered = body.deliver(self.got.append)
                self.connection.send(sent)
                self.connection.close(reason)
                error = self.failureResultOf(delivered, UpstreamUnreachable).value
                self.assertEqual(
                    ("connection was cut", "http://index.example/files/a.whl"),
                    (error.reason, error.url),
                    lines,
                )
                self.assertNotIdentical(None, error.__cause__)
                self.assertNothingLeft()

    def test_closed_at_the_promised_length(self) -> None:
        """
        A part whose end is only told by closing is whole if it is as long as promised.
        """
        body = self.body(206, "Content-Range: bytes 5-9/10", asked=(5, None))
        delivered = body.deliver(self.got.append)
        self.connection.send(b"world")
        self.connection.close()
        self.successResultOf(delivered)

    def test_too_short_a_part(self) -> None:
        """
        A part that ends in good order, but too early, was cut all the same.
        """
        lines = ("Content-Range: bytes 5-9/10", "Transfer-Encoding: chunked")
        delivered = self.body(206, *lines, asked=(5, None)).deliver(self.got.append)
        self.connection.send(b"3\r\nwor\r\n0\r\n\r\n")
        self.failureResultOf(delivered, UpstreamUnreachable)

    def test_too_long_a_part(self) -> None:
        """
        A part that goes on after its end is nonsense; nothing beyond it is handed on.
        """
        lines = ("Content-Range: bytes 5-9/10", "Transfer-Encoding: chunked")
        delivered = self.body(206, *lines, asked=(5, None)).deliver(self.got.append)
        self.connection.send(b"5\r\nworld\r\n1\r\n!\r\n")
        error = self.failureResultOf(delivered, UpstreamNonsense).value
        self.assertEqual("it sent more than it promised", error.reason)
        self.assertEqual([b"world"], self.got)
        self.assertTrue(self.connection.stopped)

    def test_broken_chunks(self) -> None:
        """
        A body whose framing is broken does not come to a good end.
        """
        delivered = self.body(200, "Transfer-Encoding: chunked").deliver(
            self.got.append
        )
        self.connection.send(b"5\r\nhello!!")
        self.failureResultOf(delivered, UpstreamUnreachable)

    def test_receiver_fails(self) -> None:
        """
        What the receiver raises ends the transfer, and is what the sender fails with.
        """

        def receive(piece: bytes) -> None:
            self.got.append(piece)
            raise OSError("disk full")

        delivered = self.body(200, "Content-Length: 10").deliver(receive)
        self.connection.send(b"hello")
        self.assertEqual(
            "disk full", str(self.failureResultOf(delivered, OSError).value)
        )
        self.assertTrue(self.connection.stopped)
        self.connection.send(b"world")
        self.assertEqual([b"hello"], self.got)
        self.assertNothingLeft()

    def test_cancel(self) -> None:
        """
        To cancel ends the transfer.
        """
        delivered = self.body(200, "Content-Length: 10").deliver(self.got.append)
        self.connection.send(b"hello")
        delivered.cancel()
        self.failureResultOf(delivered, CancelledError)
        self.assertTrue(self.connection.stopped)
        self.connection.send(b"worl")
        self.connection.close()
        self.assertEqual([b"hello"], self.got)
        self.assertNothingLeft()

    def test_cancel_out_of_the_receiver(self) -> None:
        """
        A receiver may cancel what it is in the middle of.
        """
        delivered = self.body(200, "Content-Length: 10").deliver(
            lambda piece: delivered.cancel()
        )
        self.connection.send(b"hello")
        self.failureResultOf(delivered, CancelledError)
        self.assertNothingLeft()

    def test_cancel_and_fail(self) -> None:
        """
        What a receiver raises after it has cancelled is of no interest.
        """

        def receive(piece: bytes) -> None:
            delivered.cancel()
            raise OSError("disk full")

        delivered = self.body(200, "Content-Length: 10").deliver(receive)
        self.connection.send(b"hello")
        self.failureResultOf(delivered, CancelledError)

    def test_abandon(self) -> None:
        """
        A body that nobody wants can be let go of, more than once.
        """
        body = self.body(200, "Content-Length: 10")
        body.abandon()
        body.abandon()
        self.assertTrue(self.connection.stopped)
        self.assertNothingLeft()

    def test_abandon_is_final(self) -> None:
        """
        What was let go of is not delivered any more.
        """
        body = self.body(200, "Content-Length: 10")
        body.abandon()
        self.assertRaises(RuntimeError, body.deliver, self.got.append)

    def test_abandon_in_the_middle(self) -> None:
        """
        To let go of a body that is on its way cancels it.
        """
        body = self.body(200, "Content-Length: 10")
        delivered = body.deliver(self.got.append)
        body.abandon()
        self.failureResultOf(delivered, CancelledError)
        self.assertTrue(self.connection.stopped)

    def test_abandon_at_the_end(self) -> None:
        """
        Nothing happens to what has all come, nor to what its receiver does next.
        """
        body = self.body(200, "Content-Length: 5")
        delivered = body.deliver(self.got.append)
        next_thing: Deferred[None] = Deferred()
        delivered.addCallback(lambda _: next_thing)
        self.connection.send(b"hello")
        body.abandon()
        self.assertNoResult(next_thing)
        self.assertFalse(self.connection.stopped)


class SilenceTests(BodyTestCase):
    def test_stalled(self) -> None:
        """
        A body of which nothing comes for ten seconds is given up.
        """
        delivered = self.body(200, "Content-Length: 10").deliver(self.got.append)
        self.wire.reactor.advance(9.0)
        self.connection.send(b"hello")
        self.wire.reactor.advance(9.9)
        self.assertNoResult(delivered)
        self.wire.reactor.advance(0.2)
        error = self.failureResultOf(delivered, UpstreamTimeout).value
        self.assertEqual("no byte within 10 s", error.reason)
        self.assertTrue(self.connection.stopped)
        self.assertNothingLeft()

    def test_not_before_it_is_delivered(self) -> None:
        """
        The time before anybody wants it does not count as silence.
        """
        body = self.body(200, "Content-Length: 5")
        self.wire.reactor.advance(60.0)
        delivered = body.deliver(self.got.append)
        self.connection.send(b"hello")
        self.successResultOf(delivered)

    def test_pause(self) -> None:
        """
        While it is paused nothing comes, and that is no silence; after that, it is.
        """
        body = self.body(200, "Content-Length: 10")
        delivered = body.deliver(self.got.append)
        body.pause()
        self.assertEqual("paused", self.connection.transport.producerState)
        self.wire.reactor.advance(60.0)
        self.assertNoResult(delivered)
        body.resume()
        self.assertEqual("producing", self.connection.transport.producerState)
        self.wire.reactor.advance(10.1)
        self.failureResultOf(delivered, UpstreamTimeout)

    def test_pause_keeps_what_comes(self) -> None:
        """
        What was on its way is handed on after the pause, and so is the end.
        """
        body = self.body(200, "Content-Length: 10")
        delivered = body.deliver(self.got.append)
        body.pause()
        self.connection.send(b"hello")
        self.connection.send(b"world")
        self.assertEqual([], self.got)
        self.assertNoResult(delivered)
        body.resume()
        self.successResultOf(delivered)
        self.assertEqual([b"hello", b"world"], self.got)
        self.assertNothingLeft()

    def test_pause_piece_by_piece(self) -> None:
        """
        A receiver that pauses at every piece gets one at a time.
        """

        def receive(piece: bytes) -> None:
            self.got.append(piece)
            body.pause()

        body = self.body(200, "Content-Length: 8")
        delivered = body.deliver(receive)
        for piece in (b"he", b"ll", b"o!"):
            self.connection.send(piece)
        for expected in ([b"he"], [b"he", b"ll"], [b"he", b"ll", b"o!"]):
            self.assertEqual(expected, self.got)
            self.assertEqual("paused", self.connection.transport.producerState)
            body.resume()
        self.assertEqual("producing", self.connection.transport.producerState)
        self.connection.send(b"!!")
        body.resume()
        self.successResultOf(delivered)

    def test_pause_before(self) -> None:
        """
        A body that is paused before it is delivered waits for its resumption.
        """
        body = self.body(200, "Content-Length: 5")
        body.pause()
        delivered = body.deliver(self.got.append)
        self.connection.send(b"hel")
        self.assertEqual("paused", self.connection.transport.producerState)
        self.wire.reactor.advance(60.0)
        self.assertEqual([], self.got)
        body.resume()
        self.connection.send(b"lo")
        self.successResultOf(delivered)

    def test_cut_while_paused(self) -> None:
        """
        A connection that was cut meanwhile is told of afterwards.
        """
        body = self.body(200, "Content-Length: 10")
        delivered = body.deliver(self.got.append)
        body.pause()
        self.connection.close(ConnectionLost())
        self.assertNoResult(delivered)
        body.resume()
        self.failureResultOf(delivered, UpstreamUnreachable)

    def test_cancel_while_paused(self) -> None:
        """
        To cancel ends a paused transfer too, and what it held back with it.
        """
        body = self.body(200, "Content-Length: 10")
        delivered = body.deliver(self.got.append)
        body.pause()
        self.connection.send(b"hello")
        delivered.cancel()
        body.resume()
        self.failureResultOf(delivered, CancelledError)
        self.assertEqual((True, []), (self.connection.stopped, self.got))

    def test_after_the_end(self) -> None:
        """
        To pause and resume what has ended does nothing.
        """
        body = self.body(200, "Content-Length: 0")
        self.successResultOf(body.deliver(self.got.append))
        body.pause()
        body.resume()
        self.assertNothingLeft()
