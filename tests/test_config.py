"""
Tests for :mod:`proxypypi.config`, and for the layers and tables it is made of.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve
from packaging.version import Version
from twisted.trial.unittest import SynchronousTestCase

from proxypypi import layers, tables
from proxypypi.config import Configuration, configure
from proxypypi.errors import BadConfiguration
from proxypypi.kinds import PORT
from proxypypi.names import normalize
from proxypypi.options import OPTIONS, UPSTREAM, Option, variable
from proxypypi.settings import (
    DEFAULT_INDEX,
    DEFAULT_LISTEN,
    CooldownExemption,
    Credentials,
    Settings,
    UpstreamSettings,
    UserSettings,
)
from tests.certificates import Authority
from tests.test_auth_htpasswd import APR1, SHA1

PLACES = ("the command line", "the environment", "the file", "nowhere")


def indexes(*urls: str) -> tuple[UpstreamSettings, ...]:
    return tuple(map(UpstreamSettings.from_url, urls))


def tcp(port: int, address: str = "127.0.0.1") -> tuple[str]:
    return (f"tcp:{port}:interface={address}",)


class ConfigTestCase(SynchronousTestCase):
    """
    :ivar base: the working directory, with the cache directories ``a``, ``b`` and ``c``
        in it, and ``etc``, where the file is, with another ``b``.
    """

    def setUp(self) -> None:
        self.base = Path(self.mktemp()).resolve()
        for name in ("a", "b", "c", "etc/b", "etc/c"):
            (self.base / name).mkdir(parents=True)
        self.file = self.base / "etc" / "p.toml"

    def configure(
        self,
        given: Mapping[str, Sequence[str]] | None = None,
        variables: Mapping[str, str] | None = None,
        content: str | None = None,
    ) -> Configuration:
        """
        :param content: of the file; :obj:`None` for no file.
        """
        variables = dict(variables or {})
        if content is not None:
            self.file.write_text(content, "utf-8")
            variables.setdefault("PROXYPYPI_CONFIG", str(self.file))
        return configure(given or {}, variables, self.base)

    def settings(self, *arguments: Any, **more: Any) -> Settings:
        return self.configure(*arguments, **more).settings

    def problems(self, *arguments: Any, **more: Any) -> tuple[str, ...]:
        with self.assertRaises(BadConfiguration, msg=repr((arguments, more))) as caught:
            self.configure(*arguments, **more)
        for problem in caught.exception.problems:
            self.assertEqual(1, len(problem.splitlines()), problem)
        problems: tuple[str, ...] = caught.exception.problems
        self.assertEqual("\n".join(problems), str(caught.exception))
        return problems

    def problem(self, *arguments: Any, **more: Any) -> str:
        problems = self.problems(*arguments, **more)
        self.assertEqual(1, len(problems), problems)
        return problems[0]


class Row:
    """
    An option in each place.

    :param line: its values on the command line.
    :param file: TOML.
    :param winners: what is read if the first, the second … place is the highest that
        has it; the last one is the default.
    """

    def __init__(
        self,
        line: Sequence[str],
        variable: str,
        file: str,
        read: Callable[[Configuration], object],
        winners: tuple[object, object, object, object],
    ) -> None:
        self.line, self.variable, self.file = line, variable, file
        self.read, self.winners = read, winners


def ports(configuration: Configuration) -> object:
    return configuration.settings.listen


def upstreams(configuration: Configuration) -> object:
    return configuration.settings.upstreams


def globs(read: Callable[[Configuration], object]) -> Row:
    return Row(
        ["Acme_*", "b"],
        "c.* d",
        "['e', '[f-h]']",
        read,
        (("acme-*", "b"), ("c-*", "d"), ("e", "[f-h]"), ()),
    )


class WinnerTests(ConfigTestCase):
    def rows(self) -> dict[str, Row]:
        def directory(configuration: Configuration) -> object:
            return str(configuration.settings.directory.relative_to(self.base))

        def asks(configuration: Configuration) -> object:
            return bool(configuration.settings.upstreams)

        return {
            "dir": Row(["b", "a"], "b", "'c'", directory, ("a", "b", "etc/c", ".")),
            "listen": Row(
                ["tcp:1", "unix:a"],
                " tcp:2  tcp:3 ",
                "['tcp:4', 'unix:a b']",
                ports,
                (
                    ("tcp:1", "unix:a"),
                    ("tcp:2", "tcp:3"),
                    ("tcp:4", "unix:a b"),
                    (DEFAULT_LISTEN,),
                ),
            ),
            "bind": Row(
                ["::1"],
                "10.0.0.1",
                "'0.0.0.0'",
                ports,
                (
                    ("tcp6:8000:interface=\\:\\:1",),
                    tcp(8000, "10.0.0.1"),
                    tcp(8000, "0.0.0.0"),
                    (DEFAULT_LISTEN,),
                ),
            ),
            "port": Row(
                ["1"], "2", "3", ports, (tcp(1), tcp(2), tcp(3), (DEFAULT_LISTEN,))
            ),
            "index-url": Row(
                ["https://a.example/simple"],
                "https://b.example/",
                "'https://me:s@c.example/'",
                upstreams,
                (
                    indexes("https://a.example/simple/"),
                    indexes("https://b.example/"),
                    indexes("https://me:s@c.example/"),
                    indexes(DEFAULT_INDEX),
                ),
            ),
            "extra-index-url": Row(
                ["https://a.example/", "https://b.example/"],
                "https://c.example/ https://d.example/",
                "['https://e.example/']",
                upstreams,
                (
                    indexes(DEFAULT_INDEX, "https://a.example/", "https://b.example/"),
                    indexes(DEFAULT_INDEX, "https://c.example/", "https://d.example/"),
                    indexes(DEFAULT_INDEX, "https://e.example/"),
                    indexes(DEFAULT_INDEX),
                ),
            ),
            "no-proxy": Row(["true"], "No", "true", asks, (False, True, False, True)),
            "index-ttl": Row(
                ["1", "2"],
                "3",
                "4.5",
                lambda c: c.settings.index_ttl,
                (2.0, 3.0, 4.5, 600.0),
            ),
            "private": globs(lambda c: c.settings.private),
            "deny": globs(lambda c: c.settings.deny),
            "withhold": Row(
                ["1d"],
                "2d",
                "'3d'",
                lambda c: c.settings.withhold,
                (86400.0, 172800.0, 259200.0, 1209600.0),
            ),
            "min-age": Row(
                ["1d"],
                "2d",
                "'3d'",
                lambda c: c.settings.min_age,
                (86400.0, 172800.0, 259200.0, 0.0),
            ),
            "max-upload": Row(
                ["1", "2"],
                "3kB",
                "'4 KiB'",
                lambda c: c.settings.max_upload,
                (2, 3000, 4096, 2_000_000_000),
            ),
            "public-url": Row(
                ["https://a.example", "https://b.example/pypi"],
                "http://c.example",
                "'https://d.example/'",
                lambda c: c.settings.public_url,
                (
                    "https://b.example/pypi/",
                    "http://c.example/",
                    "https://d.example/",
                    "",
                ),
            ),
            "max-size": Row(
                ["3GB"],
                "2GB",
                "1000",
                lambda c: c.settings.max_size,
                (3_000_000_000, 2_000_000_000, 1000, None),
            ),
            "min-free": Row(
                ["1", "2"],
                "3kB",
                "'4 KiB'",
                lambda c: c.settings.min_free,
                (2, 3000, 4096, None),
            ),
            "workers": Row(
                ["2"],
                "3",
                "'4'",
                lambda c: c.settings.workers,
                (2, 3, 4, 1),
            ),
            "upload-auth": self.users(lambda c: c.settings.upload_auth),
            "read-auth": self.users(lambda c: c.settings.read_auth),
            "drain": Row(
                ["1"],
                "2",
                "'3'",
                lambda c: c.settings.drain,
                (1.0, 2.0, 3.0, 30.0),
            ),
        }

    def users(self, read: Callable[[Configuration], Path | None]) -> Row:
        for name in ("u", "v", "etc/w"):
            (self.base / name).touch()

        def relative(configuration: Configuration) -> object:
            path = read(configuration)
            return None if path is None else str(path.relative_to(self.base))

        return Row(
            ["htpasswd:u"],
            "htpasswd:v",
            "'htpasswd:w'",
            relative,
            ("u", "v", "etc/w", None),
        )

    def test_winner(self) -> None:
        """
        Every option can stand in each of the four places, and the highest counts.
        """
        rows = self.rows()
        expected = {option.name for option in OPTIONS} - {"config"}
        self.assertEqual(expected, set(rows))
        for name, row in rows.items():
            for highest, place in enumerate(PLACES):
                given = {name: row.line} if highest == 0 else {}
                variables = {variable(name): row.variable} if highest <= 1 else {}
                content = f"{name} = {row.file}\n" if highest <= 2 else ""
                got = self.configure(given, variables, content)
                told = f"{name}, first said in {place}"
                self.assertEqual(row.winners[highest], row.read(got), told)
                self.assertEqual(highest < 3, name in got.sources, told)

    def test_alone(self) -> None:
        """
        So it does if no lower place has it.
        """
        for name, row in self.rows().items():
            places: tuple[tuple[Any, Any, Any], ...] = (
                ({name: row.line}, {}, None),
                ({}, {variable(name): row.variable}, None),
                ({}, {}, f"{name} = {row.file}\n"),
            )
            for n, place in enumerate(places):
                got = row.read(self.configure(*place))
                self.assertEqual(row.winners[n], got, f"{name} in {PLACES[n]}")

    def test_config(self) -> None:
        """
        The command line's file is read, else the environment's, else none.
        """
        for name in ("a", "b"):
            (self.base / f"{name}.toml").write_text(f"dir = '{name}'\n")
        around = {"PROXYPYPI_CONFIG": "b.toml"}
        got = self.configure({"config": ["b.toml", "a.toml"]}, around)
        self.assertEqual(self.base / "a", got.settings.directory)
        self.assertEqual(self.base / "a.toml", got.file)
        got = self.configure({}, around)
        self.assertEqual(self.base / "b", got.settings.directory)
        got = self.configure()
        self.assertEqual((self.base, None), (got.settings.directory, got.file))

    def test_nothing_said(self) -> None:
        """
        Without anything all is as documented, and as settings are by themselves.
        """
        self.assertEqual(Settings(directory=self.base), self.settings())
        self.assertEqual(Settings(directory=self.base), self.settings(content=""))

    def test_aliases(self) -> None:
        """
        A further name of an option is good in all places.
        """
        got = self.settings({}, {"PROXYPYPI_CACHE": "a"})
        self.assertEqual(self.base / "a", got.directory)
        got = self.settings(content="cache = 'b'")
        self.assertEqual(self.base / "etc" / "b", got.directory)

    def test_relative_paths(self) -> None:
        """
        A path in the file is relative to the file, another to the working directory;
        links to the file do not matter, those to the directory are followed.
        """
        (self.base / "etc" / "link").symlink_to(self.base / "a")
        (self.base / "p.toml").symlink_to(self.base / "etc" / "p.toml")
        cases: list[tuple[Any, Any, str, str]] = [
            ({"dir": ["b"]}, {}, "", "b"),
            ({}, {"PROXYPYPI_DIR": "b"}, "", "b"),
            ({}, {}, "dir = 'b'", "etc/b"),
            ({}, {}, "dir = 'link'", "a"),
            ({}, {}, "dir = '../a'", "a"),
            ({}, {}, f"dir = '{self.base}/c'", "c"),
            ({"config": ["etc/p.toml"]}, {}, "dir = 'b'", "etc/b"),
            ({"config": ["p.toml"]}, {}, "dir = 'b'", "b"),
        ]
        for given, variables, content, expected in cases:
            got = self.settings(given, variables, content)
            told = f"{given} {variables} {content}"
            self.assertEqual(self.base / expected, got.directory, told)

    def test_groups(self) -> None:
        """
        Options that say the same thing are replaced together by a higher place.
        """
        gpu = "https://gpu.example/"
        own = "https://f.example/"
        table = f"[[upstream]]\nurl = '{own}'\n"
        every = ("tcp6:8000:interface=\\:\\:",)
        cases: list[tuple[Any, Any, str, Any, Any]] = [
            ({"port": ["1"]}, {"PROXYPYPI_LISTEN": "tcp:2"}, "", ports, tcp(1)),
            ({"listen": ["tcp:1"]}, {"PROXYPYPI_PORT": "2"}, "", ports, ("tcp:1",)),
            ({"port": ["1"]}, {"PROXYPYPI_BIND": "0.0.0.0"}, "", ports, tcp(1)),
            ({}, {"PROXYPYPI_BIND": "::"}, "listen = ['tcp:1']", ports, every),
            (
                *({"port": ["1"], "bind": ["10.0.0.1"]}, {}, "listen = ['tcp:1']"),
                *(ports, tcp(1, "10.0.0.1")),
            ),
            ({"index-url": [gpu]}, {}, table, upstreams, indexes(gpu)),
            (
                *({"extra-index-url": [gpu]}, {}, table, upstreams),
                indexes(DEFAULT_INDEX, gpu),
            ),
            (
                *({}, {"PROXYPYPI_EXTRA_INDEX_URL": gpu}, f"index-url = '{gpu}'"),
                *(upstreams, indexes(DEFAULT_INDEX, gpu)),
            ),
            (
                *(
                    {},
                    {"PROXYPYPI_EXTRA_INDEX_URL": ""},
                    f"extra-index-url = ['{gpu}']",
                ),
                *(upstreams, indexes(DEFAULT_INDEX)),
            ),
            ({"no-proxy": ["true"]}, {}, table, upstreams, ()),
            ({}, {"PROXYPYPI_NO_PROXY": "0"}, table, upstreams, indexes(own)),
        ]
        for given, variables, content, read, expected in cases:
            got = read(self.configure(given, variables, content))
            told = f"{given} {variables} {content}"
            self.assertEqual(expected, got, told)

    def test_container_platforms(self) -> None:
        """
        What container platforms invent for a service of our name is no concern of ours,
        nor are other programs' variables.
        """
        got = self.settings(
            {},
            {
                "PROXYPYPI_SERVICE_HOST": "10.0.0.1",
                "PROXYPYPI_SERVICE_PORT": "8000",
                "PROXYPYPI_SERVICE_PORT_HTTP": "8000",
                "PROXYPYPI_PORT": "tcp://10.0.0.1:8000",
                "PROXYPYPI_PORT_8000_TCP": "tcp://10.0.0.1:8000",
                "PROXYPYPI_PORT_8000_TCP_ADDR": "10.0.0.1",
                "MY_PROXYPYPI_X": "",
                "PROXYPYPI": "1",
                "proxypypi_x": "1",
            },
        )
        self.assertEqual(Settings(directory=self.base), got)
        got = self.settings({}, {"PROXYPYPI_PORT": "udp://10.0.0.1:8000"})
        self.assertEqual((DEFAULT_LISTEN,), got.listen)
        self.assertIn("udp:8", self.problem({}, {"PROXYPYPI_PORT": "udp:8"}))

    def test_container_services(self) -> None:
        """
        Nor is what they invent for services whose names only begin with ours; but what
        is not quite of that form is an error, and what is an option's stays one.
        """
        address = "tcp://10.0.0.1:8000"
        for service in ("WEB", "2", "WEB_2", "_WEB", "MIN_AGE"):
            for name, value in (
                ("SERVICE_HOST", "10.0.0.1"),
                ("SERVICE_PORT", "8000"),
                ("SERVICE_PORT_HTTP", "8000"),
                ("SERVICE_PORT_HTTP_2", "8000"),
                ("PORT", address),
                ("PORT", "udp://10.0.0.1:8000"),
                ("PORT_8000_TCP", address),
                ("PORT_8000_UDP", "udp://10.0.0.1:8000"),
                ("PORT_8000_TCP_ADDR", "10.0.0.1"),
                ("PORT_8000_TCP_PORT", "8000"),
                ("PORT_8000_TCP_PROTO", "tcp"),
            ):
                key = f"PROXYPYPI_{service}_{name}"
                got = self.settings({}, {key: value})
                self.assertEqual(Settings(directory=self.base), got, key)
        for key, value in (
            ("PROXYPYPI_WEB", ""),
            ("PROXYPYPI_WEB_PORT", "8000"),
            ("PROXYPYPI_WEB_PORT", "http://10.0.0.1:8000"),
            ("PROXYPYPI_WEB_HOST", "10.0.0.1"),
            ("PROXYPYPI_WEB_SERVICE", "10.0.0.1"),
            ("PROXYPYPI_WEB_SERVICE_HOSTS", "10.0.0.1"),
            ("PROXYPYPI_WEB_SERVICE_HOST_IP", "10.0.0.1"),
            ("PROXYPYPI_WEB_SERVICE_PORTS", "8000"),
            ("PROXYPYPI_WEB_SERVICE_PORT_", "8000"),
            ("PROXYPYPI_WEB_SERVICE_PORT_http", "8000"),
            ("PROXYPYPI_WEB_PORT_TCP", address),
            ("PROXYPYPI_WEB_PORT_HTTP_TCP", address),
            ("PROXYPYPI_WEB_PORT_8000", address),
            ("PROXYPYPI_WEB_PORT_8000_HTTP", address),
            ("PROXYPYPI_WEB_PORT_8000_TCP_HOST", "10.0.0.1"),
            ("PROXYPYPI_web_SERVICE_HOST", "10.0.0.1"),
        ):
            said = self.problem({}, {key: value})
            self.assertIn(f"{key}: there is no such variable", said)

    def test_container_services_and_options(self) -> None:
        """
        A variable of an option is read, even if a platform could have invented it.
        """
        names = ("web-service-host", "web-port", "port-80-tcp", "service-x")
        options = tuple(Option(name=name, kind=PORT, doc="") for name in names)
        self.patch(layers, "OPTIONS", options)
        for name in names:
            problems: list[str] = []
            around = {variable(name): "tcp://10.0.0.1:8000"}
            layer = layers.environment(around, self.base, problems)
            self.assertEqual({name}, layer.said)
            self.assertEqual(1, len(problems), problems)


class ProblemTests(ConfigTestCase):
    def test_bad_values(self) -> None:
        """
        A bad value is told with its key, its place, and what is allowed.
        """
        cases: list[tuple[str, str, str, str]] = [
            ("dir", "", "5", "a path"),
            ("bind", "a b", "'a b'", "such as 127.0.0.1"),
            ("port", "http", "'http'", "65535"),
            ("port", "65536", "65536", "65535"),
            ("index-url", "a.example", "'a.example'", "http://"),
            ("no-proxy", "maybe", "'maybe'", "true, false, yes, no"),
            ("index-ttl", "soon", "'soon'", "seconds"),
            ("drain", "-1", "-1", "seconds"),
            ("workers", "0", "0", "from 1 to 64"),
            ("workers", "auto", "'auto'", "from 1 to 64"),
            ("min-free", "10%", "'10%'", "bytes"),
            ("public-url", "a.example", "'a.example'", "http://"),
            ("max-upload", "10%", "'10%'", "bytes"),
            ("extra-index-url", "http://a.example b", "['b']", "http://"),
            ("listen", " ", "[]", "server endpoint"),
        ]
        for name, text, toml, allowed in cases:
            option = next(option for option in OPTIONS if option.name == name)
            expected: list[tuple[Any, Any, Any, str, str]] = [
                (
                    *({}, {variable(name): text}, None),
                    *(f"{variable(name)}: ", " (in the environment)"),
                ),
                ({}, {}, f"{name} = {toml}", f"{self.file}:{name}: ", ""),
            ]
            if name != "listen":
                line = text.split() if option.repeatable else [text]
                where = " (on the command line)"
                expected.append(({name: line}, {}, None, f"--{name}: ", where))
            for given, variables, content, start, end in expected:
                said = self.problem(given, variables, content)
                self.assertTrue(said.startswith(start), said)
                self.assertTrue(said.endswith(end), said)
                self.assertIn(allowed, said)
                if text.strip() and "http://a" not in text:
                    self.assertIn(text, said)

    def test_types(self) -> None:
        """
        Not everything that TOML has makes sense.
        """
        for content, words in (
            ("listen = 'tcp:1'", "listen: 'tcp:1' has to be an array, each a server"),
            ("extra-index-url = 'http://a.example/'", "/' has to be an array"),
            ("port = true", "True is not a port"),
            ("port = [80]", "port: [80] is not a port"),
            ("drain = 1979-05-27", "1979-05-27 is not a number"),
            ("drain = nan", "'nan' is no number"),
            ("drain = -inf", "'-inf' is no number"),
            ("port = 0x" + "f" * 9000, "a huge number is not a port"),
            ("no-proxy = 'on'", "'on' is not one of true"),
            ("no-proxy = 2", "'2' is not one of true"),
            ("[index-url]\nurl = 'a'", "a table is not an index address"),
            ('dir = "a\\u0000b"', "is not a path"),
        ):
            self.assertIn(words, self.problem(content=content), content)

    def test_unknown(self) -> None:
        """
        What nobody knows is told, with what there is; its value might be a secret.
        """
        said = self.problem({}, {"PROXYPYPI_PASSWORD": "hunter2"})
        self.assertTrue(said.startswith("PROXYPYPI_PASSWORD: there is no such"), said)
        self.assertTrue(said.endswith("(in the environment)"), said)
        for word in ("PROXYPYPI_DIR", "PROXYPYPI_CACHE", "PROXYPYPI_CONFIG"):
            self.assertIn(word, said)
        self.assertNotIn("hunter2", said)
        for content, key in (
            ("password = 'hunter2'", "password"),
            ("index_url = 'https://me:hunter2@a.example/'", "index_url"),
            ("config = 'hunter2'", "config"),
            ("[hunter]\npassword = 'hunter2'", "hunter"),
            ("[[upstreams]]\nurl = 'https://me:hunter2@a.example/'", "upstreams"),
            ('"a\\nb" = "hunter2"', "'a\\nb'"),
            ('"" = "hunter2"', "''"),
        ):
            said = self.problem(content=content)
            start = f"{self.file}:{key}: there is no such key; there are dir, cache, "
            self.assertTrue(said.startswith(start), said)
            self.assertIn("upstream", said)
            self.assertNotIn("hunter2", said)

    def test_exclusive(self) -> None:
        """
        In one place, there may be only one way to say a thing.
        """
        url = "https://a.example/"
        table = f"[[upstream]]\nurl = '{url}'\n"
        cases: list[tuple[Any, Any, Any, str, str]] = [
            (
                *({"listen": ["tcp:1"], "port": ["1"]}, {}, None),
                *("--listen: it cannot be combined with --bind or --port", "command"),
            ),
            (
                *({"listen": ["tcp:1"], "bind": ["::1"]}, {}, None),
                *("--listen: it cannot be combined with --bind or --port", "command"),
            ),
            (
                *({}, {"PROXYPYPI_LISTEN": "tcp:1", "PROXYPYPI_BIND": "::1"}, None),
                *("PROXYPYPI_LISTEN: it cannot", "PROXYPYPI_BIND or PROXYPYPI_PORT"),
            ),
            (
                *({}, {}, "listen = ['tcp:1']\nport = 1"),
                *("p.toml:listen: it cannot be", "p.toml:bind or"),
            ),
            (
                *({}, {}, f"index-url = '{url}'\n{table}"),
                *("p.toml:upstream: it cannot be", "p.toml:index-url or"),
            ),
            (
                *({}, {}, f"extra-index-url = []\n{table}"),
                *("p.toml:upstream: it cannot be", "p.toml:extra-index-url"),
            ),
            (
                *({}, {}, "dir = '.'\ncache = '.'"),
                *("p.toml:cache: ", "p.toml:dir and "),
            ),
            (
                *({}, {"PROXYPYPI_DIR": ".", "PROXYPYPI_CACHE": "."}, None),
                *("PROXYPYPI_CACHE", "PROXYPYPI_DIR and PROXYPYPI_CACHE are the same"),
            ),
        ]
        for given, variables, content, *words in cases:
            said = self.problem(given, variables, content)
            for word in words:
                self.assertIn(word, said)

    def test_overridden(self) -> None:
        """
        What is wrong is wrong, even where a higher place says better.
        """
        said = self.problem({"drain": ["1"]}, {"PROXYPYPI_DRAIN": "soon"}, "drain = 2")
        self.assertIn("PROXYPYPI_DRAIN: 'soon'", said)
        said = self.problem({"no-proxy": ["true"]}, {}, "index-url = 'a.example'")
        self.assertIn("p.toml:index-url: 'a.example'", said)

    def test_all_at_once(self) -> None:
        """
        All that is wrong is told, in the order of the places.
        """
        problems = self.problems(
            {"port": ["http"]},
            {"PROXYPYPI_DRAIN": "soon", "PROXYPYPI_X": ""},
            "x = 1\ny = 2\n[[upstream]]\nname = 'a'\nz = 3",
        )
        starts = [
            *("--port", "PROXYPYPI_DRAIN", "PROXYPYPI_X"),
            *(f"{self.file}:{key}" for key in ("x", "y", "upstream.z", "upstream.url")),
        ]
        self.assertEqual(starts, [said.partition(": ")[0] for said in problems])

    def test_file(self) -> None:
        """
        A file that cannot be read, or is no TOML, is told with what names it.
        """
        missing = self.base / "missing.toml"
        said = self.problem({"config": ["missing.toml"]})
        for word in ("--config: ", repr(str(missing)), "No such file", "command line"):
            self.assertIn(word, said)
        said = self.problem({}, {"PROXYPYPI_CONFIG": "a"})
        for word in ("PROXYPYPI_CONFIG: ", "Is a directory", "in the environment"):
            self.assertIn(word, said)
        self.assertIn("is not a path", self.problem({}, {"PROXYPYPI_CONFIG": ""}))
        for content, why in (
            (b"drain = hunter2", "line 1"),
            (b"drain = 1\n\ndrain = 2", "(at end of document)"),
            (b"drain = \xff", "unreadable"),
            (b"\xff\xfe", "unreadable"),
            (b"drain = " + b"9" * 5000, "unreadable"),
            (b"a = " + b"[" * 200_000, ""),
        ):
            self.file.write_bytes(content)
            said = self.problem({"config": [str(self.file)]})
            self.assertIn(f"--config: {str(self.file)!r} is not TOML: ", said)
            self.assertIn(why, said)
            self.assertNotIn("hunter2", said)

    def test_directory(self) -> None:
        """
        A directory that is none is told with its place.
        """
        (self.base / "etc" / "file").write_bytes(b"")
        missing = "there is no such directory"
        cases: list[tuple[Any, Any, Any, str, str, str]] = [
            ({"dir": ["x"]}, {}, None, "--dir: ", "x", missing),
            ({}, {"PROXYPYPI_DIR": "x"}, None, "PROXYPYPI_DIR: ", "x", missing),
            ({}, {}, "dir = 'x'", f"{self.file}:dir: ", "etc/x", missing),
            ({}, {}, "dir = 'file'", f"{self.file}:dir: ", "etc/file", "it is no"),
        ]
        for given, variables, content, start, path, why in cases:
            said = self.problem(given, variables, content)
            named = repr(str(self.base / path))
            expected = f"{start}{named}: {why}"
            self.assertTrue(said.startswith(expected), said)
        self.settings({"dir": ["a"]}, {"PROXYPYPI_DIR": "x"}, "dir = 'y'")

    def test_directory_not_writable(self) -> None:
        """
        So is one that is not writable, wherever ``no-proxy`` may stand.
        """
        self.patch(os, "access", lambda path, mode: False)
        said = self.problem({}, {"PROXYPYPI_DIR": "a"})
        self.assertIn(f"PROXYPYPI_DIR: {str(self.base / 'a')!r}: it is not", said)
        self.assertIn("--no-proxy", said)
        self.settings({}, {"PROXYPYPI_DIR": "a"}, "no-proxy = true")
        said = self.problem()
        self.assertIn(f"--dir: {str(self.base)!r}: it is not", said)
        self.assertTrue(said.endswith(" (the default)"), said)

    def test_complaint(self) -> None:
        """
        What turns out to be bad later is told with its place, too.
        """
        got = self.configure({"drain": ["1"]}, {"PROXYPYPI_LISTEN": "x"}, "port = 1")
        for name, said in (
            ("listen", "PROXYPYPI_LISTEN: bad (in the environment)"),
            ("drain", "--drain: bad (on the command line)"),
            ("port", "bad"),
            ("dir", "bad"),
        ):
            self.assertEqual(said, got.complaint(name, "bad"))


class UpstreamTests(ConfigTestCase):
    def one(self, *lines: str) -> UpstreamSettings:
        content = "\n".join(["[[upstream]]", "url = 'https://gpu.example/whl'", *lines])
        (upstream,) = self.settings(content=content).upstreams
        return upstream

    def test_order(self) -> None:
        """
        They are asked in the order of the file.
        """
        got = self.settings(
            content="[[upstream]]\nurl = 'https://b.example/'\nname = 'ours'\n"
            "[[upstream]]\nurl = 'https://a.example/'\n"
        )
        self.assertEqual(
            [("ours", "https://b.example/"), ("a.example", "https://a.example/")],
            [(upstream.name, upstream.url) for upstream in got.upstreams],
        )

    def test_keys(self) -> None:
        """
        Each key sets its own and nothing else.
        """
        plain = UpstreamSettings.from_url("https://gpu.example/whl/")
        self.assertEqual(plain, self.one())
        (self.base / "etc" / "p").write_text("s\u00e9cret \r\n", "utf-8")
        (self.base / "etc" / "ca.pem").write_bytes(Authority().pem)

        def login(username: str, password: str = "") -> dict[str, Any]:
            return {"credentials": Credentials(username=username, password=password)}

        cases: list[tuple[list[str], dict[str, Any]]] = [
            (["name = 'gpu'"], {"name": "gpu"}),
            (["projects = ['Torch*', 'a_b']"], {"projects": ("torch*", "a-b")}),
            (["username = 'me'"], login("me")),
            (["username = 'me'", "password = 's:@'"], login("me", "s:@")),
            (
                ["username = 'a'", "password-file='p'"],
                login("a", "s\u00e9cret "),
            ),
            (["token = 'abc'"], login("__token__", "abc")),
            (["index-ttl = 60"], {"index_ttl": 60.0}),
            (["index-ttl = '1h'"], {"index_ttl": 3600.0}),
            (["index-ttl = 0"], {"index_ttl": 0.0}),
            (["min-age = '7d'"], {"min_age": 604800.0}),
            (["ca-bundle = 'ca.pem'"], {"ca_bundle": self.base / "etc" / "ca.pem"}),
            (["missing-status = [404, 403]"], {"missing_status": {404, 403}}),
            (["missing-status = []"], {"missing_status": frozenset()}),
            (["file-hosts = ['a.example:1']"], {"file_hosts": ("a.example:1",)}),
        ]
        seen = {"url"}
        for lines, changes in cases:
            self.assertEqual(evolve(plain, **changes), self.one(*lines), lines)
            seen |= {line.partition("=")[0].strip() for line in lines}
        self.assertEqual({key.name for key in UPSTREAM.keys}, seen)

    def test_credentials_in_url(self) -> None:
        """
        Credentials may stand in the address.
        """
        got = self.settings(content="[[upstream]]\nurl = 'https://a:b@c.example/'")
        self.assertEqual(indexes("https://a:b@c.example/"), got.upstreams)

    def test_bad(self) -> None:
        """
        What is wrong in a table is told with the file, the key and the table; a secret
        is not.
        """
        (self.base / "etc" / "empty").write_text("\n")
        (self.base / "etc" / "binary").write_bytes(b"hunter2\xff")
        (self.base / "etc" / "long").write_bytes(b"x" * 65537)
        (self.base / "etc" / "lines").write_bytes(b"hunter2\nhunter2\n")
        (self.base / "etc" / "cut").write_bytes(Authority().pem[:99])
        me = "username = 'me'"
        cases: list[tuple[str, str, str]] = [
            ("nmae = 'hunter2'", "nmae", "there is no such key; there are url, name,"),
            ("Password = 'hunter2'", "Password", "there is no such key"),
            ("name = ''", "name", "'' is not some text"),
            ("projects = []", "projects", "it is empty"),
            ("projects = 'torch*'", "projects", "'torch*' has to be an array"),
            ("projects = ['a b']", "projects", "'a b' is not a glob"),
            ("username = 'hunter2:b'", "username", "cannot have a colon"),
            (f"{me}\npassword = 271828", "password", "this is not text"),
            (f"{me}\npassword = ''", "password", "it is empty"),
            (f"{me}\npassword = ['hunter2']", "password", "this is not text"),
            ("token = ''", "token", "it is empty"),
            ("password = 'hunter2'", "password", "it needs a username"),
            ("password-file = 'empty'", "password-file", "it needs a username"),
            (f"{me}\ntoken = 'hunter2'", "token", "cannot be combined with username"),
            (
                *("token = 'hunter2'\npassword = 'hunter2'", "token"),
                "cannot be combined with password",
            ),
            (
                *(f"{me}\npassword = 'hunter2'\npassword-file = 'empty'",),
                *("password-file", "cannot be combined with password"),
            ),
            (f"{me}\npassword-file = 'x'", "password-file", "etc/x': No such file"),
            (f"{me}\npassword-file = 'b'", "password-file", "etc/b': Is a directory"),
            (f"{me}\npassword-file = 'empty'", "password-file", "etc/empty' is empty"),
            (f"{me}\npassword-file = 'binary'", "password-file", "is not UTF-8"),
            (f"{me}\npassword-file = 'long'", "password-file", "is too long"),
            (f"{me}\npassword-file = 'lines'", "password-file", "a control character"),
            (f"{me}\npassword-file = '/dev/zero'", "password-file", "it is no file"),
            ("index-ttl = 'soon'", "index-ttl", "'soon' is not a number of seconds"),
            ("min-age = '1w'", "min-age", "'1w' is not a number of seconds"),
            ("min-age = -1", "min-age", "'-1' is not a number of seconds"),
            ("ca-bundle = 'x'", "ca-bundle", "etc/x': No such file"),
            ("ca-bundle = 'b'", "ca-bundle", "etc/b': Is a directory"),
            ("ca-bundle = 'empty'", "ca-bundle", "etc/empty' holds no certificates"),
            ("ca-bundle = 'cut'", "ca-bundle", "certificate 1 of 1 is damaged"),
            ("missing-status = 404", "missing-status", "404 has to be an array"),
            ("missing-status = [200]", "missing-status", "'200' is not an HTTP status"),
            ("missing-status = [503]", "missing-status", "from 400 to 499"),
            ("file-hosts = ['a/b']", "file-hosts", "'a/b' is no file host"),
        ]
        head = "[[upstream]]\nurl = 'https://a.example/'\n[[upstream]]\n"
        for lines, key, words in cases:
            said = self.problem(content=f"{head}url = 'https://gpu.example/'\n{lines}")
            start = f"{self.file}:upstream.{key}: "
            self.assertTrue(said.startswith(start), said)
            self.assertIn(words, said)
            self.assertTrue(said.endswith(" (in [[upstream]] number 2)"), said)
            for secret in ("hunter2", "271828"):
                self.assertNotIn(secret, said)

    def test_password_from_pipe(self) -> None:
        """
        A password can come out of a pipe, piece by piece, as a shell's ``<(command)``
        has it; one that nobody writes into is not waited for without end.
        """
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        for piece in (b"sec", b"ret\n"):
            os.write(writing, piece)
        os.close(writing)
        got = self.one("username = 'me'", f"password-file = '/dev/fd/{reading}'")
        self.assertEqual(Credentials(username="me", password="secret"), got.credentials)
        os.mkfifo(self.base / "etc" / "fifo")
        self.patch(tables, "_PATIENCE", 0.01)
        said = self.problem(
            content="[[upstream]]\nurl = 'https://a.example/'\nusername = 'me'\n"
            "password-file = 'fifo'"
        )
        self.assertIn("upstream.password-file: ", said)
        self.assertIn("etc/fifo': nobody writes into it", said)

    def test_bad_url(self) -> None:
        """
        So is what is wrong with its address.
        """
        for lines, words in (
            ("name = 'a'", "upstream.url: it is missing"),
            ("url = 5", "upstream.url: 5 is not an index address"),
            ("url = 'gpu.example'", "upstream.url: 'gpu.example' is no index address"),
            ("url = 'ftp://me:hunter2@a.example/'", "'ftp://***@a.example/'"),
            ("url = 'https://hunter2%3Aa:b@a.example/'", "cannot have a colon"),
            ("url = 'https://a.example/?t=hunter2'", "'https://a.example/?***' is no"),
            ("url = 'https://a.example/#hunter2'", "'https://a.example/#***' is no"),
            (
                "url = 'https://me:hunter2@a.example/'\ntoken = 'hunter2'",
                "upstream.url: there are credentials in it and beside it",
            ),
        ):
            said = self.problem(content=f"[[upstream]]\n{lines}")
            self.assertIn(words, said)
            self.assertNotIn("hunter2", said)

    def test_names(self) -> None:
        """
        No two can have the same name.
        """
        table = "[[upstream]]\nurl = 'https://a.example/'\nname = 'gpu'\n"
        said = self.problem(content=table + table)
        self.assertIn("upstream.name: another upstream is called 'gpu'", said)
        self.assertIn("number 2", said)

    def test_name_that_is_an_address(self) -> None:
        """
        Credentials in a name are not told.
        """
        content = "".join(
            f"[[upstream]]\nurl = 'https://{host}.example/'\n"
            "name = 'https://me:hunter2@a.example/'\n"
            for host in "ab"
        )
        (said, *others) = self.problems(content=content)
        self.assertIn("another upstream is called 'https://***@a.example/'", said)
        self.assertNotIn("hunter2", "".join([said, *others]))

    def test_twice(self) -> None:
        """
        No two can have the same address, nor a name that another has by default.
        """
        url = "https://a.example/"
        both = f"[[upstream]]\nurl = '{url}'\n" * 2
        named = "[[upstream]]\nurl = 'https://b.example/'\nname = 'a.example'\n"
        tables_of_one_name = f"[[upstream]]\nurl = '{url}'\n{named}"
        line = {"index-url": ["https://me:hunter2@a.example"], "extra-index-url": [url]}
        for given, content, said in (
            (line, None, f"--extra-index-url: {url!r} is there twice"),
            ({}, both, f"{self.file}:upstream: {url!r} is there twice"),
            ({}, tables_of_one_name, f"{self.file}:upstream: 'a.example' is there"),
        ):
            self.assertTrue(self.problem(given, {}, content).startswith(said))

    def test_no_tables(self) -> None:
        """
        What is no array of tables is told so.
        """
        for content in (
            *("upstream = 'https://a.example/'", "upstream = []", "upstream = [1]"),
            "[upstream]\nurl = 'https://a.example/'",
        ):
            said = self.problem(content=content)
            self.assertIn("p.toml:upstream: it has to be one table or more", said)
            self.assertIn("[[upstream]]", said)


class UsersTests(ConfigTestCase):
    def write(self, content: str) -> None:
        (self.base / "etc" / "users").write_text(content, "utf-8")

    def test_bad_files(self) -> None:
        """
        What is wrong with a file of users is told before anything listens, with the
        line it is in.
        """
        for content, words in (
            (None, "users': No such file or directory"),
            ("bob:hunter2", "users', line 1: the password of 'bob' is plain"),
            ("\n#\nbob", "users', line 3: it is not NAME:HASHED-PASSWORD"),
        ):
            if content is not None:
                self.write(content)
            for option in ("upload-auth", "read-auth"):
                said = self.problem(content=f"{option} = 'htpasswd:users'")
                self.assertTrue(said.startswith(f"{self.file}:{option}: '"), said)
                self.assertIn(words, said)
                self.assertNotIn("hunter2", said)

    def test_other_kinds(self) -> None:
        """
        There is no other kind of place for users; what is given may be a password.
        """
        for value, shown in (
            *(
                ("/users", "/users"),
                ("htpasswd", "htpasswd"),
                ("htpasswd:", "htpasswd:"),
            ),
            *(("ldap:users", "ldap:***"), ("bob:hunter2", "bob:***")),
            ("https://bob:hunter2@a.example", "https:***"),
        ):
            said = self.problem({"read-auth": [value]})
            self.assertIn(f"--read-auth: {shown!r} is not htpasswd: and a path", said)
            self.assertNotIn("hunter2", said)

    def test_weak(self) -> None:
        """
        Of passwords that are hashed by SHA-1 there is a warning, no more.
        """
        self.write(f"bob:{SHA1}\neve:{APR1}")
        configuration = self.configure(content="upload-auth = 'htpasswd:users'")
        (warning,) = configuration.warnings
        self.assertIn("upload-auth: the password of 'bob' is hashed by SHA-1", warning)
        self.assertEqual((), self.configure().warnings)

    def test_nobody(self) -> None:
        """
        A file without users, which may come later, is worth a warning that names it.
        """
        for content in ("", "\n", "# users\n"):
            self.write(content)
            configuration = self.configure(content="read-auth = 'htpasswd:users'")
            (warning,) = configuration.warnings
            self.assertIn("read-auth: nobody is in", warning)
            self.assertIn("users', so that nobody can log in", warning)

    def test_tables(self) -> None:
        """
        A table says what a user may upload; if there is none of that name, so far,
        there is a warning.
        """
        self.write(f"bob:{APR1}")
        file = "upload-auth = 'htpasswd:users'\n"
        bob = "[[user]]\nname = 'bob'\nprojects = ['Acme_*', 'b']\n"
        eve = "[[user]]\nname = 'eve'\nprojects = ['c']\n"
        configuration = self.configure(content=file + bob + eve)
        self.assertEqual(
            (
                UserSettings(name="bob", projects=("acme-*", "b")),
                UserSettings(name="eve", projects=("c",)),
            ),
            configuration.settings.users,
        )
        (warning,) = configuration.warnings
        self.assertIn("nobody is called 'eve'", warning)
        for content, words in (
            (bob + bob, "user.name: another user is called 'bob'"),
            ("[[user]]\nname = 'bob'", "user.projects: it is missing"),
            ("[[user]]\nprojects = ['a']", "user.name: it is missing"),
            ("[[user]]\nname = 'bob'\nprojects = []", "user.projects: it is empty"),
            ("[[user]]\nname = 'bob'\nprojects = ['!a']", "is not a glob"),
        ):
            self.assertIn(words, self.problem(content=content))


class ExemptionTests(ConfigTestCase):
    def test_good(self) -> None:
        """
        An exemption is of a project, of a version or of one file, for some time or for
        good.
        """
        digest = "0123456789ABCDEF" * 4
        got = self.settings(
            content="[[cooldown-exemption]]\nproject = 'Demo.Project'\n"
            "version = '1.0'\nuntil = 1970-01-02\nnote = 'a fix'\n"
            f"[[cooldown-exemption]]\nproject = 'b'\nsha256 = '{digest}'\n"
            "[[cooldown-exemption]]\nproject = 'c'\nversion = '1'\n"
            "until = '1970-01-01T00:01:00Z'\n"
            "[[cooldown-exemption]]\nproject = 'd'\n"
        )
        self.assertEqual(
            (
                CooldownExemption(
                    project=normalize("demo-project"),
                    version=Version("1.0"),
                    ends_at=172800.0,
                    note="a fix",
                ),
                CooldownExemption(project=normalize("b"), sha256=digest.lower()),
                CooldownExemption(
                    project=normalize("c"), version=Version("1"), ends_at=60.0
                ),
                CooldownExemption(project=normalize("d")),
            ),
            got.cooldown_exemptions,
        )
        self.assertEqual(indexes(DEFAULT_INDEX), got.upstreams)

    def test_bad(self) -> None:
        """
        What is wrong is told with the file, the key and the table.
        """
        version = "version = '1'"
        cases: list[tuple[str, str, str]] = [
            (version, "project", "it is missing"),
            (f"project = '-'\n{version}", "project", "'-' is not a project name"),
            (
                f"project = 'a'\n{version}\nsha256 = '{'a' * 64}'",
                *("version", "it cannot be combined with sha256"),
            ),
            ("project = 'a'\nversion = 'x'", "version", "'x' is not a version"),
            ("project = 'a'\nsha256 = 'x'", "sha256", "'x' is not a sha256"),
            (f"project = 'a'\n{version}\nuntil = 'soon'", "until", "not a date"),
            (f"project = 'a'\n{version}\nuntil = 12:00:00", "until", "not a date"),
            (f"project = 'a'\n{version}\nnote = 5", "note", "5 is not some text"),
            (f"project = 'a'\n{version}\nuntli = 1", "untli", "there is no such key"),
        ]
        for lines, key, words in cases:
            said = self.problem(content=f"[[cooldown-exemption]]\n{lines}")
            start = f"{self.file}:cooldown-exemption.{key}: "
            self.assertTrue(said.startswith(start), said)
            self.assertIn(words, said)
            self.assertIn("(in [[cooldown-exemption]] number 1)", said)


class NewOptionTests(ConfigTestCase):
    def test_one_entry(self) -> None:
        """
        Whatever is in the table can be named in the file and in the environment.
        """
        self.assertTrue(all(isinstance(option, Option) for option in OPTIONS))
        said = self.problem({}, {"PROXYPYPI_X": ""}, "")
        for option in OPTIONS:
            self.assertIn(variable(option.name), said)
        said = self.problem(content="x = 1")
        for option in OPTIONS:
            listed = f", {option.name}" in said or f" {option.name}," in said
            self.assertEqual(option.in_file, listed, option.name)
