"""
Tests for :mod:`proxypypi.upstream.client`, with the modules that only it uses.
"""

from base64 import b64encode
from collections.abc import Coroutine, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from attrs import evolve
from treq.testing import RequestTraversalAgent
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectionLost,
    ConnectionRefusedError,
    NoRouteError,
    TCPTimedOutError,
    TimeoutError,
)
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proxypypi import __version__
from proxypypi.errors import (
    UpstreamError,
    UpstreamNonsense,
    UpstreamRefusal,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from proxypypi.upstream.client import Client
from proxypypi.upstream.patience import about
from proxypypi.upstream.replies import Reply
from proxypypi.upstream.urls import bare, origin_of, shown
from tests.upstream_fakes import (
    Answer,
    Connection,
    Silence,
    Upstream,
    Wire,
    client_for,
)

T = TypeVar("T")

INDEX = "http://index.example/simple/"
SECURE = "https://index.example/simple/"
OK = [Answer(200, b"ok")]


def to(location: str, code: int = 302) -> list[Answer]:
    return [Answer(code, b"elsewhere", {"Location": location})]


def start(asking: Coroutine[Any, Any, T]) -> "Deferred[T]":
    return Deferred.fromCoroutine(asking)


class MemoryTestCase(SynchronousTestCase):
    """
    A client with a network in memory.
    """

    def setUp(self) -> None:
        self.clock = Clock()

    def network(
        self, answers: Mapping[str, Sequence[Answer | Silence]], index: str = INDEX
    ) -> Client:
        self.upstream = Upstream(answers)
        agent = RequestTraversalAgent(self.upstream)
        return client_for(index, agent, self.clock)

    def ask(self, client: Client, url: str, **more: Any) -> "Deferred[Reply]":
        return start(client.ask(client.files, url, **more))


class UrlTests(SynchronousTestCase):
    def test_shown(self) -> None:
        """
        What an error shows of an address holds no secret.
        """
        url = "https://me:secret@files.example:8443/a/b.whl?sig=secret#sha256=00"
        self.assertEqual("https://files.example:8443/a/b.whl", shown(url))
        self.assertEqual("an address that is none", shown("http://[secret"))

    def test_bare(self) -> None:
        """
        What is asked of a host has no credentials and no fragment in its address.
        """
        url = "https://me:secret@files.example/b.whl?sig=1#sha256=00"
        self.assertEqual("https://files.example/b.whl?sig=1", bare(url))

    def test_origin(self) -> None:
        """
        Origins are the same however their default port and case are written.
        """
        self.assertEqual(
            origin_of("https://INDEX.example/"),
            origin_of("https://index.example:443/x"),
        )
        self.assertNotEqual(
            origin_of("https://a.example"), origin_of("http://a.example")
        )

    def test_no_origin(self) -> None:
        """
        Only absolute http and https addresses have one.
        """
        for url in ("ftp://a.example/", "/simple/", "http:///x", "http://a:port/"):
            with self.assertRaises(ValueError, msg=url):
                origin_of(url)


class RequestTests(MemoryTestCase):
    def test_says_who_asks(self) -> None:
        """
        Upstream is told the name and version of this program.
        """
        self.ask(self.network({INDEX: OK}), INDEX)
        agent = self.upstream.asked[0].header("User-Agent")
        self.assertEqual(f"proxypypi/{__version__}", agent)

    def test_codings(self) -> None:
        """
        Pages are asked for with gzip and nothing else, files without any coding.
        """
        client = self.network({INDEX: OK})
        start(client.ask(client.pages, INDEX))
        start(client.ask(client.files, INDEX))
        codings = [asked.header("Accept-Encoding") for asked in self.upstream.asked]
        self.assertEqual(["gzip", "identity"], codings)

    def test_no_cookies(self) -> None:
        """
        Cookies are not kept.
        """
        client = self.network({INDEX: [Answer(200, b"", {"Set-Cookie": "a=b"})]})
        for _ in range(2):
            self.ask(client, INDEX)
        self.assertEqual(
            [None, None], [asked.header("Cookie") for asked in self.upstream.asked]
        )

    def test_headers_and_method(self) -> None:
        """
        Method and headers are sent as given, Latin-1 included.
        """
        client = self.network({INDEX: OK})
        self.ask(client, INDEX, method="HEAD", headers={"If-Range": '"\xe9"'})
        asked = self.upstream.asked[0]
        self.assertEqual("HEAD", asked.method)
        self.assertEqual([b'"\xe9"'], asked.headers.getRawHeaders(b"If-Range"))

    def test_address_is_kept_as_it_is(self) -> None:
        """
        What is percent-encoded stays so, and nothing else becomes so.
        """
        url = "http://files.example/a%2Fb%20c+d~e/%E2%82%AC?x=%26"
        client = self.network({url: OK})
        self.assertEqual(200, self.successResultOf(self.ask(client, url)).code)

    def test_credentials(self) -> None:
        """
        Credentials in the index's address are sent to it, and not shown.
        """
        client = self.network({SECURE: OK}, "https://me:secret@index.example/simple/")
        reply = self.successResultOf(self.ask(client, SECURE))
        pair = b64encode(b"me:secret").decode()
        self.assertEqual(
            f"Basic {pair}", self.upstream.asked[0].header("Authorization")
        )
        self.assertEqual(SECURE, reply.url)
        self.assertNotIn("secret", repr(client))

    def test_credentials_belong_to_an_origin(self) -> None:
        """
        Credentials go to the index's own scheme, host and port and to no other.
        """
        others = [
            "https://files.example/",
            "https://index.example:8443/",
            "http://index.example/",
        ]
        index = "https://me:secret@index.example/simple/"
        client = self.network(dict.fromkeys(others, OK), index)
        for other in others:
            self.ask(client, other, hashed=True)
        sent = {
            asked.url: asked.header("Authorization") for asked in self.upstream.asked
        }
        self.assertEqual(dict.fromkeys(others), sent)

    def test_credentials_in_links(self) -> None:
        """
        Those that an index writes into a link are not passed on.
        """
        client = self.network({"http://files.example/a": OK})
        self.ask(client, "http://me:secret@files.example/a")
        self.assertEqual(None, self.upstream.asked[0].header("Authorization"))

    def test_silence(self) -> None:
        """
        A head that does not come within 30 seconds is a time-out.
        """
        asking = self.ask(self.network({INDEX: [Silence()]}), INDEX)
        self.clock.advance(29.9)
        self.assertNoResult(asking)
        self.clock.advance(0.2)
        late = self.failureResultOf(asking, UpstreamTimeout).value
        self.assertEqual("no answer within 30 s", late.reason)

    def test_cancel(self) -> None:
        """
        A request can be cancelled; nothing of it stays behind.
        """
        asking = self.ask(self.network({INDEX: [Silence()]}), INDEX)
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_bad_addresses(self) -> None:
        """
        What is no address of the web is not asked.
        """
        client = self.network({})
        for url in (
            "ftp://files.example/a",
            "file:///etc/passwd",
            "http://[files.example/",
            "http://files.example:port/",
            "http:///a",
            "a.whl",
        ):
            nonsense = self.failureResultOf(self.ask(client, url), UpstreamNonsense)
            self.assertNotEqual("", nonsense.value.reason, url)
        self.assertEqual([], self.upstream.asked)


class RedirectTests(MemoryTestCase):
    def test_followed(self) -> None:
        """
        Redirects of every kind are followed, relative ones too, and the last address
        is known.
        """
        for code in (301, 302, 303, 307, 308):
            client = self.network(
                {
                    INDEX: to("../other/", code),
                    "http://index.example/other/": to("//files.example/x?y", code),
                    "http://files.example/x?y": OK,
                }
            )
            reply = self.successResultOf(self.ask(client, INDEX))
            self.assertEqual((200, "http://files.example/x?y"), (reply.code, reply.url))

    def test_headers_are_kept(self) -> None:
        """
        The next host is asked the same question.
        """
        client = self.network(
            {INDEX: to("http://files.example/"), "http://files.example/": OK}
        )
        self.ask(client, INDEX, method="HEAD", headers={"Range": "bytes=1-2"})
        again = self.upstream.asked[1]
        self.assertEqual(("HEAD", "bytes=1-2"), (again.method, again.header("Range")))

    def test_credentials_do_not_follow(self) -> None:
        """
        Credentials are dropped on the way to another origin, and are there again
        when the way leads back.
        """
        client = self.network(
            {
                SECURE: to("https://files.example/"),
                "https://files.example/": to("https://index.example/back"),
                "https://index.example/back": OK,
            },
            "https://me:secret@index.example/simple/",
        )
        self.ask(client, SECURE)
        sent = [asked.header("Authorization") for asked in self.upstream.asked]
        self.assertEqual([True, False, True], [bool(header) for header in sent])

    def test_loop(self) -> None:
        """
        Ten redirects are followed, and then it is nonsense.
        """
        asking = self.ask(self.network({INDEX: to(INDEX)}), INDEX)
        endless = self.failureResultOf(asking, UpstreamNonsense).value
        self.assertEqual("it redirects without end", endless.reason)
        self.assertEqual(11, len(self.upstream.asked))

    def test_ten(self) -> None:
        """
        The address that ten redirects lead to is asked.
        """
        urls = [f"http://index.example/{n}" for n in range(11)]
        answers: dict[str, list[Answer]] = {
            url: to(after) for url, after in pairwise(urls)
        }
        client = self.network({**answers, urls[-1]: OK})
        self.assertEqual(200, self.successResultOf(self.ask(client, urls[0])).code)

    def test_nowhere(self) -> None:
        """
        A redirect without an address, or to none, is nonsense.
        """
        table = {
            "it redirects to nowhere": [Answer(302)],
            "it redirects to no address: Invalid IPv6 URL": to("http://[x"),
            "only http and https are followed, not 'ftp'": to("ftp://files.example/"),
        }
        for reason, answers in table.items():
            asking = self.ask(self.network({INDEX: answers}), INDEX)
            nonsense = self.failureResultOf(asking, UpstreamNonsense).value
            self.assertEqual(reason, nonsense.reason)

    def test_other_statuses_are_no_redirects(self) -> None:
        """
        Whoever asked for a page sees what is neither followed nor good.
        """
        client = self.network({INDEX: [Answer(300, b"", {"Location": "/a"})]})
        self.assertEqual(300, self.successResultOf(self.ask(client, INDEX)).code)

    def test_never_from_https_to_http(self) -> None:
        """
        Neither a redirect nor a link leads from https to http.
        """
        plain = "http://files.example/a"
        table = {
            "link": ({}, plain),
            "redirect": ({SECURE: to(plain)}, SECURE),
            "back": (
                {
                    INDEX: to("https://files.example/"),
                    "https://files.example/": to(plain),
                },
                INDEX,
            ),
        }
        for case, (answers, url) in table.items():
            index = INDEX if case == "back" else SECURE
            client = self.network({**answers, plain: OK}, index)
            nonsense = self.failureResultOf(self.ask(client, url), UpstreamNonsense)
            self.assertEqual(
                f"upstream failed: it would lead from https to http ({plain})",
                str(nonsense.value),
                case,
            )
            self.assertNotIn(plain, [asked.url for asked in self.upstream.asked])

    def test_hashed_from_https_to_http(self) -> None:
        """
        What will be checked against a digest may come by http.
        """
        plain = "http://files.example/a"
        client = self.network({SECURE: to(plain), plain: OK}, SECURE)
        for url in (plain, SECURE):
            reply = self.successResultOf(self.ask(client, url, hashed=True))
            self.assertEqual((200, plain), (reply.code, reply.url))

    def test_silence_after_redirect(self) -> None:
        """
        Each host has its own 30 seconds.
        """
        client = self.network({INDEX: to("/a"), "http://index.example/a": [Silence()]})
        asking = self.ask(client, INDEX)
        self.clock.advance(31.0)
        late = self.failureResultOf(asking, UpstreamTimeout).value
        self.assertEqual("http://index.example/a", late.url)


class TroubleTests(SynchronousTestCase):
    """
    What the network does to a request.
    """

    def setUp(self) -> None:
        self.wire = Wire()

    def ask(self, url: str = INDEX) -> "Deferred[Reply]":
        client = self.wire.client
        return start(client.ask(client.files, url))

    def test_no_connection(self) -> None:
        """
        Why there is no connection is said in a few words.
        """
        table = [
            (ConnectionRefusedError(), UpstreamUnreachable, "connection refused"),
            (NoRouteError(), UpstreamUnreachable, "no route to host"),
            (ConnectError(), UpstreamUnreachable, "no connection"),
            (TimeoutError(), UpstreamTimeout, "no connection within 5 s"),
            (TCPTimedOutError(), UpstreamTimeout, "no connection within 5 s"),
        ]
        for fault, kind, reason in table:
            wire = Wire()
            asking = start(wire.client.ask(wire.client.files, INDEX))
            wire.refuse(fault)
            wire.reactor.advance(1.0)
            error = self.failureResultOf(asking).value
            found = (type(error), error.url, error.reason)
            self.assertEqual((kind, INDEX, reason), found, fault)
            self.assertIs(fault, error.__cause__)

    def test_no_such_host(self) -> None:
        """
        A host that name service does not know is unreachable.
        """
        asking = self.ask("http://nowhere.example/")
        error = self.failureResultOf(asking, UpstreamUnreachable).value
        self.assertEqual("no such host", error.reason)

    def test_literal(self) -> None:
        """
        A host can be an IPv6 address.
        """
        wire = Wire("http://[::1]:8000/simple/", {"::1": ["::1"]})
        url = "http://[::1]:8000/a%2Fb c/\u20ac?x=%26"
        asking = start(wire.client.ask(wire.client.files, url))
        self.assertEqual([("::1", 8000)], wire.attempts)
        connection = wire.accept()
        line = connection.request.partition(b"\r\n")[0]
        self.assertEqual(b"GET /a%2Fb%20c/%E2%82%AC?x=%26 HTTP/1.1", line)
        self.assertIn(b"\r\nHost: [::1]:8000\r\n", connection.request)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(200, self.successResultOf(asking).code)

    def test_impossible_host(self) -> None:
        """
        A host name that cannot be one is nonsense.
        """
        asking = self.ask(f"http://{'a' * 64}.example/")
        self.failureResultOf(asking, UpstreamNonsense)

    def test_private_address(self) -> None:
        """
        A link into our own network is nonsense, and the error says why.
        """
        self.wire.names.hosts["files.example"] = ["10.0.0.7"]
        asking = self.ask("http://files.example/a")
        error = self.failureResultOf(asking, UpstreamNonsense).value
        said = "10.0.0.7 is a private address, and the index is not"
        self.assertEqual(("http://files.example/a", said), (error.url, error.reason))

    def test_cut_before_the_head(self) -> None:
        """
        A connection that ends before or inside of the head was cut.
        """
        for sent in (b"", b"HTTP/1.1 200 OK\r\nContent-"):
            for reason in (None, ConnectionLost()):
                wire = Wire()
                asking = start(wire.client.ask(wire.client.files, INDEX))
                connection = wire.accept()
                connection.send(sent)
                connection.close(reason)
                error = self.failureResultOf(asking, UpstreamUnreachable).value
                self.assertEqual("connection was cut", error.reason, (sent, reason))

    def test_not_http(self) -> None:
        """
        What is not HTTP is nonsense.
        """
        for sent in (
            b"220 mail.example ESMTP\r\n\r\n",
            b"HTTP/1.1 two hundred\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: mystery\r\n\r\n",
        ):
            wire = Wire()
            asking = start(wire.client.ask(wire.client.files, INDEX))
            connection = wire.accept()
            connection.send(sent)
            connection.close()
            error = self.failureResultOf(asking, UpstreamNonsense).value
            self.assertEqual("the answer is not HTTP", error.reason, sent)

    def test_endless_head(self) -> None:
        """
        A head that does not come to an end is nonsense as soon as it is too long:
        headers, one line without an end, a status line, or interim responses.
        """
        ok = b"HTTP/1.1 200 OK\r\n"
        for first, more in (
            (ok, b"A: b\r\n" * 1000),
            (ok, b"A: " + b"b" * 10_000 + b"\r\n"),
            (ok + b"A: b\r\n", b" folded\r\n" * 1000),
            (ok + b"A: ", b"b" * 5000),
            (b"HTTP/1.1 200 ", b"K" * 5000),
            (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100),
            (b"", b"HTTP/1.1 101 Switching Protocols\r\n\r\n" * 100),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000),
        ):
            wire = Wire()
            asking = start(wire.client.ask(wire.client.files, INDEX))
            connection = wire.accept()
            connection.send(first)
            sent = 0
            while not connection.ended:
                self.assertLess(sent, 70_000, more[:40])
                self.assertNoResult(asking)
                connection.send(more)
                sent += len(more)
            connection.close()
            error = self.failureResultOf(asking, UpstreamNonsense).value
            said = "the head of the answer is too long"
            self.assertEqual(said, error.reason, more[:40])

    def test_long_head(self) -> None:
        """
        A head may be long, and a body as long as it likes, in whatever pieces they
        come.
        """
        head = (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
            + b"Content-Security-Policy: x\r\n" * 2000
            + b"Content-Length: 400000\r\n\r\n"
        )
        sent = head + b"x" * 300_000
        for size in (1000, 65_536, len(sent)):
            wire = Wire()
            asking = start(wire.client.ask(wire.client.files, INDEX))
            connection = wire.accept()
            for at in range(0, len(sent), size):
                connection.send(sent[at : at + size])
            self.assertFalse(connection.ended, size)
            self.assertEqual(200, self.successResultOf(asking).code)

    def test_not_tls(self) -> None:
        """
        An https address whose server speaks no TLS is unreachable.
        """
        asking = self.ask("https://index.example/")
        connection = self.wire.accept()
        connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()
        error = self.failureResultOf(asking, UpstreamUnreachable).value
        self.assertEqual("TLS: wrong version number", error.reason)

    def test_cancelled_while_looking_up(self) -> None:
        """
        To cancel is to cancel, also when Twisted says that there is no such host.
        """
        self.wire.names.silent = True
        asking = self.ask()
        asking.cancel()
        self.failureResultOf(asking, CancelledError)

    def test_cancelled_while_connecting(self) -> None:
        """
        To cancel ends the attempt to connect.
        """
        asking = self.ask()
        self.wire.reactor.connectors[0].stopConnecting = lambda: None
        asking.cancel()
        self.failureResultOf(asking, CancelledError)

    def test_cancelled_while_waiting(self) -> None:
        """
        To cancel closes the connection.
        """
        asking = self.ask()
        connection = self.wire.accept()
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertTrue(connection.transport.disconnected)

    def redirected(self) -> "tuple[Deferred[Reply], Connection]":
        """
        In the middle of a redirect: its head is here, its body is not.
        """
        asking = self.ask()
        connection = self.wire.accept()
        connection.send(b"HTTP/1.1 302 Found\r\nContent-Length: 99999999\r\n")
        connection.send(b"Location: http://index.example/a\r\n\r\n")
        return asking, connection

    def test_discarded(self) -> None:
        """
        The body of a redirect is read, for the sake of the connection, if it is small.
        """
        _, connection = self.redirected()
        connection.send(bytes(65536))
        self.assertEqual((False, 1), (connection.stopped, len(self.wire.attempts)))
        connection.send(bytes(1))
        self.assertEqual((True, 2), (connection.stopped, len(self.wire.attempts)))

    def test_discarded_in_time(self) -> None:
        """
        The body of a redirect is not waited for longer than for any other.
        """
        _, connection = self.redirected()
        self.wire.reactor.advance(9.9)
        self.assertEqual((False, 1), (connection.stopped, len(self.wire.attempts)))
        self.wire.reactor.advance(0.2)
        self.assertEqual((True, 2), (connection.stopped, len(self.wire.attempts)))

    def test_discarded_and_cut(self) -> None:
        """
        It does not matter if the connection of a redirect breaks after its head.
        """
        asking, connection = self.redirected()
        connection.close(ConnectionLost())
        self.wire.accept().send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(200, self.successResultOf(asking).code)

    def test_cancelled_while_discarding(self) -> None:
        """
        To cancel closes the connection of a redirect too.
        """
        asking, connection = self.redirected()
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertTrue(connection.stopped)
        self.assertEqual([], self.wire.reactor.getDelayedCalls())


class RetryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        agent = RequestTraversalAgent(Upstream({}))
        self.client = client_for(INDEX, agent, self.clock)
        self.tries: list[float] = []

    def retry(self, *outcomes: UpstreamError | str) -> "Deferred[str]":
        async def attempt() -> str:
            outcome = outcomes[len(self.tries)]
            self.tries.append(self.clock.seconds())
            if isinstance(outcome, UpstreamError):
                raise outcome
            return outcome

        trying = start(self.client.retry(attempt))
        self.clock.pump([0.0625] * 100)
        return trying

    def test_back_off(self) -> None:
        """
        What cannot be reached is tried three times more, at growing distances.
        """
        down = UpstreamUnreachable(url=INDEX, reason="down")
        trying = self.retry(down, down, down, evolve(down, reason="still down"))
        error = self.failureResultOf(trying, UpstreamUnreachable).value
        self.assertEqual("still down", error.reason)
        for expected, when in zip([0.0, 0.2, 1.0, 4.2], self.tries, strict=True):
            self.assertTrue(0.0 <= when - expected < 0.2, (expected, when))

    def test_recovers(self) -> None:
        """
        After a 5xx or a cut connection a later answer counts.
        """
        busy = UpstreamRefusal(url=INDEX, reason="busy", status=503)
        down = UpstreamUnreachable(url=INDEX, reason="down")
        self.assertEqual("ok", self.successResultOf(self.retry(busy, down, "ok")))

    def test_short_peace(self) -> None:
        """
        Who says after a 5xx to come again in a moment is asked again then, not before.
        """

        def busy(seconds: float) -> UpstreamRefusal:
            return UpstreamRefusal(
                url=INDEX, reason="busy", status=503, dead_for=seconds
            )

        trying = self.retry(busy(1.0), busy(2.0), busy(0.0), "ok")
        self.assertEqual("ok", self.successResultOf(trying))
        for expected, when in zip([0.0, 1.0, 3.0, 6.2], self.tries, strict=True):
            self.assertTrue(0.0 <= when - expected < 0.2, (expected, when))
        self.tries.clear()
        self.failureResultOf(self.retry(busy(2.1), "ok"), UpstreamRefusal)
        self.assertEqual(1, len(self.tries))

    def test_final(self) -> None:
        """
        Time-outs, refusals and nonsense are not tried again.
        """
        for error in (
            UpstreamTimeout(url=INDEX, reason="late"),
            UpstreamRefusal(url=INDEX, reason="no", status=403),
            UpstreamRefusal(url=INDEX, reason="busy", status=429, dead_for=1.0),
            UpstreamNonsense(url=INDEX, reason="what", status=200),
        ):
            self.tries.clear()
            self.failureResultOf(self.retry(error, "ok"), type(error))
            self.assertEqual(1, len(self.tries), error)

    def test_cancel(self) -> None:
        """
        Cancelled between two tries, there is no second.
        """

        async def attempt() -> None:
            self.tries.append(self.clock.seconds())
            raise UpstreamUnreachable(url=INDEX, reason="down")

        trying = start(self.client.retry(attempt))
        trying.cancel()
        self.failureResultOf(trying, CancelledError)
        self.assertEqual(([0.0], []), (self.tries, self.clock.getDelayedCalls()))

    def test_jitter(self) -> None:
        """
        Real pauses differ, but not by much.
        """
        pauses = {about(1.0) for _ in range(100)}
        self.assertTrue(all(0.75 <= pause <= 1.25 for pause in pauses))
        self.assertGreater(len(pauses), 1)


