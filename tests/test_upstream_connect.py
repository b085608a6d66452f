"""
Tests for :mod:`proxypypi.upstream.connect`.
"""

from base64 import b64encode
from pathlib import Path
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.errors import BadSettings, NoSuchProject
from proxypypi.interfaces import IIndex
from proxypypi.names import normalize
from proxypypi.settings import UpstreamSettings
from proxypypi.upstream.connect import connect_index
from tests.recorded import Recorded
from tests.upstream_fakes import Connection, Names

PLAIN = "http://index.example/simple/"
PROXY = "http://corp:pr%40xy@proxy.example:3128"


class ConnectTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        hosts = ("index.example", "files.example", "proxy.example")
        names: Any = Names({host: [f"10.0.0.{n}"] for n, host in enumerate(hosts)})
        names.hosts["index.example"] = ["1.1.1.1"]
        self.reactor.nameResolver = names
        self.recorded = Recorded.during(self)

    def connect(self, url: str, environment: dict[str, str], **more: Any) -> Any:
        settings = UpstreamSettings.from_url(url, **more)
        return connect_index(settings, self.reactor, environment)

    def request(self) -> bytes:
        return Connection(self.reactor.tcpClients[-1][2]).request

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
