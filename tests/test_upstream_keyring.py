"""
Tests for :mod:`proxypypi.upstream.keyring`.
"""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.settings import Credentials, UpstreamSettings
from proxypypi.upstream.keyring import Keyring, read_netrc
from proxypypi.upstream.urls import origin_of
from tests.recorded import Recorded

ME = Credentials(username="me", password="secret")
SECURE = "https://index.example/simple/"
PLAIN = "http://index.example/simple/"


def login(user: str) -> Credentials:
    return Credentials(username=user, password="secret")


class KeyringTests(SynchronousTestCase):
    def check(
        self,
        url: str,
        expected: Mapping[str, str],
        credentials: Credentials | None = None,
        file_hosts: Iterable[str] = (),
        logins: Mapping[str, Credentials] | None = None,
    ) -> None:
        """
        Of a set of origins, exactly those of *expected* are given these users' keys.
        """
        settings = UpstreamSettings.from_url(
            url, credentials=credentials, file_hosts=tuple(file_hosts)
        )
        keyring = Keyring.of(settings, logins or {})
        self.assertNotIn("secret", repr(keyring))
        found = {}
        for host in ("index.example", "files.example", "other.example"):
            for scheme in ("http", "https"):
                for port in ("", ":8443"):
                    origin = f"{scheme}://{host}{port}"
                    key = keyring.authorization_for(origin_of(origin))
                    if key is not None:
                        pair = b64decode(key.removeprefix(b"Basic ")).decode()
                        user, _, password = pair.partition(":")
                        self.assertEqual("secret", password)
                        found[origin] = user
        self.assertEqual(expected, found)

    def test_origin(self) -> None:
        """
        The index's credentials are for its scheme, host and port, and nobody else.
        """
        self.check(SECURE, {"https://index.example": "me"}, ME)
        self.check(PLAIN, {"http://index.example": "me"}, ME)
        self.check(
            "https://index.example:8443/", {"https://index.example:8443": "me"}, ME
        )

    def test_none(self) -> None:
        """
        Where there are none, none are sent.
        """
        self.check(SECURE, {}, None, ["files.example"])

    def test_file_hosts(self) -> None:
        """
        File hosts are given the index's, but not by http if the index has https.
        """
        home, plain_home = "https://index.example", "http://index.example"
        files, plain = "https://files.example", "http://files.example"
        table: list[tuple[str, str, dict[str, str]]] = [
            (SECURE, "files.example", {home: "me", files: "me"}),
            (SECURE, "https://files.example", {home: "me", files: "me"}),
            (SECURE, "FILES.example:8443", {home: "me", f"{files}:8443": "me"}),
            (SECURE, "http://files.example", {home: "me"}),
            (PLAIN, "files.example", {plain_home: "me", files: "me", plain: "me"}),
            (PLAIN, "http://files.example", {plain_home: "me", plain: "me"}),
        ]
        for url, file_host, expected in table:
            self.check(url, expected, ME, [file_host])

    def test_netrc(self) -> None:
        """
        The user's own are taken for the index and for file hosts, each by its host.
        """
        logins = {
            "index.example": login("i"),
            "files.example": login("f"),
            "other.example": login("o"),
        }
        self.check(SECURE, {"https://index.example": "i"}, logins=logins)
        self.check(
            SECURE,
            {"https://index.example": "i", "https://files.example": "f"},
            file_hosts=["files.example"],
            logins=logins,
        )
        self.check(
            SECURE,
            {"https://files.example": "f"},
            file_hosts=["files.example"],
            logins={"files.example": login("f")},
        )
        self.check(
            SECURE,
            {"https://index.example": "i", "https://files.example": "i"},
            file_hosts=["files.example"],
            logins={"index.example": login("i")},
        )

    def test_settings_come_first(self) -> None:
        """
        The user's own are not looked at if there are some in the settings.
        """
        logins = {"index.example": login("i"), "files.example": login("f")}
        self.check(
            SECURE,
            {"https://index.example": "me", "https://files.example": "me"},
            ME,
            ["files.example"],
            logins,
        )


class NetrcTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(self.mktemp())
        self.home.mkdir()
        self.recorded = Recorded.during(self)

    def write(self, text: bytes, name: str = ".netrc", mode: int = 0o600) -> Path:
        path = self.home / name
        path.write_bytes(text)
        path.chmod(mode)
        return path

    def read(self, **environment: str) -> Mapping[str, Credentials]:
        return read_netrc({"HOME": str(self.home), **environment})

    def logged(self) -> list[str]:
        self.assertNotIn("secret", self.recorded.everything)
        said = self.recorded.sentences
        self.recorded.events.clear()
        return said

    def test_home(self) -> None:
        """
        ``~/.netrc`` is read; its hosts are found whatever their case.
        """
        self.write(b"machine INDEX.example login me password secret\n")
        self.assertEqual({"index.example": ME}, self.read())
        self.assertEqual([], self.logged())

    def test_named(self) -> None:
        """
        ``NETRC`` names another, unless it is empty.
        """
        self.write(b"machine index.example login other password secret\n")
        path = self.write(b"machine index.example login me password secret\n", "mine")
        self.assertEqual({"index.example": ME}, self.read(NETRC=str(path)))
        self.assertEqual({"index.example": login("other")}, self.read(NETRC=""))

    def test_windows(self) -> None:
        """
        There it is called ``_netrc``, and lies elsewhere.
        """
        self.write(b"machine index.example login me password secret\n", "_netrc")
        found = read_netrc({"USERPROFILE": str(self.home)})
        self.assertEqual({"index.example": ME}, found)

    def test_nothing(self) -> None:
        """
        That there is none, or no home, is nothing to speak of.
        """
        self.assertEqual(({}, {}), (self.read(), read_netrc({})))
        self.assertEqual([], self.logged())

    def test_default(self) -> None:
        """
        What is meant for whoever is asked is not sent.
        """
        self.write(b"default login me password secret\n")
        self.assertEqual({}, self.read())

    def test_parts(self) -> None:
        """
        A password without a user will do; a user with a colon will not.
        """
        self.write(b"machine a password secret\nmachine b login a:b password secret\n")
        self.assertEqual({"a": login("")}, self.read())

    def test_named_but_missing(self) -> None:
        """
        A file that is named but not there is warned of.
        """
        path = str(self.home / "mine")
        self.assertEqual({}, self.read(NETRC=path))
        self.assertEqual(
            [f"{path} is not used: No such file or directory"], self.logged()
        )

    def test_damaged(self) -> None:
        """
        A damaged file is warned of without saying what is in it.
        """
        for text in (
            b"machine index.example\nlogin me password secret moresecret\n",
            b"secret",
            b"machine index.example login \xff\xfe secret",
        ):
            path = self.write(text)
            self.assertEqual({}, self.read(), text)
            (said,) = self.logged()
            self.assertTrue(said.startswith(f"{path} is not used: "), said)

    def test_directory(self) -> None:
        """
        So is one that cannot be read.
        """
        (self.home / ".netrc").mkdir(mode=0o700)
        self.assertEqual({}, self.read())
        self.assertIn("Is a directory", self.logged()[0])

    def test_everybody(self) -> None:
        """
        One that everybody can read is used, with a warning.
        """
        path = self.write(
            b"machine index.example login me password secret\n", mode=0o644
        )
        self.assertEqual({"index.example": ME}, self.read())
        self.assertEqual(
            [f"{path} holds passwords, and everybody can read it"], self.logged()
        )
