"""
Tests for :mod:`proxypypi.settings`.
"""

import pickle
from base64 import b64decode
from pathlib import Path
from urllib.parse import urlsplit

from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import BadSettings
from proxypypi.names import normalize
from proxypypi.settings import (
    DEFAULT_INDEX,
    DEFAULT_LISTEN,
    CooldownExemption,
    Credentials,
    Settings,
    UpstreamSettings,
    file_host,
    index_address,
    masked,
    public_address,
    seconds,
)

addresses = st.lists(
    st.sampled_from(
        [
            *("http", "https", "ftp", ":", "//", "/", "[", "]", "::1", "@", "?", "#"),
            *(
                "index.example",
                "simple",
                "8000",
                "99999",
                " ",
                "\n",
                "\t",
                "\0",
                "\u00e9",
            ),
        ]
    ),
    max_size=8,
).map("".join)


class IndexAddressTests(SynchronousTestCase):
    def test_good(self) -> None:
        """
        An index's address is taken as it is, but for its final slash.
        """
        cases = [
            ("https://index.example/simple/", "https://index.example/simple/"),
            ("https://index.example/simple", "https://index.example/simple/"),
            ("http://index.example", "http://index.example/"),
            ("HTTP://Index.Example/Simple", "HTTP://Index.Example/Simple/"),
            ("http://127.0.0.1:8000/a/b", "http://127.0.0.1:8000/a/b/"),
            ("http://[::1]:8000/", "http://[::1]:8000/"),
            ("https://me:secret@index.example/", "https://me:secret@index.example/"),
            ("https://index.example/a%20b", "https://index.example/a%20b/"),
        ]
        for url, address in cases:
            self.assertEqual(address, index_address(url), url)

    def test_bad(self) -> None:
        """
        What is no http or https address of an index is refused, with the value and why.
        """
        cases = [
            ("", "http:// or https://"),
            ("index.example", "http:// or https://"),
            ("index.example/simple/", "http:// or https://"),
            ("//index.example/simple/", "http:// or https://"),
            ("/simple/", "http:// or https://"),
            ("ftp://index.example/simple/", "http:// or https://"),
            ("file:///srv/simple/", "http:// or https://"),
            ("http:", "http:// or https://"),
            ("http://", "http:// or https://"),
            ("http:///simple/", "http:// or https://"),
            ("http://:8000/", "http:// or https://"),
            ("http:index.example", "http:// or https://"),
            ("http://index.example:http/", "http"),
            ("http://index.example:65536/", "0-65535"),
            ("http://[::1/", "IPv6"),
            ("http://index.example/simple/?a=b", "a query"),
            ("http://index.example/simple/?", "a query"),
            ("http://index.example/simple?", "a query"),
            ("http://index.example/simple/#a", "a fragment"),
            ("http://index.example/simple/#", "a fragment"),
            (" http://index.example/", "a space"),
            ("http://index.example/ ", "a space"),
            ("http://index .example/", "a space"),
            ("http://index.example/\n", "a space"),
            ("http://ind\tex.example/", "a space"),
            ("http://index.example/\x00", "a space"),
        ]
        for url, why in cases:
            with self.assertRaises(BadSettings, msg=repr(url)) as caught:
                index_address(url)
            self.assertIn(repr(masked(url)), str(caught.exception))
            self.assertIn(why, str(caught.exception))

    @given(addresses)
    def test_nothing_but_bad_settings(self, url: str) -> None:
        """
        Whatever it is given, it refuses properly, or a project's name may be appended.
        """
        try:
            address = index_address(url)
        except BadSettings:
            return
        parts = urlsplit(address + "demo/")
        self.assertIn(parts.scheme, ("http", "https"))
        self.assertTrue(parts.hostname)
        self.assertTrue(parts.path.endswith("/demo/"))
        self.assertEqual(address, index_address(address))

    def test_nothing_secret(self) -> None:
        """
        What is said of a bad address does not hold its user and password, not even if
        they make it bad.
        """
        for url in (
            "ftp://me:secret@index.example/",
            "http://me:secret@index.example:port/",
            "http://me:secret@index.example/?a",
            "http://me:secret@index example/",
            "http://me:se/cret@index.example/",
            "http://me:se/@secret@index.example/",
            "http://me:se?cret@index.example/",
            "http://me:sec\u2100ret@index.example/",
            "http://me:secret@[index.example/",
            "me:secret@index.example/",
            "http://secret@",
            "http://me:secret@index.example/simple/?token=secret",
            "http://me@index.example/simple/#secret",
        ):
            with self.assertRaises(BadSettings, msg=url) as caught:
                index_address(url)
            for secret in ("cret", "me:"):
                self.assertNotIn(secret, str(caught.exception), url)
            self.assertIn("***@", str(caught.exception))
            self.assertIs(None, caught.exception.__cause__)


