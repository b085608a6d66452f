"""
Tests for :mod:`proxypypi.upstream.outbound`, and for the ways through a proxy:
:mod:`proxypypi.upstream.tunnel` and :mod:`proxypypi.upstream.routes`.
"""

from base64 import b64encode
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectionLost,
    ConnectionRefusedError,
    NoRouteError,
    TimeoutError,
)
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent
from zope.interface.verify import verifyObject

from proxypypi import __version__
from proxypypi.errors import (
    BadSettings,
    UpstreamError,
    UpstreamNonsense,
    UpstreamRefusal,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from proxypypi.upstream.outbound import Outbound, OutboundProxy
from proxypypi.upstream.replies import Reply
from proxypypi.upstream.routes import RoutedAgent, make_agent
from proxypypi.upstream.tunnel import (
    ProxyEndpoint,
    ProxyFault,
    ProxyNonsense,
    ProxyRefusal,
    Tunnel,
)
from proxypypi.upstream.urls import origin_of, origins_of
from tests.upstream_fakes import Connection, Wire

PROXY = "http://corp:pr%40xy@proxy.example:3128"
PAIR = b"Basic " + b64encode(b"corp:pr@xy")
HOSTS = {"proxy.example": ["10.0.0.9"], "index.example": ["203.0.114.1"]}
PLAIN = "http://index.example/simple/"
SECURE = "https://index.example/simple/"
OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"


class OutboundTests(SynchronousTestCase):
    def ways(self, *urls: str, **environment: str) -> list[str | None]:
        outbound = Outbound.of_environment(environment)
        found = [outbound.proxy_for(origin_of(url)) for url in urls]
        return [None if proxy is None else str(proxy) for proxy in found]

    def test_variables(self) -> None:
        """
        Each scheme has its variable, in any case; lower case wins, even if it is empty.
        """
        table: list[tuple[dict[str, str], tuple[str | None, str | None]]] = [
            ({}, (None, None)),
            ({"HTTP_PROXY": "http://a:1"}, ("http://a:1", None)),
            ({"HTTPS_PROXY": "http://a:1"}, (None, "http://a:1")),
            ({"https_proxy": "http://a:1"}, (None, "http://a:1")),
            ({"Https_Proxy": "http://a:1"}, (None, "http://a:1")),
            ({"ALL_PROXY": "http://a:1"}, ("http://a:1", "http://a:1")),
            (
                {"all_proxy": "http://a:1", "HTTP_PROXY": "http://b:2"},
                ("http://b:2", "http://a:1"),
            ),
            (
                {"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:2"},
                (None, "http://a:1"),
            ),
            (
                {"HTTPS_PROXY": "http://b:2", "https_proxy": "http://a:1"},
                (None, "http://a:1"),
            ),
            ({"HTTPS_PROXY": "http://b:2", "https_proxy": ""}, (None, None)),
            ({"HTTPS_PROXY": " "}, (None, None)),
            ({"FTP_PROXY": "http://a:1", "PROXY": "http://b:2"}, (None, None)),
        ]
        for environment, (plain, secure) in table:
            found = self.ways(PLAIN, SECURE, **environment)
            self.assertEqual([plain, secure], found, environment)

    def test_addresses(self) -> None:
        """
        A proxy's address may lack its scheme and port, and have credentials.
        """
        table = {
            "http://proxy.example:3128": "http://proxy.example:3128",
            "https://proxy.example": "https://proxy.example:443",
            "proxy.example:3128": "http://proxy.example:3128",
            " http://Proxy.example/ ": "http://proxy.example:80",
            PROXY: "http://proxy.example:3128",
            "[::1]:3128": "http://[::1]:3128",
        }
        for text, shown in table.items():
            self.assertEqual(shown, str(OutboundProxy.parse(text)), text)

    def test_credentials(self) -> None:
        """
        They are percent-decoded, and not shown.
        """
        proxy = OutboundProxy.parse(PROXY)
        self.assertEqual(PAIR, proxy.authorization)
        for text in (repr(proxy), repr(Outbound({"http": proxy}))):
            self.assertNotIn(PAIR.decode(), text)
            self.assertNotIn("pr@xy", text)

    def test_bad(self) -> None:
        """
        What is no address of a proxy is refused with its variable, and no secret.
        """
        for value in (
            "socks5://me:secret@proxy.example:1080",
            "http://me:secret@proxy.example:port",
            "http://me:secret@",
            "http://me:se/cret@proxy.example",
            "http://me:secret@b\u00fccher.example",
            "http://me:secret@proxy example",
            "http://me:sec\tret@proxy.example",
            "http://me%3Aat:secret@proxy.example",
        ):
            for variable in ("HTTPS_PROXY", "ALL_PROXY"):
                with self.assertRaises(BadSettings, msg=value) as caught:
                    Outbound.of_environment({variable: value})
                self.assertIn(f"{variable}: ", str(caught.exception))
                self.assertNotIn("cret", str(caught.exception))

    def test_not_needed(self) -> None:
        """
        It does not matter what a variable says that is not used.
        """
        found = self.ways(
            *(PLAIN, SECURE),
            HTTP_PROXY="http://a:1",
            HTTPS_PROXY="http://a:1",
            ALL_PROXY="socks5://b:2",
        )
        self.assertEqual(["http://a:1"] * 2, found)

    def test_no_proxy(self) -> None:
        """
        NO_PROXY lists hosts and their domains, with ports or without, and networks.
        """
        table = {
            "": False,
            "index.example": True,
            "INDEX.example": True,
            " other.example , index.example ": True,
            ".example": True,
            "example": True,
            "ample": False,
            "dex.example": False,
            "index.example:443": True,
            "index.example:80": False,
            "example:443": True,
            "*": True,
            "other.example,*": True,
            ",": False,
            "10.0.0.0/8": False,
        }
        for value, direct in table.items():
            found = self.ways(SECURE, HTTPS_PROXY="http://a:1", NO_PROXY=value)
            self.assertEqual([None if direct else "http://a:1"], found, value)

    def test_no_proxy_for_addresses(self) -> None:
        """
        Addresses are hosts like others; they lie in networks, too.
        """
        v4, v6 = "https://10.0.0.7/", "https://[fd00::1]:8443/"
        table = {
            "10.0.0.7": (True, False),
            "10.0.0.0/8": (True, False),
            "10.0.0.7/8": (True, False),
            "11.0.0.0/8": (False, False),
            "fd00::1": (False, True),
            "[fd00::1]": (False, True),
            "[fd00::1]:8443": (False, True),
            "[fd00::1]:8444": (False, False),
            "fd00::/8": (False, True),
            "rubbish/8": (False, False),
        }
        for value, expected in table.items():
            found = self.ways(v4, v6, ALL_PROXY="http://a:1", no_proxy=value)
            self.assertEqual(expected, tuple(way is None for way in found), value)

    def test_loopback(self) -> None:
        """
        Even our own machine is asked through the proxy, unless it is listed.
        """
        local = "http://127.0.0.1:8000/", "http://localhost/"
        found = self.ways(*local, ALL_PROXY="http://a:1")
        self.assertEqual(["http://a:1"] * 2, found)
        found = self.ways(
            *local, ALL_PROXY="http://a:1", NO_PROXY="localhost,127.0.0.1"
        )
        self.assertEqual([None, None], found)


class Inner(Protocol):
    """
    What speaks through a tunnel.
    """

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.lost: list[Failure] = []

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"hello")

    def dataReceived(self, data: bytes) -> None:
        self.got.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(reason)


