"""
The two doors: what they say on start, and what they refuse.
"""

import re
import sys

from tests.distributions import make_wheel
from tests.e2e import pips
from tests.e2e.harness import (
    PROXYPYPI,
    TWISTD,
    Child,
    EndToEndTestCase,
    Server,
    free_port,
    until,
)

DOORS = {"twistd proxypypi": TWISTD, "proxypypi run": PROXYPYPI}

BAD_OPTIONS: list[tuple[list[str], list[str]]] = [
    (["--port", "http"], ["port", "http"]),
    (["--port", "65536"], ["port", "65536", "65535"]),
    (["--bind", "no address"], ["bind", "no address"]),
    (["--listen", "nonsense:1"], ["listen", "nonsense:1"]),
    (["--listen", "tcp:0", "--port", "1"], ["listen", "port"]),
    (["--index-url", "ftp://index.example/"], ["index-url", "ftp://", "https://"]),
    (["--index-url", "index.example"], ["index-url", "index.example", "https://"]),
    (["--index-ttl", "soon"], ["index-ttl", "soon", "seconds"]),
    (["--index-ttl", "-1"], ["index-ttl", "-1", "seconds"]),
    (["--drain", "nan"], ["drain", "nan", "seconds"]),
    (["--frobnicate"], ["frobnicate"]),
    (["surplus"], ["surplus"]),
]
"""
Options, and what the error has to name.
"""


class RefusalTests(EndToEndTestCase):
    timeout = 120

    async def check(self, *options: str, names: list[str], **env: str) -> None:
        for name, door in DOORS.items():
            child = self.spawn_server(*options, door=door, **env)
            status = await child.ends(30)
            told = f"{name} {' '.join(options)}\n{child.stdout}---\n{child.stderr}"
            self.assertEqual(1, status, told)
            for word in names:
                self.assertIn(word, child.stderr, told)
            self.assertNotIn("Traceback", child.output, told)
            self.assertLess(len(child.stderr.splitlines()), 5, told)

    async def test_bad_options(self) -> None:
        """
        A bad option ends the program with status 1 before it listens; the message on
        stderr names the option, the value, and what is allowed.
        """
        for options, names in BAD_OPTIONS:
            await self.check("--dir", str(self.directory), *options, names=names)

    async def test_no_directory(self) -> None:
        """
        So does a directory that does not exist, and one that is a file.
        """
        missing = str(self.work / "missing")
        await self.check("--dir", missing, names=["dir", missing])
        self.assertFalse((self.work / "missing").exists())
        file = self.work / "file"
        file.write_bytes(b"")
        await self.check("--cache", str(file), names=["dir", str(file)])

    async def test_port_in_use(self) -> None:
        """
        So does an address that something else listens on.
        """
        server = await self.start_server()
        port = server.url.rpartition(":")[2]
        other = self.work / "other"
        other.mkdir()
        await self.check(*("--dir", str(other), "--port", port), names=[port])

    async def test_directory_in_use(self) -> None:
        """
        So does a directory that another one serves.
        """
        await self.start_server()
        await self.check(
            *("--dir", str(self.directory), "--port", str(free_port())),
            names=[str(self.directory)],
        )


class StartTests(EndToEndTestCase):
    timeout = 120

    async def says(self, child: Child, line: re.Pattern[str]) -> None:
        def holds() -> bool:
            return child.status is not None or line.search(child.output) is not None

        await until(holds, 20.0, line.pattern)

    async def test_printed_lines(self) -> None:
        """
        It prints where it listens and a line for pip.conf; with that line, pip
        installs.
        """
        self.index.add(make_wheel("alpha", "1.0"))
        pip = await pips.fetch(self, pips.NEWEST)
        line = re.compile(r"^.*?(index-url = http://127\.0\.0\.1:\d+/simple/)", re.M)
        for name, door in DOORS.items():
            child = self.spawn_server(
                *("--dir", str(self.directory), "--index-url", self.index_url),
                *("--listen", "tcp:0:interface=127.0.0.1"),
                door=door,
            )
            await self.says(child, line)
            found = line.search(child.output)
            assert found is not None, child.output
            url = found[1].split()[-1]
            server = Server(child, url.removesuffix("/simple/"))
            self.assertIn(server.url, child.output)
            await self.ready(server)
            config = self.work / "pip.conf"
            config.write_text(f"[global]\n{found[1]}\n")
            target = self.work / name.replace(" ", "-")
            installed = await self.run_command(
                [
                    *(sys.executable, f"{pip}/pip", "install", "--no-cache-dir"),
                    *("--target", str(target), "alpha"),
                ],
                self.environment(PIP_CONFIG_FILE=str(config)),
            )
            self.assertEqual(0, installed.status, installed.output)
            self.assert_installed(target, alpha="1.0")
            await server.stop()

    async def test_bind_and_port(self) -> None:
        """
        ``--bind`` and ``--port`` say where to listen, by both doors and in short.
        """
        for door in DOORS.values():
            for options in (
                ["--bind", "127.0.0.1", "--port"],
                ["-b", "127.0.0.1", "-p"],
            ):
                port = free_port()
                child = self.spawn_server(
                    *("-d", str(self.directory), "-n", *options, str(port)), door=door
                )
                server = Server(child, f"http://127.0.0.1:{port}")
                await self.ready(server)
                await server.stop()

    async def test_ipv6(self) -> None:
        """
        ``--bind`` takes an IPv6 address.
        """
        port = free_port()
        child = self.spawn_server(
            *("-d", str(self.directory), "-n", "-b", "::1", "-p", str(port))
        )
        server = Server(child, f"http://[::1]:{port}")
        await self.ready(server)
        await server.stop()

    async def test_several_listeners(self) -> None:
        """
        ``--listen`` can be given more than once.
        """
        ports = [free_port(), free_port()]
        child = self.spawn_server(
            *("-d", str(self.directory), "-n"),
            *[f"--listen=tcp:{port}:interface=127.0.0.1" for port in ports],
        )
        for port in ports:
            await self.ready(Server(child, f"http://127.0.0.1:{port}"))

    async def test_default_directory(self) -> None:
        """
        Without ``--dir``, the current directory is the cache.
        """
        wheel = make_wheel("alpha", "1.0")
        (self.work / wheel.filename).write_bytes(wheel.content)
        port = free_port()
        child = self.spawn_server("-n", "-p", str(port), door=PROXYPYPI)
        server = Server(child, f"http://127.0.0.1:{port}")
        await self.ready(server)
        self.assertTrue((self.work / ".proxypypi").is_dir())

    async def test_help(self) -> None:
        """
        ``--help`` lists every option, and ends with status 0.
        """
        for name, door in DOORS.items():
            child = self.spawn_server("--help", door=door)
            self.assertEqual(0, await child.ends(20), name)
            for option in (
                *("--dir", "--listen", "--bind", "--port", "--index-url"),
                *("--no-proxy", "--index-ttl", "--drain"),
            ):
                self.assertIn(option, child.stdout, name)

    async def test_health(self) -> None:
        """
        A running server says that it is well, and at its root what it is.
        """
        server = await self.start_server()
        got = await self.get(f"{server.url}/-/health")
        self.assertEqual((200, b"ok"), (got.code, got.body.strip()))
        got = await self.get(f"{server.url}/", Accept="text/html")
        self.assertEqual(200, got.code)
        for word in (b"pip", b"uv", b"poetry", b"/simple/"):
            self.assertIn(word, got.body)