class MaskedTests(SynchronousTestCase):
    def test_masked(self) -> None:
        """
        Of an address without user, password, query and fragment nothing is hidden.
        """
        cases = [
            ("https://index.example/a", "https://index.example/a"),
            ("https://me:secret@index.example/a", "https://***@index.example/a"),
            ("https://secret@index.example", "https://***@index.example"),
            ("https://a@b:c/d@e", "https://***@e"),
            ("me:secret@index.example", "***@index.example"),
            ("me\n:secret@index.example", "***@index.example"),
            ("https://index.example/?token=a@b", "https://***@b"),
            ("https://index.example/?token=a#b", "https://index.example/?***"),
            ("https://me:secret@index.example#b\nc", "https://***@index.example#***"),
            ("index.example?token=a", "index.example?***"),
            ("https://index.example/?", "https://index.example/?"),
            ("", ""),
        ]
        for url, shown in cases:
            self.assertEqual(shown, masked(url), url)


class CredentialsTests(SynchronousTestCase):
    def test_of_url(self) -> None:
        """
        They are taken from an address, percent-decoded; either may be missing.
        """
        cases = [
            ("https://index.example/", None),
            ("https://me:s%40cret@index.example/", "me:s@cret"),
            ("https://me:s%3Acr%C3%A9t@index.example/", "me:s:cr\u00e9t"),
            ("https://token@index.example/", "token:"),
            ("https://:token@index.example/", ":token"),
            ("https://@index.example/", ":"),
        ]
        for url, pair in cases:
            found = Credentials.of_url(url)
            if found is None:
                self.assertIs(None, pair, url)
                continue
            scheme, _, value = found.basic.partition(b" ")
            self.assertEqual((b"Basic", pair), (scheme, b64decode(value).decode()), url)

    def test_token(self) -> None:
        """
        A token is the password of a user that all indexes know.
        """
        token = Credentials.of_token("pypi-abc")
        self.assertEqual(Credentials(username="__token__", password="pypi-abc"), token)

    def test_colon(self) -> None:
        """
        A user's name with a colon would be another's, with another password.
        """
        with self.assertRaises(BadSettings) as caught:
            Credentials.of_url("https://me%3Aat:secret@index.example/")
        self.assertEqual("a user name cannot have a colon in it", str(caught.exception))

    def test_repr(self) -> None:
        """
        Neither the user nor the password is shown.
        """
        self.assertEqual("Credentials()", repr(Credentials(username="a", password="b")))