class TunnelTests(SynchronousTestCase):
    """
    The endpoint alone.
    """

    def setUp(self) -> None:
        self.wire = Wire(SECURE, HOSTS)

    def dig(
        self,
        host: str = "index.example",
        proxy: str = PROXY,
        factory: Any = None,
    ) -> "tuple[Deferred[Any], Connection]":
        parsed = OutboundProxy.parse(proxy)
        to_proxy = self.wire.endpoints.to_proxy(parsed)
        self.tunnel = Tunnel(to_proxy, host, 443, parsed.authorization)
        digging = self.tunnel.connect(factory or Factory.forProtocol(Inner))
        return digging, self.wire.accept()

    def test_interface(self) -> None:
        """
        Both are endpoints.
        """
        self.dig()
        verifyObject(IStreamClientEndpoint, self.tunnel)
        proxy = OutboundProxy.parse(PROXY)
        verifyObject(IStreamClientEndpoint, self.wire.endpoints.to_proxy(proxy))
        self.assertNotIn(PAIR.decode(), repr(self.tunnel))

    def test_request(self) -> None:
        """
        The proxy is asked by name to connect, and told who we are.
        """
        _, connection = self.dig()
        self.assertEqual([("10.0.0.9", 3128)], self.wire.attempts)
        self.assertEqual(["proxy.example"], self.wire.names.looked_up)
        self.assertEqual(
            b"CONNECT index.example:443 HTTP/1.1\r\nHost: index.example:443\r\n"
            b"User-Agent: proxypypi/%b\r\nProxy-Authorization: %b\r\n\r\n"
            % (__version__.encode(), PAIR),
            connection.request,
        )

    def test_no_credentials(self) -> None:
        """
        None are sent if there are none; an address stands in brackets.
        """
        _, connection = self.dig("::1", "http://proxy.example:3128")
        self.assertTrue(connection.request.startswith(b"CONNECT [::1]:443 HTTP"))
        self.assertNotIn(b"Authorization", connection.request)

    def test_open(self) -> None:
        """
        When the proxy agrees, what follows is between upstream and us.
        """
        for answer in (
            OPEN,
            b"HTTP/1.0 200\r\nVia: proxy\r\n\r\n",
            b"HTTP/1.1 204 Fine\n\n",
            b"HTTP/1.1 100 Continue\r\n\r\n" + OPEN,
        ):
            for size in (1, len(answer)):
                digging, connection = self.dig()
                connection.transport.clear()
                for i in range(0, len(answer), size):
                    self.assertNoResult(digging)
                    connection.send(answer[i : i + size])
                inner = self.successResultOf(digging)
                self.assertEqual(b"hello", connection.request, answer)
                connection.send(b"hello yourself")
                connection.close(ConnectionLost())
                self.assertEqual([b"hello yourself"], inner.got)
                self.assertEqual(1, len(inner.lost))
                inner.lost[0].trap(ConnectionLost)

    def test_eager(self) -> None:
        """
        What comes together with the proxy's answer is not lost.
        """
        digging, connection = self.dig()
        connection.send(OPEN + b"hi")
        self.assertEqual([b"hi"], self.successResultOf(digging).got)

    def fail(self, digging: "Deferred[Any]", kind: type[Exception]) -> Any:  # type: ignore[override]
        fault = self.failureResultOf(digging, ProxyFault).value
        self.assertIsInstance(fault.cause, kind)
        return fault.cause

    def test_refused(self) -> None:
        """
        When the proxy refuses, the connection is ended.
        """
        for status in (301, 403, 404, 407, 500, 502):
            digging, connection = self.dig()
            connection.send(b"HTTP/1.1 %d What\r\nContent-Length: 9\r\n\r\n" % status)
            self.assertEqual(status, self.fail(digging, ProxyRefusal).status)
            self.assertTrue(connection.transport.disconnected)
            connection.send(b"Forbidden")
            connection.close()

    def test_nonsense(self) -> None:
        """
        What is no answer is known as soon as possible.
        """
        for answer in (
            b"S",
            b"HTTQ",
            b"SSH-2.0-OpenSSH\r\n",
            b"HTTP/2 200\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"a" * 65536,
            b"HTTP/1.1 100 Continue\r\n\r\nrubbish",
        ):
            digging, connection = self.dig()
            connection.send(answer)
            self.fail(digging, ProxyNonsense)
            self.assertTrue(connection.transport.disconnected, answer[:20])

    def test_cut(self) -> None:
        """
        A connection that ends before there was an answer is the proxy's fault.
        """
        for sent in (b"", b"HTTP/1.1 200 OK\r\n"):
            digging, connection = self.dig()
            connection.send(sent)
            connection.close(ConnectionLost())
            self.fail(digging, ConnectionLost)

    def test_no_connection(self) -> None:
        """
        So is one that cannot be made.
        """
        for reason in (ConnectionRefusedError(), NoRouteError()):
            digging, _ = self.dig()
            wire, self.wire = self.wire, Wire(SECURE, HOSTS)
            digging = self.tunnel.connect(Factory.forProtocol(Inner))
            wire.refuse(reason)
            wire.reactor.advance(1.0)
            self.fail(digging, type(reason))

    def test_other_failures(self) -> None:
        """
        Nobody is blamed for a defect.
        """

        class Broken:
            def connect(self, factory: Any) -> "Deferred[Any]":
                broken: Deferred[Any] = Deferred()
                broken.errback(Failure(ZeroDivisionError()))
                return broken

        endpoint: Any = Broken()
        connecting = ProxyEndpoint(endpoint).connect(Factory.forProtocol(Inner))
        self.failureResultOf(connecting, ZeroDivisionError)

    def test_nobody_to_speak(self) -> None:
        """
        If there is no protocol for our end, the tunnel is closed.
        """

        class Nobody(Factory):
            def buildProtocol(self, addr: Any) -> None:
                return None

        digging, connection = self.dig(factory=Nobody())
        connection.send(OPEN)
        self.failureResultOf(digging, ProxyFault)
        self.assertTrue(connection.transport.disconnected)

    def test_cancelled(self) -> None:
        """
        To cancel closes the connection, and says who was waited for.
        """
        digging, connection = self.dig()
        digging.cancel()
        self.failureResultOf(digging, ProxyFault)
        self.assertTrue(connection.transport.disconnected)
        connection.close()


