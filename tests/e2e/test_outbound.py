"""
Out into the world through a proxy, with passwords for all who want one.
"""

from base64 import b64encode
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from twisted.internet.interfaces import IReactorTime
from twisted.protocols.policies import WrappingFactory
from twisted.web.server import Site

from proxypypi.errors import UpstreamError, UpstreamRefusal, UpstreamUnreachable
from proxypypi.names import normalize
from proxypypi.settings import DEFAULT_INDEX, Credentials, UpstreamSettings
from proxypypi.upstream.connect import connect_index
from proxypypi.upstream.index import Index
from proxypypi.upstream.patience import Patience
from tests.certificates import Authority
from tests.distributions import make_wheel
from tests.e2e import pips
from tests.e2e.harness import EndToEndTestCase, reactor, until
from tests.fake_index import FakeIndex, Fault
from tests.outbound_proxy import OutboundProxy
from tests.recorded import Recorded

APP = normalize("app")
HOST = "index.example"
FILES = "files.example"
OTHER = "other.example"
SECRETS = ("index-secret", "proxy@secret", "proxy%40secret", "fil-secret")
INDEX_PAIR = "Basic " + b64encode(b"me:index-secret").decode()
PROXY_PAIR = "Basic " + b64encode(b"corp:proxy@secret").decode()
ALL_SECRETS = (*SECRETS, INDEX_PAIR.split()[1], PROXY_PAIR.split()[1])


class OutboundTestCase(EndToEndTestCase):
    """
    An index that only an outbound proxy knows the way to.

    :ivar others: more hosts, by name.
    """

    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("app", "1.0", payload=300_000)
        self.index.add(self.wheel)
        self.authority = Authority()
        self.bundle = self.work / "ca.pem"
        self.bundle.write_bytes(self.authority.pem)
        self.proxy = OutboundProxy(reactor, user="corp:proxy@secret")
        self.proxy_port = self.listen(self.proxy)
        self.proxy_url = f"http://corp:proxy%40secret@127.0.0.1:{self.proxy_port}"
        self.others: dict[str, FakeIndex] = {}
        self.add_host(HOST, self.index)
        for host in (FILES, OTHER):
            self.others[host] = FakeIndex(clock=cast(IReactorTime, reactor))
            self.add_host(host, self.others[host])

    def add_host(self, name: str, index: FakeIndex) -> None:
        """
        By https and, at port 80, by http.
        """
        site = Site(index)
        secure = self.listen(site, self.authority.vouch_for(name).options())
        self.proxy.hosts |= {f"{name}:443": secure, f"{name}:80": self.listen(site)}

    def listen(self, factory: Any, tls: Any = None) -> int:
        wrapping: Any = WrappingFactory(factory)
        if tls is None:
            port = reactor.listenTCP(0, wrapping, interface="127.0.0.1")
        else:
            port = reactor.listenSSL(0, wrapping, tls, interface="127.0.0.1")

        async def stop() -> None:
            await port.stopListening()
            for protocol in list(wrapping.protocols):
                protocol.transport.abortConnection()
            await until(lambda: not wrapping.protocols, 5.0, "a host's end")

        self.addCleanup(stop)
        number: int = port.getHost().port
        return number

    def nothing_secret(self, text: str) -> None:
        for secret in ALL_SECRETS:
            self.assertNotIn(secret, text)

    def authorizations(self, index: FakeIndex) -> set[str | None]:
        for seen in index.requests:
            self.assertIs(None, seen.header("Proxy-Authorization"))
        return {seen.header("Authorization") for seen in index.requests}


