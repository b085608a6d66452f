"""
Tests for :mod:`proxypypi.upstream.trust`.
"""

import ssl
from os import pathsep
from pathlib import Path
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface.verify import verifyObject

from proxypypi.errors import BadSettings
from proxypypi.upstream import trust
from proxypypi.upstream.trust import policy_for
from tests.certificates import Authority
from tests.recorded import Recorded

HOST = "index.example"


def believes(policy: Any, authority: Authority, host: str = HOST) -> bool:
    """
    Shake hands with a server of *host* that *authority* vouches for.
    """
    heard: list[bytes] = []

    class Speaker(Protocol):
        def connectionMade(self) -> None:
            assert self.transport is not None
            self.transport.write(b"hello")

    class Listener(Protocol):
        def dataReceived(self, data: bytes) -> None:
            heard.append(data)

    options = authority.vouch_for(host).options()
    creator = policy.creatorForNetloc(HOST.encode(), 443)
    clock, ends = Clock(), []
    for context, is_client, speaker in (
        (creator, True, Speaker),
        (options, False, Listener),
    ):
        inner = Factory.forProtocol(speaker)
        factory: Any = TLSMemoryBIOFactory(context, is_client, inner, clock)
        protocol, transport = factory.buildProtocol(None), StringTransport()
        protocol.makeConnection(transport)
        ends.append((protocol, transport))
    for _ in range(6):
        clock.advance(1.0)
        for (_, mine), (other, _) in (ends, ends[::-1]):
            data = mine.value()
            mine.clear()
            if data:
                other.dataReceived(data)
    return heard == [b"hello"]


class TrustTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ours, self.theirs = Authority("ours"), Authority("theirs")
        self.platform = Authority("the platform's")
        self.work = Path(self.mktemp()).absolute()
        self.work.mkdir()
        self.recorded = Recorded.during(self)

    def write(self, name: str, *parts: bytes) -> str:
        path = self.work / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\n".join(parts))
        return str(path)

    def check(
        self, bundle: str | None, environment: dict[str, str], *authorities: Authority
    ) -> None:
        """
        Of all authorities, exactly these are believed.
        """
        policy = policy_for(bundle and Path(bundle), environment)  # type: ignore[arg-type]
        verifyObject(IPolicyForHTTPS, policy)
        found = [
            authority.name
            for authority in (self.ours, self.theirs, self.platform)
            if believes(policy, authority)
        ]
        self.assertEqual([authority.name for authority in authorities], found)
        for authority in authorities:
            self.assertFalse(believes(policy, authority, "other.example"))

    def fake_platform(self) -> None:
        usual = self.write("platform.pem", self.platform.pem)
        self.patch(trust, "_USUAL_BUNDLES", ("/nowhere", usual))
        empty = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.patch(ssl, "create_default_context", lambda: empty)

    def test_platform(self) -> None:
        """
        Where nothing is said, the platform decides.
        """
        self.check(None, {})

    def test_bundle(self) -> None:
        """
        An upstream's own bundle comes in addition to the platform's authorities, with
        comments and several certificates in it.
        """
        self.fake_platform()
        bundle = self.write("a.pem", b"# ours", self.ours.pem, b"# theirs")
        self.check(bundle, {}, self.ours, self.platform)
        bundle = self.write("b.pem", self.ours.pem, self.theirs.pem)
        self.check(bundle, {}, self.ours, self.theirs, self.platform)

    def test_platform_of_python(self) -> None:
        """
        The platform's are those that Python knows, if it knows any.
        """
        self.fake_platform()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.theirs.pem.decode())
        self.patch(ssl, "create_default_context", lambda: context)
        bundle = self.write("a.pem", self.ours.pem)
        self.check(bundle, {}, self.ours, self.theirs)

    def test_file(self) -> None:
        """
        SSL_CERT_FILE takes the platform's place, and a bundle is added to it.
        """
        self.fake_platform()
        file = self.write("theirs.pem", self.theirs.pem)
        self.check(None, {"SSL_CERT_FILE": file}, self.theirs)
        bundle = self.write("a.pem", self.ours.pem)
        self.check(bundle, {"SSL_CERT_FILE": file}, self.ours, self.theirs)

    def test_directories(self) -> None:
        """
        SSL_CERT_DIR names directories, whose files need no special names; what is no
        certificate in them is nobody's business.
        """
        self.fake_platform()
        self.write("one/ours.crt", self.ours.pem)
        self.write("one/README", b"hello")
        self.write(
            "one/damaged.pem", self.theirs.pem[:-40], b"-----END CERTIFICATE-----"
        )
        self.write("two/0a1b2c3d.0", self.theirs.pem)
        (self.work / "one" / "below").mkdir()
        one, two = str(self.work / "one"), str(self.work / "two")
        self.check(None, {"SSL_CERT_DIR": one}, self.ours)
        both = {"SSL_CERT_DIR": pathsep.join([one, two, ""])}
        self.check(None, both, self.ours, self.theirs)
        self.assertEqual([], self.recorded.sentences)

    def test_file_and_directory(self) -> None:
        """
        Both may be set; of two one may be missing, which is warned of.
        """
        file = self.write("ours.pem", self.ours.pem)
        self.write("one/theirs.pem", self.theirs.pem)
        one = str(self.work / "one")
        environment = {"SSL_CERT_FILE": file, "SSL_CERT_DIR": one}
        self.check(None, environment, self.ours, self.theirs)
        self.assertEqual([], self.recorded.sentences)
        self.check(None, {**environment, "SSL_CERT_FILE": "/nowhere"}, self.theirs)
        said = "SSL_CERT_FILE: '/nowhere': No such file or directory"
        self.assertEqual([said], self.recorded.sentences)
        self.recorded.events.clear()
        self.check(None, {**environment, "SSL_CERT_DIR": "/nowhere"}, self.ours)
        said = "SSL_CERT_DIR: '/nowhere' holds no certificates"
        self.assertEqual([said], self.recorded.sentences)

    def test_empty_variables(self) -> None:
        """
        An empty variable says nothing.
        """
        self.fake_platform()
        empty = {"SSL_CERT_FILE": "", "SSL_CERT_DIR": pathsep}
        self.check(None, empty, self.platform)

    def test_same_certificate_twice(self) -> None:
        """
        What is in several files is no trouble.
        """
        file = self.write("ours.pem", self.ours.pem, self.ours.pem)
        self.check(file, {"SSL_CERT_FILE": file}, self.ours)

    def test_other_labels(self) -> None:
        """
        OpenSSL's older label is understood.
        """
        old = self.ours.pem.replace(b" CERTIFICATE", b" X509 CERTIFICATE")
        self.check(self.write("a.pem", old), {"SSL_CERT_DIR": ""}, self.ours)

    def test_bad(self) -> None:
        """
        A bundle that is missing, empty or damaged is refused, with its path.
        """
        damaged = self.ours.pem.replace(b"MII", b"MMM")
        files = {
            "empty.pem": (b"", "holds no certificates in PEM form"),
            "text.pem": (b"hello", "holds no certificates in PEM form"),
            "damaged.pem": (damaged, "certificate 1 of 1 is damaged"),
            "half.pem": (
                self.ours.pem + damaged,
                "certificate 2 of 2 is damaged",
            ),
            "none.pem": (None, "No such file or directory"),
        }
        for name, (content, why) in files.items():
            path = str(self.work / name)
            if content is not None:
                self.write(name, content)
            for bundle, environment in (
                (Path(path), {}),
                (None, {"SSL_CERT_FILE": path}),
            ):
                with self.assertRaises(BadSettings, msg=name) as caught:
                    policy_for(bundle, environment)
                self.assertIn(repr(path), str(caught.exception))
                self.assertIn(why, str(caught.exception))

    def test_bad_directory(self) -> None:
        """
        So are directories with nothing in them.
        """
        (self.work / "empty").mkdir()
        for path in (self.work / "empty", self.work / "none"):
            with self.assertRaises(BadSettings) as caught:
                policy_for(None, {"SSL_CERT_DIR": str(path)})
            said = f"SSL_CERT_DIR: {str(path)!r} holds no certificates"
            self.assertEqual(said, str(caught.exception))

    def test_cached(self) -> None:
        """
        Of each host's contexts there is one.
        """
        policy = policy_for(None, {})
        creators = [policy.creatorForNetloc(b"a.example", 443) for _ in range(2)]
        self.assertIs(creators[0], creators[1])