class RoutedTestCase(SynchronousTestCase):
    """
    A client on a wire that has an outbound proxy.
    """

    def wired(self, index: str = SECURE, **more: Any) -> Wire:
        environment = more or {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY}
        self.wire = Wire(index, HOSTS, **environment)
        return self.wire

    def ask(self, url: str) -> "Deferred[Reply]":
        client = self.wire.client
        return Deferred.fromCoroutine(client.ask(client.files, url, hashed=True))


class ForwardTests(RoutedTestCase):
    def test_interface(self) -> None:
        """
        It is an agent; without a proxy there is none in between.
        """
        agent = make_agent(self.wired().reactor, self.wire.endpoints)
        verifyObject(IAgent, agent)
        self.assertIsInstance(agent, RoutedAgent)
        straight = make_agent(self.wire.reactor, Wire().endpoints)
        self.assertNotIsInstance(straight, RoutedAgent)

    def test_request(self) -> None:
        """
        By http the proxy is asked for the whole address, and given its credentials and
        upstream's.
        """
        self.wired("http://me:secret@index.example/simple/")
        asking = self.ask(PLAIN + "a?b")
        connection = self.wire.accept()
        self.assertEqual([("10.0.0.9", 3128)], self.wire.attempts)
        line, _, rest = connection.request.partition(b"\r\n")
        self.assertEqual(b"GET http://index.example/simple/a?b HTTP/1.1", line)
        lines = rest.split(b"\r\n")
        for expected in (
            b"Host: index.example",
            b"Proxy-Authorization: " + PAIR,
            b"Authorization: Basic " + b64encode(b"me:secret"),
        ):
            self.assertIn(expected, lines)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(200, self.successResultOf(asking).code)

    def test_headers_are_the_callers(self) -> None:
        """
        The proxy's credentials are not left in headers that may be sent elsewhere.
        """
        self.wired(PLAIN)
        agent = make_agent(self.wire.reactor, self.wire.endpoints)
        headers = Headers({"Accept": ["text/html"]})
        agent.request(b"GET", PLAIN.encode(), headers)
        self.assertIn(PAIR, self.wire.accept().request)
        self.assertEqual(Headers({"Accept": ["text/html"]}), headers)

    def test_without_credentials(self) -> None:
        """
        A proxy without credentials is given none.
        """
        self.wired(PLAIN, HTTP_PROXY="http://proxy.example:3128")
        self.ask(PLAIN)
        self.assertNotIn(b"uthorization", self.wire.accept().request)

    def test_direct(self) -> None:
        """
        What is asked directly sees nothing of the proxy's credentials.
        """
        for index, variables in (
            (PLAIN, {"HTTP_PROXY": PROXY, "NO_PROXY": "index.example"}),
            (PLAIN, {"HTTPS_PROXY": PROXY}),
        ):
            self.wired(index, **variables)
            self.ask(PLAIN)
            request = self.wire.accept().request
            self.assertEqual([("203.0.114.1", 80)], self.wire.attempts)
            self.assertTrue(request.startswith(b"GET /simple/ HTTP/1.1\r\n"))
            self.assertNotIn(b"Proxy-", request)

    def test_redirected(self) -> None:
        """
        Each request goes its own way, with the credentials that belong there.
        """
        self.wired(
            "http://me:secret@index.example/simple/",
            HTTP_PROXY=PROXY,
            NO_PROXY="index.example",
        )
        self.ask(PLAIN)
        direct = self.wire.accept()
        direct.send(
            b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n"
            b"Location: http://files.example/a\r\n\r\n"
        )
        proxied = self.wire.accept()
        self.assertEqual([("203.0.114.1", 80), ("10.0.0.9", 3128)], self.wire.attempts)
        self.assertIn(b"\r\nAuthorization: Basic ", direct.request)
        self.assertNotIn(b"Proxy-Authorization", direct.request)
        self.assertIn(b"GET http://files.example/a HTTP", proxied.request)
        self.assertNotIn(b"\r\nAuthorization", proxied.request)

    def test_tunnel(self) -> None:
        """
        By https the proxy sees the host, and upstream is greeted through the tunnel.
        """
        self.wired("https://me:secret@index.example/simple/")
        self.ask(SECURE)
        connection = self.wire.accept()
        self.assertTrue(connection.request.startswith(b"CONNECT index.example:443 "))
        self.assertIn(PAIR, connection.request)
        self.assertNotIn(b"\r\nAuthorization", connection.request)
        connection.transport.clear()
        connection.send(OPEN)
        self.assertEqual(b"\x16\x03", connection.request[:2])
        self.assertIn(b"index.example", connection.request)
        self.assertNotIn(PAIR, connection.request)

    def test_large_pieces(self) -> None:
        """
        What comes from a proxy comes in large pieces, too.
        """
        for url in (PLAIN, SECURE):
            self.wired(url)
            self.ask(url)
            self.assertEqual(256 * 1024, self.wire.accept().transport.bufferSize)

    def test_proxy_by_tls(self) -> None:
        """
        A proxy may itself be spoken to by TLS.
        """
        for url in (PLAIN, SECURE):
            secure = PROXY.replace("http:", "https:")
            self.wired(url, ALL_PROXY=secure)
            self.ask(url)
            greeting = self.wire.accept().request
            self.assertEqual(b"\x16\x03", greeting[:2])
            self.assertIn(b"proxy.example", greeting)
            self.assertNotIn(b"index.example", greeting)