class SlotTests(MemoryTestCase):
    def test_files_at_once(self) -> None:
        """
        32 files are asked for at once; the next begins when one has ended.
        """
        client = self.network({INDEX: OK})
        asking = [self.ask(client, INDEX) for _ in range(33)]
        first = self.successResultOf(asking[0])
        self.assertNoResult(asking[32])
        self.assertEqual(32, len(self.upstream.asked))
        first.release()
        self.successResultOf(asking[32])

    def test_pages_at_once(self) -> None:
        """
        128 pages are asked for at once, whatever the files do.
        """
        client = self.network({INDEX: OK})
        for _ in range(33):
            self.ask(client, INDEX)
        self.upstream.asked.clear()
        asking = [start(client.ask(client.pages, INDEX)) for _ in range(129)]
        self.assertNoResult(asking[128])
        self.assertEqual(128, len(self.upstream.asked))

    def test_modest_ones_leave_room(self) -> None:
        """
        What nobody waits for, and what a client may slow down, never takes the last
        quarter of the places; it goes on when one of its own kind has ended.
        """
        client = self.network({INDEX: OK})
        for lane, most in ((client.pages, 96), (client.files, 24)):
            asking = [
                start(client.ask(lane, INDEX, modest=True)) for _ in range(most + 1)
            ]
            self.assertNoResult(asking[-1])
            others = [start(client.ask(lane, INDEX)) for _ in range(most // 3)]
            self.successResultOf(others[-1])
            late = start(client.ask(lane, INDEX))
            self.assertNoResult(late)
            self.successResultOf(others[0]).release()
            self.successResultOf(late)
            self.assertNoResult(asking[-1])
            self.successResultOf(asking[0]).release()
            self.successResultOf(asking[-1])

    def test_modest_failures_hold_nothing(self) -> None:
        """
        Nor does one of these keep a place when it fails, or is cancelled in a queue.
        """
        client = self.network({INDEX: OK})
        for _ in range(30):
            asking = self.ask(client, "ftp://a.example", modest=True)
            self.failureResultOf(asking, UpstreamNonsense)
        others = [self.ask(client, INDEX) for _ in range(32)]
        waiting = [self.ask(client, INDEX, modest=True) for _ in range(30)]
        for asking in waiting:
            asking.cancel()
            self.failureResultOf(asking, CancelledError)
        for other in others:
            self.successResultOf(other).release()
        for _ in range(24):
            self.successResultOf(self.ask(client, INDEX, modest=True))

    def test_failures_hold_nothing(self) -> None:
        """
        A request that failed or was cancelled, even in the queue, frees its place.
        """
        client = self.network({INDEX: [Silence()], "http://index.example/a": OK})
        waiting = [self.ask(client, INDEX) for _ in range(34)]
        for asking in waiting:
            asking.cancel()
            self.failureResultOf(asking, CancelledError)
        for _ in range(33):
            self.failureResultOf(self.ask(client, "ftp://a.example"), UpstreamNonsense)
        for _ in range(32):
            self.successResultOf(self.ask(client, "http://index.example/a"))

    def test_release_once(self) -> None:
        """
        A place is freed once, however often that is said.
        """
        client = self.network({INDEX: OK})
        replies = [self.successResultOf(self.ask(client, INDEX)) for _ in range(32)]
        replies[0].discard()
        replies[0].discard()
        replies[0].release()
        asking = [self.ask(client, INDEX) for _ in range(2)]
        self.successResultOf(asking[0])
        self.assertNoResult(asking[1])