class ProgramTests(OutboundTestCase):
    """
    The real program.
    """

    timeout = 120

    async def check(self, scheme: str, expected: set[tuple[str, str]]) -> None:
        """
        Fetch a page and a file, and look for secrets everywhere.
        """
        server = await self.start_server(
            index_url=f"{scheme}://me:index-secret@{HOST}/simple/",
            HTTP_PROXY=self.proxy_url,
            HTTPS_PROXY=self.proxy_url,
            SSL_CERT_FILE=str(self.bundle),
        )
        page = await self.get(f"{server.url}/simple/app/")
        self.assertEqual(200, page.code, server.child.output)
        file = await self.get(f"{server.url}/files/app/{self.wheel.filename}")
        self.assertEqual((200, self.wheel.sha256), (file.code, file.sha256))
        home = await self.get(f"{server.url}/")
        missing = await self.get(f"{server.url}/simple/missing/")
        self.assertEqual(404, missing.code)
        self.proxy.user = "corp:other"
        refused = await self.get(f"{server.url}/simple/other/")
        await server.stop()

        asked = {
            (a.method, a.target.partition("/simple/")[0]) for a in self.proxy.asked
        }
        self.assertEqual(expected, {pair for pair in asked if ".whl" not in pair[1]})
        for request in self.proxy.asked:
            self.assertEqual(PROXY_PAIR, request.headers["proxy-authorization"])
        self.assertEqual({INDEX_PAIR}, self.authorizations(self.index))
        said = f"through the outbound proxy http://127.0.0.1:{self.proxy_port}"
        self.assertEqual(1, server.child.output.count(said), server.child.output)
        self.nothing_secret(server.child.output)
        for answer in (page, home, missing, refused):
            self.nothing_secret(answer.body.decode())
            self.nothing_secret(repr(answer.headers))
        for path in self.directory.rglob("*"):
            self.nothing_secret(str(path))
            if path.is_file():
                self.nothing_secret(path.read_bytes().decode("latin-1"))

    async def test_by_tunnel(self) -> None:
        """
        A page and a file are had through a tunnel, and no secret is anywhere that it
        should not be.
        """
        await self.check("https", {("CONNECT", f"{HOST}:443")})

    async def test_by_asking(self) -> None:
        """
        So they are if the proxy is asked for them.
        """
        await self.check("http", {("GET", f"http://{HOST}")})

    async def test_wrong_credentials(self) -> None:
        """
        A client is told that it is the proxy who does not let us through, for a tunnel
        as otherwise.
        """
        self.proxy.user = "corp:other"
        for scheme in ("http", "https"):
            server = await self.start_server(
                index_url=f"{scheme}://me:index-secret@{HOST}/simple/",
                ALL_PROXY=self.proxy_url,
                SSL_CERT_FILE=str(self.bundle),
            )
            answer = await self.get(f"{server.url}/simple/app/")
            await server.stop()
            self.assertIn(answer.code, (502, 503))
            self.assertIn(b"the outbound proxy wants other credentials", answer.body)
            self.nothing_secret(answer.body.decode() + server.child.output)
        self.assertEqual([], self.index.requests)

    async def test_no_proxy(self) -> None:
        """
        What NO_PROXY lists is asked directly.
        """
        server = await self.start_server(
            HTTP_PROXY=self.proxy_url, NO_PROXY="127.0.0.1"
        )
        self.assertEqual(200, (await self.get(f"{server.url}/simple/app/")).code)
        await server.stop()
        self.assertEqual([], self.proxy.asked)
        self.assertIn("directly, as NO_PROXY says", server.child.output)
        self.nothing_secret(server.child.output)
        self.assertEqual({None}, self.authorizations(self.index))

    async def test_pip(self) -> None:
        """
        pip installs what comes through a tunnel.
        """
        pip = await pips.fetch(self, pips.NEWEST)
        server = await self.start_server(
            index_url=f"https://me:index-secret@{HOST}/simple/",
            HTTPS_PROXY=self.proxy_url,
            SSL_CERT_FILE=str(self.bundle),
        )
        target = await self.pip_install(pip, f"{server.url}/simple/", "app")
        self.assert_installed(target, app="1.0")


