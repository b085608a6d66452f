"""
The real program, configured by a file, the environment and the command line.
"""

from pathlib import Path

from tests.distributions import make_wheel
from tests.e2e import pips
from tests.e2e.harness import (
    PROXYPYPI,
    TWISTD,
    EndToEndTestCase,
    Server,
    free_port,
)

DOORS = {"twistd proxypypi": TWISTD, "proxypypi run": PROXYPYPI}


class ConfigTests(EndToEndTestCase):
    timeout = 120

    def write(self, content: str) -> Path:
        """
        Write a file of settings, beside the cache directory.
        """
        file = self.work / "proxypypi.toml"
        file.write_text(content, "utf-8")
        return file

    async def test_three_places(self) -> None:
        """
        A file, the environment and the command line together make a server: each says
        a part, and the higher place wins where two say the same.
        """
        self.index.add(make_wheel("alpha", "1.0"))
        pip = await pips.fetch(self, pips.NEWEST)
        for name, door in DOORS.items():
            ports = [free_port() for _ in range(3)]
            self.write(
                f"dir = 'cache'\nport = {ports[0]}\ndrain = 1\n"
                f"[[upstream]]\nname = 'ours'\nurl = '{self.index_url}'\n"
            )
            child = self.spawn_server(
                *("--port", str(ports[2])),
                door=door,
                PROXYPYPI_CONFIG="proxypypi.toml",
                PROXYPYPI_PORT=str(ports[1]),
                PROXYPYPI_INDEX_TTL="60",
                PROXYPYPI_SERVICE_HOST="10.0.0.1",
                PROXYPYPI_PORT_8000_TCP="tcp://10.0.0.1:8000",
            )
            server = Server(child, f"http://127.0.0.1:{ports[2]}")
            await self.ready(server)
            for port in ports[:2]:
                got = await self.get(f"http://127.0.0.1:{port}/-/health")
                self.assertIs(None, got.code, name)
            target = await self.pip_install(pip, f"{server.url}/simple/", "alpha")
            self.assert_installed(target, alpha="1.0")
            self.assertIn(make_wheel("alpha", "1.0").filename, self.kept())
            await server.stop()

    async def test_environment_alone(self) -> None:
        """
        The environment is enough.
        """
        port = free_port()
        self.drop("alpha-1.0-py3-none-any.whl", make_wheel("alpha", "1.0").content)
        child = self.spawn_server(
            PROXYPYPI_DIR="cache",
            PROXYPYPI_LISTEN=f"tcp:{port}:interface=127.0.0.1 unix:p.sock",
            PROXYPYPI_NO_PROXY="yes",
        )
        await self.ready(Server(child, f"http://127.0.0.1:{port}"))
        self.assertTrue((self.work / "p.sock").is_socket())

    async def test_refusals(self) -> None:
        """
        What is wrong in any place ends the program with status 1 before it listens;
        stderr has the key, the value and the place, and no secret.
        """
        secret = "hunter2"
        file = self.write(
            "dir = 'cache'\ndrain = 'soon'\n"
            f"[[upstream]]\nurl = 'ftp://me:{secret}@index.example/'\n"
            f"pasword = '{secret}'\n"
        )
        for name, door in DOORS.items():
            child = self.spawn_server(
                *("--config", str(file), "--port", "http"),
                door=door,
                PROXYPYPI_FROBNICATE=secret,
            )
            told = f"{name}: {await child.ends(30)}\n{child.output}"
            self.assertEqual(1, child.status, told)
            for words in (
                "--port: 'http' is not a port",
                "PROXYPYPI_FROBNICATE: there is no such variable",
                f"{file}:drain: 'soon' is no number of seconds",
                f"{file}:upstream.url: 'ftp://***@index.example/' is no index address",
                f"{file}:upstream.pasword: there is no such key",
            ):
                self.assertIn(words, child.stderr, told)
            self.assertEqual(5, len(child.stderr.splitlines()), told)
            self.assertNotIn(secret, child.output, told)
            self.assertFalse((self.directory / ".proxypypi").exists(), told)

    async def test_secrets_in_log(self) -> None:
        """
        A server that starts with secrets does not say them.
        """
        (self.work / "password").write_text("hunter2\n")
        port = free_port()
        file = self.write(
            f"dir = 'cache'\nport = {port}\n[[upstream]]\nurl = '{self.index_url}'\n"
            "username = 'me'\npassword-file = 'password'\n"
        )
        child = self.spawn_server("--config", str(file))
        server = Server(child, f"http://127.0.0.1:{port}")
        await self.ready(server)
        await self.get(f"{server.url}/simple/alpha/")
        await server.stop()
        self.assertNotIn("hunter2", child.output)
