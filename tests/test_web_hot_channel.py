"""
Tests for :mod:`proxypypi.web.hot_channel`.
"""

import errno
import os
import re
import resource
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.ssl import CertificateOptions
from twisted.logger import capturedLogs, formatEvent
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.web.server import Request

from proxypypi.names import normalize
from proxypypi.rules import eviction
from proxypypi.store.uses import UseStore
from proxypypi.web.channel import Channel
from proxypypi.web.connections import ProxySite
from proxypypi.web.hot import HotAnswer, HotAnswers, Key
from tests.certificates import Authority
from tests.distributions import make_sdist, make_wheel
from tests.proxy_case import ProxyTestCase
from tests.sockets import Loopback, SocketWire, TLSWire

CASES = int(os.environ.get("HOT_CASES", "10000"))
DEMO = normalize("demo")
_DATE = re.compile(rb"\r\nDate: [^\r\n]*")

PIP = b"User-Agent: pip/26.3 {}\r\nAccept-Encoding: gzip, deflate\r\nAccept: %s\r\n" % (
    b"application/vnd.pypi.simple.v1+json, text/html; q=0.01"
)
UV = b"user-agent: uv/0.9\r\naccept: application/vnd.pypi.simple.v1+json\r\n"


class PlainSite(ProxySite):
    protocol = Channel  # type: ignore[assignment]


class HotTestCase(ProxyTestCase):
    """
    :ivar fast: a site that answers what it can again, with its core's clock.
    :ivar tight: connections that hold little for who does not read.
    :ivar plain: one that makes each answer anew, from the same core.
    """

    def setUp(self) -> None:
        super().setUp()
        self.small = make_wheel("demo", "1.0", payload=3000)
        self.large = make_wheel("demo", "2.0", payload=300_000)
        for built in (self.small, self.large, make_sdist("demo", "2.0")):
            self.index.add(built)
        for count in range(700):
            self.index.add(make_wheel("many", f"1.{count}"))
        for built in (self.small, self.large):
            self.get(f"/files/demo/{built.filename}")
        self.get("/simple/many/")
        self.settle()
        self.loopback = Loopback()
        self.tight = Loopback(self.loopback.pump, small=8192)
        self.addCleanup(self.loopback.close)
        self.addCleanup(self.tight.close)
        self.loopback.pump.advance(self.clock.seconds())
        self.connect_core()

    def connect_core(self) -> None:
        """
        Have both sites answer for the proxy as it was last started.
        """
        core = self.proxy.faces, self.loopback.pump, self.proxy.core.generations
        self.fast, self.plain = ProxySite(*core), PlainSite(*core)
        self.addCleanup(self.fast.hot.clear)

    def request(
        self, path: str, more: bytes = b"", *, method: str = "GET", who: bytes = PIP
    ) -> bytes:
        head = f"{method} {path} HTTP/1.1\r\nHost: proxy.example\r\n".encode()
        return head + who + more + b"\r\n"

    def ask(self, *requests: bytes, site: ProxySite | None = None) -> bytes:
        """
        :returns: what a new connection gets for these, sent in one piece.
        """
        wire = self.loopback.connect(site or self.fast)
        wire.send(b"".join(requests))
        got = wire.take_all()
        wire.hang_up()
        return got

    def over_tls(self, loopback: Loopback | None = None) -> TLSWire:
        options: CertificateOptions = Authority().vouch_for("127.0.0.1").options()
        factory = TLSMemoryBIOFactory(
            options, False, self.fast, clock=self.loopback.pump
        )
        return TLSWire((loopback or self.loopback).connect(factory))

    def warm(self, *requests: bytes) -> None:
        """
        See that the fast site has the answers to these.
        """
        for request in requests:
            self.ask(request)  # which may have something learned, for another answer
            self.ask(request)
            asked = self.fast.clients.read(request)
            assert asked is not None, request
            hot = self.fast.hot.get(asked.key, self.loopback.pump.seconds())
            self.assertIsNotNone(hot, request)

    def ordinary_paths(self, do: Callable[[], object]) -> list[bytes]:
        """
        The paths of requests that were made meanwhile.
        """
        seen: list[bytes] = []
        render = self.proxy.faces.render

        def note(request: Request) -> object:
            seen.append(request.path)
            return render(request)

        self.patch(self.proxy.faces, "render", note)
        do()
        self.patch(self.proxy.faces, "render", render)
        return seen