class PublicIndexTests(EndToEndTestCase):
    timeout = 120

    async def test_pip(self) -> None:
        """
        pip installs from PyPI, which only an outbound proxy with a password reaches.
        """
        proxy = OutboundProxy(reactor, user="corp:secret", beyond=True)
        port = reactor.listenTCP(0, proxy, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        server = await self.start_server(
            index_url=DEFAULT_INDEX,
            HTTPS_PROXY=f"http://corp:secret@127.0.0.1:{port.getHost().port}",
        )
        pip = await pips.fetch(self, pips.NEWEST)
        target = await self.pip_install(pip, f"{server.url}/simple/", "six")
        self.assertTrue((target / "six.py").is_file())
        self.assertEqual({"CONNECT"}, {asked.method for asked in proxy.asked})
        host = urlsplit(DEFAULT_INDEX).hostname
        self.assertIn(f"{host}:443", {asked.target for asked in proxy.asked})
        (wheel,) = (self.directory / "six").glob("six-*.whl")
        self.assertGreater(proxy.passed, wheel.stat().st_size)
        self.assertNotIn("secret", server.child.output)


class IndexTests(OutboundTestCase):
    """
    One index, its file host, and another that neither is.
    """

    def setUp(self) -> None:
        super().setUp()
        self.recorded = Recorded.during(self)

    def connect(
        self, url: str = f"https://me:index-secret@{HOST}/simple/", **more: Any
    ) -> Index:
        """
        :param more: settings, or variables of the environment in capitals.
        """
        environment = {"HTTPS_PROXY": self.proxy_url, "HTTP_PROXY": self.proxy_url}
        environment |= {k: more.pop(k) for k in list(more) if k.isupper()}
        settings = UpstreamSettings.from_url(url, **{"ca_bundle": self.bundle} | more)
        patience = Patience(pauses=())
        index = connect_index(settings, reactor, environment, patience=patience)
        self.addCleanup(index.close)
        return index

    async def read(self, index: Index, url: str) -> bytes:
        pieces: list[bytes] = []
        body: Any = await index.open_body(url, hashed=True)
        await body.deliver(pieces.append)
        return b"".join(pieces)

    def tearDown(self) -> None:
        self.nothing_secret(self.recorded.everything)

    async def test_whole_file(self) -> None:
        """
        What comes through a tunnel is what was sent, over one connection.
        """
        index = self.connect()
        page = await index.fetch_page(APP, None)
        assert page is not None
        self.assertEqual(f"https://{HOST}/simple/app/", page.url)
        (path,) = (f.path for f in self.index.projects["app"].files.values())
        for _ in range(2):
            content = await self.read(index, f"https://{HOST}{path}")
            self.assertEqual(self.wheel.content, content)
        self.assertEqual(1, len(self.proxy.asked))
        self.assertGreater(self.proxy.passed, 2 * len(content))

    async def test_credentials_of_file_hosts(self) -> None:
        """
        The file host that is named gets the credentials; those that links or redirects
        lead to do not; nor does anybody by http.
        """
        index = self.connect(file_hosts=(FILES,))
        for host in (FILES, OTHER):
            self.others[host].add(self.wheel)
            (path,) = (f.path for f in self.others[host].projects["app"].files.values())
            for scheme in ("https", "http"):
                await self.read(index, f"{scheme}://{host}{path}")
            self.index.fail("/away", Fault(redirect=f"https://{host}{path}"))
            await self.read(index, f"https://{HOST}/away")
        seen = [
            (request.target, request.headers.get("authorization"))
            for request in self.proxy.asked
        ]
        self.assertEqual({None}, {authorization for _, authorization in seen})
        found = [s.header("Authorization") for s in self.others[FILES].requests]
        self.assertEqual([INDEX_PAIR, None, INDEX_PAIR], found)
        self.assertEqual({None}, self.authorizations(self.others[OTHER]))
        self.assertEqual({INDEX_PAIR}, self.authorizations(self.index))

    async def test_netrc(self) -> None:
        """
        From netrc each host gets its own.
        """
        netrc = Path(self.work, "netrc")
        netrc.write_text(
            f"machine {HOST} login me password index-secret\n"
            f"machine {FILES} login files password fil-secret\n"
            f"machine {OTHER} login other password fil-secret\n"
        )
        netrc.chmod(0o600)
        index = self.connect(
            f"https://{HOST}/simple/", file_hosts=(FILES,), NETRC=str(netrc)
        )
        for host in (HOST, FILES, OTHER):
            await index.fetch_size(f"https://{host}/simple/")
        self.assertEqual({INDEX_PAIR}, self.authorizations(self.index))
        pair = Credentials(username="files", password="fil-secret").basic.decode()
        self.assertEqual({pair}, self.authorizations(self.others[FILES]))
        self.assertEqual({None}, self.authorizations(self.others[OTHER]))

    async def test_proxy_by_tls(self) -> None:
        """
        The proxy may be spoken to by TLS, with a tunnel inside of that.
        """
        port = self.listen(self.proxy, self.authority.vouch_for("127.0.0.1").options())
        secure = f"https://corp:proxy%40secret@127.0.0.1:{port}"
        for scheme in ("http", "https"):
            url = f"{scheme}://me:index-secret@{HOST}/simple/"
            index = self.connect(url, HTTP_PROXY=secure, HTTPS_PROXY=secure)
            self.assertIsNot(None, await index.fetch_page(APP, None))
            (path,) = (f.path for f in self.index.projects["app"].files.values())
            content = await self.read(index, f"{scheme}://{HOST}{path}")
            self.assertEqual(self.wheel.content, content)

    async def fails(self, index: Index, kind: type[UpstreamError]) -> str:
        with self.assertRaises(kind) as caught:
            await index.fetch_page(APP, None)
        error = caught.exception
        self.nothing_secret(f"{error} {error!r} {error.__cause__!r}")
        return str(error.reason)

    async def test_errors(self) -> None:
        """
        Each kind of failure is told from the others.
        """
        said = "the outbound proxy answered 502 Bad Gateway"
        nowhere = self.connect("https://me:index-secret@nowhere.example/")
        self.assertEqual(said, await self.fails(nowhere, UpstreamUnreachable))

        port = self.listen(
            self.proxy, Authority("stranger").vouch_for("127.0.0.1").options()
        )
        stranger = f"https://corp:proxy%40secret@127.0.0.1:{port}"
        said = "outbound proxy: TLS: certificate verify failed"
        index = self.connect(HTTPS_PROXY=stranger)
        self.assertEqual(said, await self.fails(index, UpstreamUnreachable))

        port = self.listen(self.proxy, self.authority.vouch_for("127.0.0.2").options())
        another = f"https://corp:proxy%40secret@127.0.0.1:{port}"
        said = "outbound proxy: TLS: the certificate is another host's"
        index = self.connect(HTTPS_PROXY=another)
        self.assertEqual(said, await self.fails(index, UpstreamUnreachable))

        other = self.work / "other.pem"
        other.write_bytes(Authority("stranger").pem)
        said = "TLS: certificate verify failed"
        index = self.connect(ca_bundle=other)
        self.assertEqual(said, await self.fails(index, UpstreamUnreachable))

        self.proxy.hosts[f"{HOST}:443"] = self.proxy.hosts[f"{OTHER}:443"]
        said = "TLS: the certificate is another host's"
        self.assertEqual(said, await self.fails(self.connect(), UpstreamUnreachable))

        self.proxy.user = "corp:other"
        said = "the outbound proxy wants other credentials"
        self.assertEqual(said, await self.fails(self.connect(), UpstreamRefusal))
