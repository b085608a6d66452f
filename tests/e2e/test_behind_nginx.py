"""
Behind a web server: nginx as ``docs/reverse-proxy.rst`` has it, with a name, a port and
a path of its own.
"""

import os
import re
import shutil
import sys
from pathlib import Path
from textwrap import dedent
from urllib.parse import urljoin

from OpenSSL.crypto import FILETYPE_PEM
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest

from tests.certificates import Authority
from tests.distributions import make_sdist, make_wheel
from tests.e2e import pips, tools
from tests.e2e.harness import EndToEndTestCase, Server, free_port, reactor, until
from tests.fake_index import JSON, Fault

GUIDE = Path(__file__).parents[2] / "docs" / "reverse-proxy.rst"
MB = 1_000_000

_MAIN = """\
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path temporary/body;
    proxy_temp_path temporary/proxy;
    fastcgi_temp_path temporary/fastcgi;
    uwsgi_temp_path temporary/uwsgi;
    scgi_temp_path temporary/scgi;
    include proxypypi.conf;
}
"""

_PROJECT = """\
[project]
name = "consumer"
version = "1.0"
requires-python = ">=3.10"
dependencies = ["app", "mine"]

[tool.poetry]
package-mode = false

[[tool.poetry.source]]
name = "proxypypi"
url = "{url}"
priority = "primary"
"""


def block(language: str) -> str:
    """
    What the guide has in the one code block of a language.
    """
    pattern = rf"^\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)"
    (found,) = re.findall(pattern, GUIDE.read_text(), re.M)
    return dedent(found)