def dateless(answers: bytes) -> bytes:
    return _DATE.sub(b"\r\nDate", answers)


class BetweenRequestsTests(HotTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.hot = self.request("/simple/demo/")
        self.warm(self.hot)

    def play(self, site: ProxySite, pieces: Sequence[bytes]) -> bytes:
        wire = self.loopback.connect(site)
        for piece in pieces:
            wire.send(piece)
            wire.take()
        got = wire.take_all()
        wire.hang_up()
        return dateless(got)

    def test_looks_like_a_request(self) -> None:
        """
        What begins like a request is none within another one, wherever that was cut.
        """
        hot, before = self.hot, self.request("/local/")
        body = b"Content-Length: %d\r\n" % len(hot)
        post = self.request("/-/refresh/demo", body, method="POST")
        chunked = self.request(
            "/-/refresh/demo", b"Transfer-Encoding: chunked\r\n", method="POST"
        )
        for pieces in (
            [b"GET /local/ HTTP/1.1\r\nX-Unusual: ", hot],
            [b"GET /local/ HTTP/1.1\r\n", hot],
            [b"GET /local/?", hot],
            [b"\r\n", hot, b"\r\n", hot],
            [before + b"GET /local/ HTTP/1.1\r\nX-Unusual: ", hot],
            [before + b"GET /local/ HTTP/1.1\r\n", hot],
            [before + b"GET /local/?", hot],
            [before + b"A", hot],
            [hot + b"A", hot],
            [hot + b"GET /local/?", hot],
            [hot + b"GET /local/ HTTP/1.1\r\nX-Unusual: ", hot],
            [post, hot, hot],
            [post + hot, hot],
            [hot + post + hot + hot],
            [chunked, b"%x\r\n" % len(hot), hot, b"\r\n0\r\n\r\n", hot],
            [chunked + b"0\r\n\r\n" + hot + hot[:20], hot[20:]],
            [hot[:-1], b"\n" + hot],
        ):
            expected = self.play(self.plain, pieces)
            self.assertIn(b"HTTP/1.1 ", expected)
            self.assertEqual(expected, self.play(self.fast, pieces), pieces)

    def test_after_the_last(self) -> None:
        """
        Nothing is answered after what was said to be the last, while its answer is
        still on its way.
        """
        last = self.request("/local/", b"Connection: close\r\n")
        for wire in (self.loopback.connect(self.fast), self.over_tls()):
            wire.send(last)
            wire.send(self.hot)
            self.assertEqual(1, wire.take_all().count(b"HTTP/1.1 200"))
            wire.hang_up()

    def test_who_sends_and_never_reads(self) -> None:
        """
        For such a client no more is made than what waits for it already.
        """
        many = self.request("/simple/many/")
        self.warm(many)
        answer = len(self.ask(many))
        answered: list[object] = []
        get = self.fast.hot.get

        def note(key: Key, now: float) -> HotAnswer | None:
            answered.append(key)
            return get(key, now)

        self.patch(HotAnswers, "get", staticmethod(note))
        for wire in (self.tight.connect(self.fast), self.over_tls(self.tight)):
            answered.clear()
            wire.send(many * 60)
            for _ in range(20):
                self.loopback.pump.turn()
            self.assertLess(len(answered), 20)
            self.assertEqual(60 * answer, len(wire.take_all(60 * answer)))
            self.assertGreater(len(answered), 50)
            wire.hang_up()

    def test_in_the_log(self) -> None:
        """
        The access log has those answers, too, with how often each was given.
        """
        self.fast.hot_lines.flush()
        with capturedLogs() as events:
            self.ask(self.hot, self.hot)
            self.loopback.pump.advance(1)
        lines = [formatEvent(event) for event in events]
        written = [line for line in lines if line.startswith("127.0.0.1 GET ")]
        self.assertRegex(
            "\n".join(written),
            r"^127.0.0.1 GET /simple/demo/ 200 \d+ pip/26.3 \[proxypypi; hit\] "
            r"\(2 times\)$",
        )

    def test_our_address(self) -> None:
        """
        A document of the JSON API is given again only to those who ask by the address
        that is in it.
        """
        hot = self.request("/pypi/demo/json", who=b"")
        self.ask(hot)  # which fetches it
        self.warm(hot)
        self.assertIn(b"http://proxy.example/files/demo/", self.ask(hot))
        other = hot.replace(b"proxy.example", b"other.example")
        self.assertIn(b"http://other.example/files/demo/", self.ask(other))
        forwarded = hot[:-2] + b"X-Forwarded-Proto: https\r\n\r\n"
        self.assertIn(b"https://proxy.example/files/demo/", self.ask(forwarded))
        for _ in range(2):
            wire = self.over_tls()
            wire.send(hot)
            self.assertIn(b"https://proxy.example/files/demo/", wire.take_all())
            wire.hang_up()
        self.assertIn(b"http://proxy.example/files/demo/", self.ask(hot))

    def test_at_the_end(self) -> None:
        """
        Once the server ends, the ordinary path has to tell clients so.
        """
        idle = self.loopback.connect(self.fast)
        idle.take()
        self.fast.connections.retire()
        idle.send(self.hot)
        answer = idle.take_all()
        self.assertIn(b"HTTP/1.1 200 OK", answer)
        self.assertIn(b"\r\nConnection: close\r\n", answer)
        self.assertTrue(idle.ended)


class UsesTests(HotTestCase):
    def test_noted(self) -> None:
        """
        A file that is given again is used each time; a page is none, nor is a file of
        which it is said that it has not changed.
        """
        file = f"/files/demo/{self.small.filename}"
        tag = b'If-None-Match: "%s"\r\n' % self.small.sha256.encode()
        for expected, request in (
            (True, self.request(file)),
            (False, self.request(file, tag)),
            (False, self.request(f"{file}.metadata")),
            (False, self.request("/simple/demo/")),
        ):
            self.warm(request)
            for _ in range(2):
                self.was_used()
                self.assertEqual([], self.ordinary_paths(partial(self.ask, request)))
                self.assertIs(expected, self.was_used(), request)

    def test_evicted(self) -> None:
        """
        A file that has just been evicted is not given again: it would take up its room
        for as long as somebody asks for it.
        """
        self.patch(eviction, "YOUNG", 0.0)
        self.start_proxy(max_size=300_000)
        self.connect_core()
        another = make_wheel("another", payload=290_000)
        self.index.add(another)
        request = self.request(f"/files/demo/{self.small.filename}")
        self.warm(request)
        self.get(f"/files/another/{another.filename}")
        self.assertNotIn(f"demo/{self.small.filename}", self.kept())
        self.assertEqual(1, len(self.ordinary_paths(partial(self.ask, request))))

    def was_used(self) -> bool:
        """
        Since it was asked last.
        """
        self.successResultOf(Deferred.fromCoroutine(self.proxy.core.uses.flush()))
        known = UseStore.of(self.directory).load().of(DEMO, self.small.filename)
        shutil.rmtree(self.directory / ".proxypypi" / "cache" / "uses", True)
        return known is not None


class RestTests(HotTestCase):
    """
    A client that takes its time gets a hot answer at its pace.
    """

    def setUp(self) -> None:
        super().setUp()
        self.many = self.request("/simple/many/", who=UV)
        self.file = self.request(f"/files/demo/{self.large.filename}")
        self.hot = self.request("/simple/demo/")
        self.warm(self.hot, self.many, self.file)

    def test_what_follows_waits(self) -> None:
        """
        What it asks for meanwhile is answered after that, and as quickly.
        """
        for long in (self.many, self.file):
            expected = self.ask(long, self.hot, long, site=self.plain)
            wire = self.tight.connect(self.fast)
            wire.send(long + self.hot)
            wire.take(2000)
            (channel,) = self.fast.connections.busy
            wire.send(long)
            wire.take(2000)
            got = wire.take_all(len(expected))
            self.assertEqual(dateless(expected), dateless(got))
            self.assertTrue(channel.idle)
            self.assertEqual([], list(self.fast.connections.busy))
            self.assertEqual([], self.ordinary_paths(lambda: self.ask(self.hot)))
            wire.hang_up()
            self.assertEqual(0, len(self.fast.connections))

    def test_again_after_an_ordinary_answer(self) -> None:
        """
        An ordinary answer before changes nothing: what is hot is.
        """
        wire = self.loopback.connect(self.fast)
        wire.send(self.request("/local/"))
        wire.take_all()
        wire.send(self.hot)
        self.assertEqual([], self.ordinary_paths(wire.take_all))
        self.assertEqual(2, wire.received.count(b"HTTP/1.1 200 OK"))
        wire.hang_up()

    def test_stalled_page(self) -> None:
        """
        Who takes nothing any more is cut off after two minutes; who takes a little now
        and then is not, though that may be long after an idle connection had ended.
        """
        self.check_stalled(self.many)

    def test_stalled_file(self) -> None:
        """
        So it is for files.
        """
        self.check_stalled(self.file)

    def check_stalled(self, long: bytes) -> None:
        expected = len(self.ask(long, site=self.plain))
        slow, stalled = (self.tight.connect(self.fast) for _ in range(2))
        for wire in (slow, stalled):
            wire.send(long)
            wire.take(1000)
        for _ in range(30):  # as long as the kernel moves bytes around
            self.loopback.pump.advance(30)
            slow.take(3000)
            self.assertFalse(slow.ended)
            if len(self.fast.connections) == 1:
                break
        self.assertEqual(1, len(self.fast.connections))
        self.assertEqual(expected, len(slow.take_all(expected)))
        slow.hang_up()
        stalled.hang_up()

    def test_idle_after_that(self) -> None:
        """
        A minute after its last byte the connection ends, if nothing is asked.
        """
        wire = self.tight.connect(self.fast)
        size = len(self.ask(self.file))
        wire.send(self.file)
        wire.take_all(size)
        self.loopback.pump.advance(59)
        wire.take()
        self.assertFalse(wire.ended)
        self.loopback.pump.advance(1)
        wire.take()
        self.assertTrue(wire.ended)

    def test_busy_with_hot_answers(self) -> None:
        """
        Nor does it end a minute after the first of many.
        """
        self.settle_on(self.hot, self.file)
        wire = self.loopback.connect(self.fast)
        for count in range(8):
            self.loopback.pump.advance(30)
            self.settle_on(self.hot)
            wire.send(self.hot)
            wire.take_all()
            self.assertFalse(wire.ended, count)
        self.loopback.pump.advance(60)
        wire.take()
        self.assertTrue(wire.ended)

    def settle_on(self, *requests: bytes) -> None:
        """
        Have both clocks agree, and these answers be hot.
        """
        self.clock.advance(self.loopback.pump.seconds() - self.clock.seconds())
        self.warm(*requests)

    def test_hang_up(self) -> None:
        """
        Who leaves in the middle leaves nothing open.
        """
        before = len(os.listdir("/proc/self/fd"))
        for long in (self.many, self.file):
            wire = self.tight.connect(self.fast)
            wire.send(long)
            wire.take(1000)
            wire.hang_up()
        self.assertEqual(before, len(os.listdir("/proc/self/fd")))
        self.assertEqual(0, len(self.fast.connections))

    def test_end_of_the_server(self) -> None:
        """
        What was begun is sent to its last byte; then the connection ends.
        """
        expected = self.ask(self.file, site=self.plain)
        wire = self.tight.connect(self.fast)
        wire.send(self.file)
        wire.take(1000)
        ended = self.fast.connections.end()
        self.assertNoResult(ended)
        self.assertEqual(dateless(expected), dateless(wire.take_all(len(expected))))
        wire.take()
        self.assertTrue(wire.ended)
        self.successResultOf(ended)

    def test_broken_disk(self) -> None:
        """
        When a file cannot be read, nothing else is sent in place of its bytes.
        """

        def broken(*_: int) -> int:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        self.patch(os, "sendfile", broken)
        wire = self.loopback.connect(self.fast)
        wire.send(self.file + self.hot + self.many)
        got = wire.take_all()
        self.assertTrue(wire.ended)
        self.assertLessEqual(got.count(b"HTTP/1.1 "), 1)
        self.assertEqual(b"", got.partition(b"\r\n\r\n")[2])
        wire.hang_up()
        self.assertEqual(0, len(self.fast.connections))

    def test_no_descriptors(self) -> None:
        """
        Nor is it where there is no descriptor for the rest of it.
        """
        wire = self.tight.connect(self.fast)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        try:
            wire.send(self.file + self.hot)
            self.loopback.pump.turn()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        self.assertNotIn(b"HTTP/1.1 ", wire.take_all()[1:])
        self.assertTrue(wire.ended)

    def test_truncated(self) -> None:
        """
        A file that somebody truncates meanwhile is cut, never padded.
        """
        path = self.directory / "demo" / self.large.filename
        wire = self.tight.connect(self.fast)
        wire.send(self.file)
        wire.take(1000)
        os.truncate(path, 150_000)
        got = wire.take_all(151_000)
        self.assertTrue(wire.ended)
        self.assertLess(len(got), 151_000)


class EquivalenceTests(HotTestCase):
    """
    Whatever comes, in whatever pieces, and however slowly the client reads: it gets
    what the ordinary path alone would have sent.
    """

    def setUp(self) -> None:
        super().setUp()
        page, many = "/simple/demo/", "/simple/many/"
        small = f"/files/demo/{self.small.filename}"
        large = f"/files/demo/{self.large.filename}"
        answer = self.ask(self.request(page), site=self.plain)
        tag = re.search(rb'ETag: ("[^"]*")', answer)
        assert tag is not None
        self.hot = [
            self.request(page),
            self.request(page, who=UV),
            self.request(page, b"If-None-Match: %s\r\n" % tag[1]),
            self.request(many),
            self.request(many, who=UV),
            self.request(small),
            self.request(f"{small}.metadata"),
            self.request(large),
            self.request(
                page, b"Connection: Keep-Alive\r\nCache-Control: no-cache\r\n"
            ),
        ]
        self.ordinary = [
            self.request("/local/"),
            self.request("/simple/none/"),
            self.request("/simple/Demo/"),
            self.request("/simple/demo"),
            self.request(page, method="HEAD"),
            self.request(page, b'If-None-Match: "other"\r\n'),
            self.request(page, b"If-None-Match: *\r\n"),
            self.request(page, b'If-None-Match: W/"a", %s\r\n' % tag[1]),
            self.request(page, b"X-Unusual: yes\r\n"),
            self.request(page, b"Accept-Language:\r\n de\r\n"),
            self.request(page, b"Accept: text/html\r\n"),
            self.request(page, b"Cookie: a=b\r\n"),
            self.request(page, who=b"Accept: application/pdf\r\n"),
            self.request(small, b"Range: bytes=10-50\r\n"),
            self.request(large, b"Range: bytes=-20\r\n"),
            self.request("/-/refresh/demo", b"Content-Length: 0\r\n", method="POST"),
            self.request("/simple/../secret/"),
            b"\r\n" + self.request(page),
        ]
        self.last = [
            self.request(page, b"Connection: close\r\n"),
            self.request(page).replace(b"HTTP/1.1", b"HTTP/1.0"),
            self.request("/simple/x/", b"broken\r\n"),
            self.request(large, b"Connection: close\r\n"),
            b"nonsense\r\n\r\n",
        ]
        self.warm(*self.hot)
        self.expected = {
            request: self.ask(request, site=self.plain)
            for request in (*self.hot, *self.ordinary, *self.last)
        }

    def draw(self, random: Random) -> list[bytes]:
        requests = [
            random.choice(self.hot if random.random() < 0.7 else self.ordinary)
            for _ in range(random.randint(1, 6))
        ]
        if random.random() < 0.2:
            requests.insert(random.randint(0, len(requests)), random.choice(self.last))
        return requests

    def expect(self, requests: Sequence[bytes]) -> bytes:
        expected = b""
        for request in requests:
            expected += self.expected[request]
            if request in self.last:
                break
        return expected

    def split(self, random: Random, data: bytes) -> list[bytes]:
        how = random.random()
        if how < 0.3:
            return [data]
        most = 3000 if how < 0.9 else 60
        pieces = []
        while data:
            size = random.randint(1, most)
            pieces.append(data[:size])
            data = data[size:]
        return pieces

    def play(self, random: Random, wire: SocketWire, requests: list[bytes]) -> bytes:
        step = 1 if random.random() < 0.3 else len(requests)
        for done in range(0, len(requests), step):
            for piece in self.split(random, b"".join(requests[done : done + step])):
                wire.send(piece)
                wire.take(random.choice((0, 1, 100, 10_000, 1_000_000)))
            wire.take_all(len(self.expect(requests[: done + step])))
        return bytes(wire.received)

    def compare(self, case: str, answers: bytes, requests: Sequence[bytes]) -> None:
        expected = self.expect(requests)
        if any(request in self.last for request in requests[:-1]):
            # Who sends more than is taken may have the end of an answer reset.
            expected = expected[: len(answers)]
        got, expected = dateless(answers), dateless(expected)
        if got != expected:
            pairs = enumerate(zip(got, expected, strict=False))
            shorter = min(len(got), len(expected))
            at = next((i for i, (a, b) in pairs if a != b), shorter)
            self.fail(
                f"{case}: {len(got)} bytes for {len(expected)}, and from byte {at} on "
                f"{got[at - 50 : at + 200]!r} for {expected[at - 50 : at + 200]!r}"
            )
        self.flushLoggedErrors()

    def test_same_bytes(self) -> None:
        """
        Each case is that of a number, and so can be had again.
        """
        descriptors = len(os.listdir("/proc/self/fd"))
        for seed in range(CASES):
            random = Random(seed)
            requests = self.draw(random)
            loopback = self.tight if random.random() < 0.02 else self.loopback
            wire = loopback.connect(self.fast)
            got = self.play(random, wire, requests)
            wire.hang_up()
            self.compare(f"case {seed}: {requests}", got, requests)
        self.assertLessEqual(len(os.listdir("/proc/self/fd")), descriptors + 3)
        self.assertEqual(0, len(self.fast.connections))

    def test_same_bytes_over_tls(self) -> None:
        """
        So it is over TLS.
        """
        for seed in range(CASES // 50):
            random = Random(seed)
            requests = self.draw(random)
            wire = self.over_tls()
            for piece in self.split(random, b"".join(requests)):
                wire.send(piece)
            got = wire.take_all(len(self.expect(requests)))
            wire.hang_up()
            self.compare(f"case {seed}: {requests}", got, requests)