class UpstreamSettingsTests(SynchronousTestCase):
    def test_from_url(self) -> None:
        """
        An address alone is enough; it gives a name, and perhaps credentials, which are
        no part of the address then.
        """
        upstream = UpstreamSettings.from_url("https://me:s%40@index.example:8443/a")
        expected = UpstreamSettings(
            name="index.example:8443/a",
            url="https://index.example:8443/a/",
            credentials=Credentials(username="me", password="s@"),
        )
        self.assertEqual(expected, upstream)
        self.assertNotIn("s@", repr(upstream))
        self.assertNotIn("'me'", repr(upstream))

    def test_defaults(self) -> None:
        """
        An upstream is asked for everything, and has no settings of its own.
        """
        upstream = UpstreamSettings.from_url("https://index.example/simple/")
        self.assertEqual("index.example", upstream.name)
        self.assertEqual(("*",), upstream.projects)
        self.assertEqual(frozenset({404, 410}), upstream.missing_status)
        self.assertEqual(
            (None, None, None, None, ()),
            (
                upstream.credentials,
                upstream.index_ttl,
                upstream.min_age,
                upstream.ca_bundle,
                upstream.file_hosts,
            ),
        )

    def test_more(self) -> None:
        """
        Whatever else is known of it is kept.
        """
        me = Credentials(username="me")
        upstream = UpstreamSettings.from_url(
            "https://index.example/", name="ours", credentials=me, index_ttl=5.0
        )
        self.assertEqual(
            ("ours", me, 5.0),
            (upstream.name, upstream.credentials, upstream.index_ttl),
        )

    def test_bad(self) -> None:
        """
        No address is taken that is none, or that has credentials where none may be.
        """
        me = Credentials(username="me")
        cases = [
            lambda: UpstreamSettings.from_url("index.example"),
            lambda: UpstreamSettings.from_url("https://a:secret@b.c/", credentials=me),
            lambda: UpstreamSettings.from_url("https://a%3Ab:secret@b.c/"),
            lambda: UpstreamSettings(name="a", url="https://a:secret@b.c/"),
            lambda: UpstreamSettings(name="a", url="https://b.c/simple"),
            lambda: UpstreamSettings.from_url("https://b.c/", file_hosts=("a/b",)),
        ]
        for n, make in enumerate(cases):
            with self.assertRaises(BadSettings, msg=str(n)) as caught:
                make()
            self.assertNotIn("secret", str(caught.exception))

    def test_password_not_shown(self) -> None:
        """
        Settings can be logged.
        """
        upstream = UpstreamSettings.from_url("https://me:secret@index.example/")
        shown = repr(Settings(directory=Path("/srv/cache"), upstreams=(upstream,)))
        self.assertNotIn("secret", shown)
        self.assertNotIn("'me'", shown)
        self.assertIn("index.example", shown)

    def test_frozen(self) -> None:
        """
        Settings do not change while the server runs.
        """
        upstream = UpstreamSettings.from_url("https://index.example/simple/")
        with self.assertRaises(FrozenInstanceError):
            upstream.name = "a"  # type: ignore[misc]


class PublicAddressTests(SynchronousTestCase):
    def test_good(self) -> None:
        """
        It ends in a slash, so that what is below it can be put together.
        """
        for url in ("https://pypi.example/py", "https://pypi.example/py/"):
            self.assertEqual("https://pypi.example/py/", public_address(url))

    def test_bad(self) -> None:
        """
        It is shown to everybody, and so is no place for a password.
        """
        for url in (
            *("", "pypi.example", "ftp://pypi.example", "https://", "https://a/?b"),
            *("https://user:secret@pypi.example/", "https://user@pypi.example/"),
        ):
            error = self.assertRaises(BadSettings, public_address, url)
            self.assertNotIn("secret", str(error))


class FileHostTests(SynchronousTestCase):
    def test_good(self) -> None:
        """
        Origins and hosts are taken as they are.
        """
        for text in (
            "files.example",
            "files.example:8443",
            "10.0.0.7",
            "[::1]:8443",
            "https://files.example",
            "https://files.example:8443/",
            "http://files.example",
        ):
            self.assertEqual(text, file_host(text))

    def test_bad(self) -> None:
        """
        What is more, or less, is refused, and nothing secret is shown.
        """
        for text in (
            "",
            "files.example/a",
            "https://files.example/a",
            "https://me:secret@files.example",
            "me:secret@files.example",
            "ftp://files.example",
            "https://",
            "files.example:port",
            "files.example?a",
            "files example",
        ):
            with self.assertRaises(BadSettings, msg=text) as caught:
                file_host(text)
            self.assertNotIn("secret", str(caught.exception))


