"""
Tests for :mod:`proxypypi.upstream.connect`.
"""

from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.config import configure
from proxypypi.errors import (
    BadSettings,
    NoSuchProject,
    UpstreamError,
    UpstreamRefusal,
    UpstreamUnreachable,
)
from proxypypi.interfaces import IIndex
from proxypypi.names import normalize
from proxypypi.settings import UpstreamSettings
from proxypypi.upstream.connect import connect_index
from tests.recorded import Recorded
from tests.upstream_fakes import Connection, Names

PLAIN = "http://index.example/simple/"
PROXY = "http://corp:pr%40xy@proxy.example:3128"


class ConnectTestCase(SynchronousTestCase):
    """
    A network in memory, with one index, one host of files and one proxy.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        hosts = ("index.example", "files.example", "proxy.example")
        names: Any = Names({host: [f"10.0.0.{n}"] for n, host in enumerate(hosts)})
        names.hosts["index.example"] = ["1.1.1.1"]
        names.hosts["other.example"] = ["1.1.1.2"]
        self.reactor.nameResolver = names
        self.recorded = Recorded.during(self)

    def connect(self, url: str, environment: dict[str, str], **more: Any) -> Any:
        settings = UpstreamSettings.from_url(url, **more)
        return connect_index(settings, self.reactor, environment)

    def request(self) -> bytes:
        return Connection(self.reactor.tcpClients[-1][2]).request


class OutageTests(ConnectTestCase):
    def fetch(self, index: Any, name: str) -> tuple[Any, list[UpstreamError]]:
        """
        :returns: the Deferred of a page, and what was told meanwhile.
        """
        told: list[UpstreamError] = []
        return index.fetch_page(normalize(name), None, told.append), told

    def refuse(self) -> None:
        factory = self.reactor.tcpClients[-1][2]
        connector = self.reactor.connectors[-1]
        factory.clientConnectionFailed(connector, Failure(ConnectionRefusedError()))
        self.reactor.advance(0.1)  # until it is known that there is no other address

    def test_refused(self) -> None:
        """
        Who asks an index that refuses connections is told at once, while it is tried
        further; others are told without a try for ten seconds.
        """
        index = self.connect(PLAIN, {})
        fetching, told = self.fetch(index, "attrs")
        self.refuse()
        self.assertEqual(["connection refused"], [e.reason for e in told])
        self.assertNoResult(fetching)
        error = self.failureResultOf(self.fetch(index, "other")[0])
        error.trap(UpstreamUnreachable)
        for pause in (0.3, 1.1, 4.1):
            self.reactor.advance(pause)
            self.refuse()
        self.failureResultOf(fetching, UpstreamUnreachable)
        tries = len(self.reactor.tcpClients)
        self.assertEqual(4, tries)
        self.reactor.advance(9.9)
        self.failureResultOf(self.fetch(index, "other")[0], UpstreamUnreachable)
        self.assertEqual(tries, len(self.reactor.tcpClients))
        self.reactor.advance(0.2)
        self.assertNoResult(self.fetch(index, "other")[0])
        self.assertEqual(tries + 1, len(self.reactor.tcpClients))

    def test_refused_at_the_start(self) -> None:
        """
        To see whether it can be connected to, nothing is asked; if it cannot, nobody
        else has to find out.
        """
        index = self.connect(PLAIN, {})
        trying = Deferred.fromCoroutine(index.try_to_connect())
        connection = Connection(self.reactor.tcpClients[-1][2])
        self.successResultOf(trying)
        self.assertTrue(connection.transport.disconnecting)
        self.assertEqual(b"", connection.transport.value())
        trying = Deferred.fromCoroutine(index.try_to_connect())
        self.refuse()
        self.failureResultOf(trying, UpstreamUnreachable)
        tries = len(self.reactor.tcpClients)
        self.failureResultOf(self.fetch(index, "attrs")[0], UpstreamUnreachable)
        self.assertEqual(tries, len(self.reactor.tcpClients))

    def test_stalled_since_the_start(self) -> None:
        """
        A connection that has been overdue before is told of at once.
        """
        index = self.connect(PLAIN, {})
        Deferred.fromCoroutine(index.try_to_connect())
        self.reactor.advance(0.6)
        _, told = self.fetch(index, "attrs")
        self.assertEqual(["no connection yet"], [e.reason for e in told])

    def test_stalled(self) -> None:
        """
        Who asks is told when a connection takes long, which may come about yet.
        """
        index = self.connect(PLAIN, {})
        fetching, told = self.fetch(index, "attrs")
        self.reactor.advance(0.4)
        self.assertEqual([], told)
        self.reactor.advance(0.2)
        self.assertEqual(["no connection yet"], [e.reason for e in told])
        connection = Connection(self.reactor.tcpClients[-1][2])
        connection.send(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
        self.failureResultOf(fetching, NoSuchProject)

    def test_stalled_elsewhere(self) -> None:
        """
        Connections to other hosts say nothing of the index.
        """
        index = self.connect(PLAIN, {})
        _, told = self.fetch(index, "attrs")
        Connection(self.reactor.tcpClients[-1][2])
        index.open_body("http://other.example/a.whl")
        self.reactor.advance(4)
        self.assertEqual([], told)


class ConnectTests(ConnectTestCase):
    def test_index(self) -> None:
        """
        It is an index, with the address and the statuses of its settings.
        """
        index = self.connect(PLAIN, {}, missing_status=frozenset({403}))
        verifyObject(IIndex, index)
        self.assertEqual(PLAIN, index.url)
        fetching = index.fetch_page(normalize("attrs"), None)
        connection = Connection(self.reactor.tcpClients[-1][2])
        connection.send(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
        self.failureResultOf(fetching, NoSuchProject)
        closing = index.close()
        self.assertNoResult(closing)
        self.assertTrue(connection.transport.disconnecting)
        connection.close()
        self.successResultOf(closing)

    def test_no_noise(self) -> None:
        """
        The log does not tell of each connection to the index.
        """
        for url in (PLAIN, PLAIN.replace("http", "https")):
            self.connect(url, {}).fetch_page(normalize("attrs"), None)
            factory = self.reactor.tcpClients[-1][2]
            factory.doStart()
            factory.doStop()
        self.assertNotIn("ing factory", self.recorded.everything)

    def test_netrc(self) -> None:
        """
        The user's netrc is looked into if the settings have no credentials.
        """
        home = Path(self.mktemp())
        home.mkdir()
        (home / ".netrc").write_text("machine index.example login net password rc\n")
        table = {PLAIN: "net:rc", "http://me:secret@index.example/simple/": "me:secret"}
        for url, pair in table.items():
            index = self.connect(url, {"HOME": str(home)})
            index.fetch_page(normalize("attrs"), None)
            expected = b"Authorization: Basic " + b64encode(pair.encode())
            self.assertIn(expected, self.request())

    def test_file_hosts(self) -> None:
        """
        File hosts may have private addresses, and are given the credentials.
        """
        index = self.connect(
            "http://me:secret@index.example/simple/", {}, file_hosts=("files.example",)
        )
        index.open_body("http://files.example/a.whl")
        self.assertEqual("10.0.0.1", self.reactor.tcpClients[-1][0])
        self.assertIn(b"\r\nAuthorization: Basic ", self.request())

    def test_proxy(self) -> None:
        """
        The way through an outbound proxy is taken, and told at the start.
        """
        url = "http://me:secret@index.example/simple/"
        index = self.connect(url, {"HTTP_PROXY": PROXY}, name="ours")
        said = f"upstream ours ({PLAIN}) is asked "
        self.assertEqual(
            [f"{said}through the outbound proxy http://proxy.example:3128"],
            self.recorded.sentences,
        )
        index.fetch_page(normalize("attrs"), None)
        self.assertTrue(self.request().startswith(b"GET http://index.example/simple/"))
        self.recorded.events.clear()
        self.connect(url, {"HTTP_PROXY": PROXY, "NO_PROXY": "*"}, name="ours")
        self.connect(url, {"HTTPS_PROXY": PROXY}, name="ours")
        expected = [f"{said}directly, as NO_PROXY says", f"{said}directly"]
        self.assertEqual(expected, self.recorded.sentences)

    def test_no_proxy(self) -> None:
        """
        Where there is no proxy, nothing is said.
        """
        self.connect(PLAIN, {"NO_PROXY": "index.example"})
        self.assertEqual([], self.recorded.sentences)

    def test_nothing_secret(self) -> None:
        """
        Neither an index nor what it logs shows a secret.
        """
        index = self.connect(
            "http://me:secret@index.example/simple/", {"HTTP_PROXY": PROXY}
        )
        fetching = index.fetch_page(normalize("attrs"), None)
        connection = Connection(self.reactor.tcpClients[-1][2])
        connection.send(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
        error = self.failureResultOf(fetching)
        shown = [repr(index), repr(error.value), str(error.value), str(error)]
        shown += [error.getTraceback(), self.recorded.everything]
        pairs = [b64encode(b"me:secret").decode(), b64encode(b"corp:pr@xy").decode()]
        for text in shown:
            for secret in ("secret", "pr@xy", "pr%40xy", *pairs):
                self.assertNotIn(secret, text)

    def test_bad_environment(self) -> None:
        """
        What cannot be used is refused at once.
        """
        bundle = Path("/nowhere/ca.pem")
        table: list[tuple[dict[str, str], dict[str, Any], str]] = [
            ({"HTTPS_PROXY": "socks5://a:1"}, {}, "HTTPS_PROXY"),
            ({"SSL_CERT_FILE": "/nowhere"}, {}, "SSL_CERT_FILE"),
            ({}, {"ca_bundle": bundle}, str(bundle)),
        ]
        for environment, more, said in table:
            with self.assertRaises(BadSettings) as caught:
                self.connect(PLAIN, environment, **more)
            self.assertIn(said, str(caught.exception))

    def test_environment_of_the_process(self) -> None:
        """
        Where no environment is given, it is that of the process.
        """
        self.patch(__import__("os"), "environ", {"HTTP_PROXY": PROXY})
        connect_index(UpstreamSettings.from_url(PLAIN), self.reactor)
        self.assertIn("proxy.example", self.recorded.sentences[0])


class SettingsTests(ConnectTestCase):
    """
    What is set anywhere is what goes over the wire.
    """

    def setUp(self) -> None:
        super().setUp()
        self.base = Path(self.mktemp()).resolve()
        self.base.mkdir()
        (self.base / "netrc").write_text(
            "machine index.example login net password rc\n"
        )
        (self.base / "password").write_text("from-file\n")

    def connect_as_set(
        self, *lines: str, option: str | None = None, **environment: str
    ) -> Any:
        """
        :param lines: of an ``[[upstream]]`` table with the usual address; none for no
            table at all.
        :param option: ``--index-url``.
        """
        if lines:
            content = "\n".join(["[[upstream]]", f"url = '{PLAIN}'", *lines])
            (self.base / "p.toml").write_text(content)
            environment["PROXYPYPI_CONFIG"] = "p.toml"
        given = {} if option is None else {"index-url": [option]}
        (upstream,) = configure(given, environment, self.base).settings.upstreams
        netrc = {"NETRC": str(self.base / "netrc")}
        return connect_index(upstream, self.reactor, netrc)

    def authorization(self, index: Any, url: str) -> str | None:
        index.fetch_small(url, 10, {})
        for line in self.request().split(b"\r\n"):
            if line.startswith(b"Authorization: Basic "):
                return b64decode(line.split()[2]).decode()
        return None

    def test_credentials(self) -> None:
        """
        Those of the highest place that has any; netrc's only if there are none.
        """
        table = ["username = 'me'", "password = 'from-table'"]
        with_login = "http://me:{}@index.example/simple/"
        other = "http://other.example/"
        line, variable = with_login.format("line"), with_login.format("variable")
        for index, expected in (
            (self.connect_as_set("name = 'x'"), "net:rc"),
            (self.connect_as_set(*table), "me:from-table"),
            (
                self.connect_as_set(table[0], "password-file = 'password'"),
                "me:from-file",
            ),
            (self.connect_as_set(table[0]), "me:"),
            (self.connect_as_set("token = 'abc'"), "__token__:abc"),
            (self.connect_as_set(*table, PROXYPYPI_INDEX_URL=variable), "me:variable"),
            (
                self.connect_as_set(*table, option=line, PROXYPYPI_INDEX_URL=variable),
                "me:line",
            ),
            (self.connect_as_set(*table, option=PLAIN), "net:rc"),
        ):
            self.assertEqual(expected, self.authorization(index, PLAIN), expected)
            self.assertIs(None, self.authorization(index, other), expected)

    def test_file_hosts(self) -> None:
        """
        They may be named with scheme and port or without, and only they are meant.
        """
        login = ["username = 'me'", "password = 'secret'"]
        for text, good in (
            ("files.example", {"http://files.example/"}),
            ("files.example:81", {"http://files.example:81/"}),
            ("http://files.example", {"http://files.example/"}),
            ("http://files.example:81/", {"http://files.example:81/"}),
            ("https://files.example", set()),
        ):
            index = self.connect_as_set(*login, f"file-hosts = ['{text}']")
            for url in ("http://files.example/", "http://files.example:81/"):
                before = len(self.reactor.tcpClients)
                if url in good:
                    found = self.authorization(index, url)
                    self.assertEqual("me:secret", found, (text, url))
                else:  # a private address
                    index.fetch_small(url, 10, {}).addErrback(lambda _: None)
                    self.assertEqual(before, len(self.reactor.tcpClients), (text, url))

    def test_missing_status(self) -> None:
        """
        The statuses of the table mean that there is no such project, and no others; 401
        means that only if it is among them.
        """
        for line, missing in (
            ("missing-status = [404, 403]", {403, 404}),
            ("missing-status = [401]", {401}),
            ("name = 'x'", {404, 410}),
        ):
            index = self.connect_as_set(line)
            for status in (401, 403, 404, 410):
                fetching = index.fetch_page(normalize("attrs"), None)
                connection = Connection(self.reactor.tcpClients[-1][2])
                connection.send(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n" % status)
                connection.send(b"Connection: close\r\n\r\n")
                kind = NoSuchProject if status in missing else UpstreamRefusal
                self.failureResultOf(fetching, kind)

    def test_address(self) -> None:
        """
        The path of the address is that of the requests, with a final slash or without.
        """
        for path in ("/whl/cu124", "/whl/cu124/", "/", "", "/a%2Fb/simple/"):
            index = self.connect_as_set(option=f"http://index.example{path}")
            index.fetch_page(normalize("attrs"), None)
            expected = f"GET {path.rstrip('/')}/attrs/ HTTP/1.1\r\n".encode()
            self.assertTrue(self.request().startswith(expected), path)