class FaultTests(RoutedTestCase):
    """
    Errors on the way, as others see them.
    """

    def error(
        self, asking: "Deferred[Any]", kind: type[UpstreamError], reason: str
    ) -> None:
        error = self.failureResultOf(asking, kind).value
        self.assertIs(kind, type(error))
        self.assertEqual((reason, None), (error.reason, error.status))
        for secret in ("pr@xy", "pr%40xy", PAIR.decode()[6:], "proxy.example"):
            self.assertNotIn(secret, str(error))
            self.assertNotIn(secret, repr(error))

    def test_refusals(self) -> None:
        """
        Why a proxy makes no tunnel is said, and is no status of upstream's. What may
        pass is worth another try.
        """
        answered = "the outbound proxy answered"
        table: dict[int, tuple[type[UpstreamError], str]] = {
            407: (UpstreamRefusal, "the outbound proxy wants other credentials"),
            302: (UpstreamRefusal, f"{answered} 302 Found"),
            403: (UpstreamRefusal, f"{answered} 403 Forbidden"),
            404: (UpstreamRefusal, f"{answered} 404 Not Found"),
            499: (UpstreamRefusal, f"{answered} 499"),
            500: (UpstreamUnreachable, f"{answered} 500 Internal Server Error"),
            502: (UpstreamUnreachable, f"{answered} 502 Bad Gateway"),
            503: (UpstreamUnreachable, f"{answered} 503 Service Unavailable"),
            504: (UpstreamTimeout, f"{answered} 504 Gateway Timeout"),
        }
        for status, (kind, reason) in table.items():
            self.wired()
            asking = self.ask(SECURE)
            self.wire.accept().send(b"HTTP/1.1 %d proxy.example\r\n\r\n" % status)
            self.error(asking, kind, reason)

    def test_credentials_by_http(self) -> None:
        """
        By http a 407 means the same.
        """
        self.wired(PLAIN)
        asking = self.ask(PLAIN)
        connection = self.wire.accept()
        connection.send(
            b"HTTP/1.1 407 No\r\nContent-Length: 99999\r\n\r\n" + bytes(70000)
        )
        self.error(
            asking, UpstreamRefusal, "the outbound proxy wants other credentials"
        )
        self.assertTrue(connection.stopped)

    def test_407_of_upstream(self) -> None:
        """
        Without a proxy a 407 is upstream's own.
        """
        self.wired(PLAIN, HTTPS_PROXY=PROXY)
        asking = self.ask(PLAIN)
        self.wire.accept().send(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(407, self.successResultOf(asking).code)

    def test_retried(self) -> None:
        """
        The page is tried again after a 502, and not after a 407.
        """
        for status, attempts in ((502, 4), (407, 1)):
            self.wired()
            fetching = self.wire.index.fetch_page("attrs", None)  # type: ignore[arg-type]
            for _ in range(attempts):
                self.assertNoResult(fetching)
                self.wire.accept().send(b"HTTP/1.1 %d No\r\n\r\n" % status)
                self.wire.reactor.advance(4.0)
            self.failureResultOf(fetching, UpstreamError)
            self.assertEqual(attempts, len(self.wire.attempts))

    def test_nonsense(self) -> None:
        """
        A proxy that is none is nonsense.
        """
        self.wired()
        asking = self.ask(SECURE)
        self.wire.accept().send(b"220 mail.example ESMTP\r\n")
        said = "the answer of the outbound proxy is not HTTP"
        self.error(asking, UpstreamNonsense, said)

    def test_connecting(self) -> None:
        """
        That it is not upstream that cannot be reached is said.
        """
        table: list[tuple[Exception, type[UpstreamError], str]] = [
            (ConnectionRefusedError(), UpstreamUnreachable, "connection refused"),
            (NoRouteError(), UpstreamUnreachable, "no route to host"),
            (TimeoutError(), UpstreamTimeout, "no connection within 5 s"),
        ]
        for url in (PLAIN, SECURE):
            for reason, kind, said in table:
                self.wired(url)
                asking = self.ask(url)
                self.wire.refuse(reason)
                self.wire.reactor.advance(1.0)
                self.error(asking, kind, f"outbound proxy: {said}")

    def test_time_to_connect(self) -> None:
        """
        A proxy has as long as an upstream has.
        """
        self.wired()
        self.ask(SECURE)
        self.assertEqual(5.0, self.wire.reactor.tcpClients[0][3])

    def test_unknown(self) -> None:
        """
        A proxy whose name means nothing, or cannot be one, is said to be it.
        """
        said = "outbound proxy: no such host"
        self.wired(HTTPS_PROXY="http://gone.example")
        self.error(self.ask(SECURE), UpstreamUnreachable, said)
        self.wired(HTTPS_PROXY="http://a%b:3128")
        error = self.failureResultOf(self.ask(SECURE), UpstreamNonsense).value
        self.assertIn("outbound proxy: that is no address", error.reason)

    def test_cut(self) -> None:
        """
        A proxy that hangs up before it has answered is unreachable.
        """
        self.wired()
        asking = self.ask(SECURE)
        self.wire.accept().close()
        self.error(asking, UpstreamUnreachable, "outbound proxy: connection was cut")

    def test_cut_in_the_tunnel(self) -> None:
        """
        After that it is upstream that hangs up.
        """
        self.wired()
        asking = self.ask(SECURE)
        connection = self.wire.accept()
        connection.send(OPEN)
        connection.close(ConnectionLost())
        self.error(asking, UpstreamUnreachable, "connection was cut")

    def test_tls_with_proxy(self) -> None:
        """
        A proxy that should speak TLS and does not is unreachable.
        """
        self.wired(HTTPS_PROXY=PROXY.replace("http:", "https:"))
        asking = self.ask(SECURE)
        connection = self.wire.accept()
        connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()
        said = "outbound proxy: TLS: wrong version number"
        self.error(asking, UpstreamUnreachable, said)

    def test_silence(self) -> None:
        """
        A proxy that does not answer is waited for like an upstream, and named.
        """
        self.wired()
        asking = self.ask(SECURE)
        connection = self.wire.accept()
        self.wire.reactor.advance(29.9)
        self.assertNoResult(asking)
        self.wire.reactor.advance(0.2)
        said = "no answer from the outbound proxy within 30 s"
        self.error(asking, UpstreamTimeout, said)
        self.assertTrue(connection.transport.disconnected)

    def test_silence_in_the_tunnel(self) -> None:
        """
        After that it is upstream that does not answer; the time is the same in all.
        """
        self.wired()
        asking = self.ask(SECURE)
        connection = self.wire.accept()
        self.wire.reactor.advance(29.0)
        connection.send(OPEN)
        self.wire.reactor.advance(1.1)
        self.error(asking, UpstreamTimeout, "no answer within 30 s")

    def test_cancelled(self) -> None:
        """
        To cancel is to cancel, whoever is waited for.
        """
        for url, answer in ((PLAIN, b""), (SECURE, b""), (SECURE, OPEN)):
            self.wired(url)
            asking = self.ask(url)
            connection = self.wire.accept()
            connection.send(answer)
            asking.cancel()
            self.failureResultOf(asking, CancelledError)
            self.assertTrue(connection.transport.disconnected, (url, answer))


class JudgementTests(RoutedTestCase):
    """
    Where a proxy may be sent to.
    """

    def refused(self, url: str) -> bool:
        asking = self.ask(url)
        if not self.wire.attempts:
            error = self.failureResultOf(asking, UpstreamNonsense).value
            self.assertIn("address, and the index is not", error.reason)
            return True
        self.wire.reactor.tcpClients.clear()
        return False

    def test_private(self) -> None:
        """
        Addresses and names that are our own are not asked for.
        """
        table = {
            "127.0.0.1": True,
            "localhost": True,
            "10.0.0.7": True,
            "169.254.169.254": True,
            "[::1]": True,
            "1.1.1.1": False,
            "files.example": False,
        }
        for scheme in ("http", "https"):
            for host, refused in table.items():
                self.wired()
                self.assertEqual(refused, self.refused(f"{scheme}://{host}/"), host)

    def test_of_the_index(self) -> None:
        """
        An index that has an address of a kind can lead to others of that kind.
        """
        self.wired("https://10.0.0.1/simple/")
        self.assertFalse(self.refused("https://10.0.0.1/"))
        self.assertFalse(self.refused("https://10.0.0.7/"))
        self.assertTrue(self.refused("https://127.0.0.1/"))
        self.assertEqual([], [n for n in self.wire.names.looked_up if "10" in n])

    def test_localhost(self) -> None:
        """
        An index on the proxy's own host is where its user says it is.
        """
        self.wired("https://localhost/simple/")
        self.assertFalse(self.refused("https://localhost/"))
        self.assertFalse(self.refused("https://127.0.0.1:8443/"))
        self.assertTrue(self.refused("https://10.0.0.7/"))

    def test_known(self) -> None:
        """
        What the user vouches for may be asked for.
        """
        variables: Any = {"HTTPS_PROXY": PROXY}
        self.wire = Wire(SECURE, HOSTS, known=origins_of("10.0.0.7"), **variables)
        self.assertFalse(self.refused("https://10.0.0.7/"))
        self.assertTrue(self.refused("https://10.0.0.8/"))

    def test_index_is_asked_directly(self) -> None:
        """
        Then its addresses are known, and what the proxy is asked for is compared.
        """
        self.wired(HTTPS_PROXY=PROXY, NO_PROXY="index.example")
        self.wire.names.hosts["index.example"] = ["10.0.0.1"]
        self.assertFalse(self.refused("https://10.0.0.7/"))
        self.assertTrue(self.refused("https://127.0.0.1/"))

    def test_file_host_is_asked_directly(self) -> None:
        """
        If only the proxy knows where the index is, nothing private is connected to;
        and the index is not looked up.
        """
        self.wired(HTTPS_PROXY=PROXY, NO_PROXY="files.example")
        self.wire.names.hosts["files.example"] = ["10.0.0.7"]
        self.wire.names.hosts["index.example"] = ["10.0.0.1"]
        self.assertTrue(self.refused("https://files.example/"))
        self.assertEqual(["files.example"], self.wire.names.looked_up)