class SecondsTests(SynchronousTestCase):
    def test_good(self) -> None:
        """
        Any number of seconds, and parts of them, is good.
        """
        cases = [
            *(("0", 0.0), ("600", 600.0), ("0.5", 0.5), (".5", 0.5), ("1e3", 1000.0)),
            *(("+1", 1.0), ("9999999999", 9999999999.0)),
        ]
        for text, value in cases:
            self.assertEqual(value, seconds(text), text)

    def test_bad(self) -> None:
        """
        What cannot be a time is refused, with the value and what it should look like.
        """
        for text in (
            *("", " ", "soon", "5s", "1,5", "0x10", "-1", "-0.1", "-inf"),
            *("nan", "inf", "infinity", "1e10", "1e400"),
        ):
            with self.assertRaises(BadSettings, msg=text) as caught:
                seconds(text)
            self.assertIn(repr(text), str(caught.exception))
            self.assertIn("seconds, such as 600", str(caught.exception))

    @given(st.text() | st.floats().map(repr))
    def test_nothing_but_bad_settings(self, text: str) -> None:
        """
        Whatever it is given, it refuses properly, or it is a time one can wait.
        """
        try:
            value = seconds(text)
        except BadSettings:
            return
        self.assertTrue(0.0 <= value < 1e10, text)


class SettingsTests(SynchronousTestCase):
    def test_defaults(self) -> None:
        """
        Only the directory must be said; the rest is as documented.
        """
        settings = Settings(directory=Path("/srv/cache"))
        self.assertEqual(("tcp:8000:interface=127.0.0.1",), settings.listen)
        self.assertEqual(600.0, settings.index_ttl)
        self.assertEqual(30.0, settings.drain)
        self.assertEqual(
            (UpstreamSettings.from_url(DEFAULT_INDEX),), settings.upstreams
        )
        self.assertEqual((), settings.cooldown_exemptions)
        self.assertEqual((DEFAULT_LISTEN,), settings.listen)

    def test_default_index(self) -> None:
        """
        The default is a simple index, asked in secret.
        """
        parts = urlsplit(DEFAULT_INDEX)
        self.assertEqual(("https", "/simple/"), (parts.scheme, parts.path))
        self.assertEqual(DEFAULT_INDEX, index_address(DEFAULT_INDEX))

    def test_frozen(self) -> None:
        """
        Settings do not change while the server runs.
        """
        settings = Settings(directory=Path("/srv/cache"))
        with self.assertRaises(FrozenInstanceError):
            settings.drain = 1.0  # type: ignore[misc]

    def test_handed_on(self) -> None:
        """
        All of them can be handed to another process.
        """
        upstream = UpstreamSettings.from_url(
            "https://me:secret@index.example/simple/",
            ca_bundle=Path("/etc/ca.pem"),
            file_hosts=("files.example",),
        )
        project = normalize("demo")
        settings = Settings(
            directory=Path("/srv/cache"),
            upstreams=(upstream,),
            cooldown_exemptions=(
                CooldownExemption(project=project, version=Version("1.0")),
                CooldownExemption(project=project, sha256="0" * 64, ends_at=1.0),
            ),
        )
        self.assertEqual(settings, pickle.loads(pickle.dumps(settings)))


class CooldownExemptionTests(SynchronousTestCase):
    def test_defaults(self) -> None:
        """
        An exemption is of one project, does not end, and says no more.
        """
        exemption = CooldownExemption(project=normalize("Demo"))
        self.assertEqual("demo", exemption.project)
        self.assertEqual(
            (None, None, None, ""),
            (exemption.version, exemption.sha256, exemption.ends_at, exemption.note),
        )

    def test_frozen(self) -> None:
        """
        It does not change while the server runs.
        """
        exemption = CooldownExemption(project=normalize("demo"))
        with self.assertRaises(FrozenInstanceError):
            exemption.ends_at = 1.0  # type: ignore[misc]