class BehindNginxTests(EndToEndTestCase):
    timeout = 240

    def setUp(self) -> None:
        super().setUp()
        authority = Authority()
        self.trust = authority.policy
        self.authority = self.work / "authority.pem"
        self.authority.write_bytes(authority.pem)
        made = authority.vouch_for("localhost")
        (self.work / "key.pem").write_bytes(made.privateKey.dump(FILETYPE_PEM))
        (self.work / "cert.pem").write_bytes(made.dump(FILETYPE_PEM))
        self.index.add(make_wheel("App", "1.0+local.1", requires=["lib-x>=1"]))
        self.index.add(make_sdist("Lib.X", "2.0"))
        mine = make_wheel("mine", "1.0", payload=100_000)
        self.drop(mine.filename, mine.content)

    def environment(self, **more: str) -> dict[str, str]:
        return super().environment(SSL_CERT_FILE=str(self.authority), **more)

    async def start_behind(self, *changes: tuple[str, str]) -> Server:
        """
        The program with nginx in front of it.

        :param changes: of what the guide has, by text.
        :returns: what is asked for by nginx's address.
        """
        server = await self.start_server()
        port = free_port()
        config = block("nginx")
        for old, new in (
            ("127.0.0.1:8000", server.url.removeprefix("http://")),
            ("listen 443 ", f"listen 127.0.0.1:{port} "),
            ("pypi.example;", "localhost;"),
            ("/etc/ssl/pypi.example/fullchain.pem", str(self.work / "cert.pem")),
            ("/etc/ssl/pypi.example/privkey.pem", str(self.work / "key.pem")),
            *changes,
        ):
            self.assertEqual(1, config.count(old), old)
            config = config.replace(old, new)
        self.start_nginx(config)
        behind = Server(server.child, f"https://localhost:{port}/pypi-cache")
        await self.ready(behind)
        await self.is_listed(behind)
        return behind

    async def is_listed(self, server: Server) -> None:
        """
        Wait until the private file is.
        """
        deadline = reactor.seconds() + 5.0
        while (await self.get(f"{server.url}/simple/mine/")).code != 200:
            self.assertLess(reactor.seconds(), deadline, "no private file in 5 s")
            await deferLater(reactor, 0.05)

    def start_nginx(self, config: str) -> None:
        paths = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"])
        nginx = shutil.which("nginx", path=paths)
        if nginx is None:
            raise SkipTest("there is no nginx here")
        (self.work / "temporary").mkdir()
        (self.work / "nginx.conf").write_text(_MAIN)
        (self.work / "proxypypi.conf").write_text(config)
        self.spawn([nginx, "-e", "stderr", "-p", f"{self.work}/", "-c", "nginx.conf"])

    def check(self, target: Path) -> None:
        self.assert_installed(target, app="1.0+local.1", lib_x="2.0", mine="1.0")

    async def test_events(self) -> None:
        """
        What goes on comes through at once, also where nginx holds answers back.
        """
        behind = await self.start_behind(("proxy_buffering off;", ""))
        listening = self.fetch(f"{behind.url}/-/events")

        def told() -> bool:
            return "mine-1.0" in listening.body.decode()

        await until(told, 10.0, "the private file")
        self.assertIsNone(listening.complete)
        self.assertIsNone(listening.header("X-Accel-Buffering"), "it is for nginx")
        page = (await self.get(f"{behind.url}/")).body
        self.assertIn(f"{behind.url}/simple/".encode(), page)
        await behind.stop()
        await listening.done()
        self.assertIs(True, listening.complete)

    async def test_pip(self) -> None:
        """
        pip installs what is upstream and what is private.
        """
        pip = await pips.fetch(self, pips.NEWEST)
        server = await self.start_behind()
        self.check(
            await self.pip_install(
                *(pip, f"{server.url}/simple/", "app", "mine"),
                options=["--cert", str(self.authority)],
            )
        )

    async def test_uv(self) -> None:
        """
        So does uv.
        """
        server = await self.start_behind()
        self.check(await self.uv_install(f"{server.url}/simple/", "app", "mine"))

    async def test_poetry(self) -> None:
        """
        So does poetry, for a project.
        """
        server = await self.start_behind()
        self.check(await self.poetry_install(f"{server.url}/simple/"))

    async def test_snapshot(self) -> None:
        """
        All of them do so as of a moment, too.
        """
        pip = await pips.fetch(self, pips.NEWEST)
        server = await self.start_behind()
        self.index.add(make_wheel("App", "2.0"), upload_time="2999-01-01T00:00:00Z")
        url = f"{server.url}/snapshot/2998-12-31/simple/"
        options = ["--cert", str(self.authority)]
        self.check(await self.pip_install(pip, url, "app", "mine", options=options))
        self.check(await self.uv_install(url, "app", "mine"))
        self.check(await self.poetry_install(url))

    async def poetry_install(self, url: str) -> Path:
        """
        Have poetry install a project's requirements.

        :returns: where.
        """
        command = await tools.fetch(self, "poetry")
        project = self.work / "project"
        project.mkdir()
        (project / "pyproject.toml").write_text(_PROJECT.format(url=url))
        child = await self.run_command(
            [*command, "install", "--no-interaction", "--directory", str(project)],
            self.environment(
                POETRY_CERTIFICATES_PROXYPYPI_CERT=str(self.authority),
                POETRY_VIRTUALENVS_IN_PROJECT="true",
                POETRY_KEYRING_ENABLED="false",
            ),
            seconds=120,
        )
        self.assertEqual(0, child.status, child.output)
        python = "python{}.{}".format(*sys.version_info)
        return project / ".venv" / "lib" / python / "site-packages"

    async def test_links_and_redirects(self) -> None:
        """
        Whatever we refer to is found below the path that nginx has for us.
        """
        server = await self.start_behind()
        for path, location in (
            ("/simple", "simple/"),
            ("/simple/Lib.X", "lib-x/"),
            ("/simple/Lib.X/?format=text/html", "../lib-x/?format=text/html"),
            ("/local/Mine", "mine/"),
            ("/snapshot/2999-01-01/simple", "simple/"),
            ("/snapshot/2999-01-01/simple/Lib.X/", "../lib-x/"),
        ):
            got = await self.get(server.url + path)
            self.assertEqual((301, location), (got.code, got.header("Location")), path)
            url = urljoin(server.url + path, location)
            self.assertEqual(200, (await self.get(url)).code, url)
        got = await self.get(server.url)
        self.assertEqual((301, "/pypi-cache/"), (got.code, got.header("Location")))
        for path in (
            *("/", "/simple/", "/simple/app/", "/simple/mine/"),
            *("/snapshot/2999-01-01/simple/", "/snapshot/2999-01-01/simple/app/"),
        ):
            got = await self.get(server.url + path)
            self.assertEqual(200, got.code, path)
            links = re.findall(r'(?:href|src)="(?!data:)([^"#]+)', got.body.decode())
            self.assertTrue(links, path)
            for link in links:
                url = urljoin(server.url + path, link)
                self.assertTrue(url.startswith(f"{server.url}/"), url)
                self.assertEqual(200, (await self.get(url)).code, url)

    async def test_home(self) -> None:
        """
        The home page shows the address that people use.
        """
        server = await self.start_behind()
        page = (await self.get(f"{server.url}/")).body.decode()
        self.assertIn(f"pip install -i {server.url}/simple/ PACKAGE", page)
        self.assertNotIn("http://localhost", page)

    async def test_errors(self) -> None:
        """
        Errors come as they are, and never as another.
        """
        server = await self.start_behind()
        got = await self.get(f"{server.url}/simple/missing/", Accept=JSON)
        self.assertEqual(404, got.code)
        self.assertEqual("application/problem+json", got.header("Content-Type"))
        self.index.down = True
        got = await self.get(f"{server.url}/simple/unknown/")
        self.assertEqual((502, "2"), (got.code, got.header("Retry-After")))
        await server.stop()
        got = await self.get(f"{server.url}/simple/mine/")
        self.assertEqual((502, None), (got.code, got.header("Retry-After")))

    async def test_slow_file(self) -> None:
        """
        What is here of a file is handed on at once, while the rest is awaited; nginx
        writes nothing to its disk.
        """
        server = await self.start_behind()
        wheel = make_wheel("big", payload=4 * MB)
        path = self.index.add(wheel)
        self.index.fail(path, Fault(stall_at=2 * MB + 1000, stall=5.0))
        fetch = self.fetch(f"{server.url}/files/big/{wheel.filename}", keep=False)
        await until(lambda: fetch.received == 2 * MB + 1000, 4, "all that is here")
        got = await fetch.done()
        self.assertEqual((True, wheel.sha256), (got.complete, got.sha256))
        self.assertEqual([], [*(self.work / "temporary" / "proxy").iterdir()])

    async def test_ranges(self) -> None:
        """
        Ranges and conditional requests go through.
        """
        server = await self.start_behind()
        page = f"{server.url}/simple/mine/"
        tag = (await self.get(page)).header("ETag")
        assert tag is not None
        self.assertEqual(304, (await self.get(page, If_None_Match=tag)).code)
        wheel = make_wheel("mine", "1.0", payload=100_000)
        url = f"{server.url}/files/mine/{wheel.filename}"
        got = await self.get(url, Range="bytes=10-19")
        self.assertEqual((206, wheel.content[10:20]), (got.code, got.body))
