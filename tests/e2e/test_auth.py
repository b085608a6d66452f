"""
Installers that have to say who they are.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from twisted.internet.task import deferLater

from tests.distributions import make_sdist, make_wheel
from tests.e2e import pips
from tests.e2e.harness import EndToEndTestCase, Server, reactor
from tests.passwords import basic, htpasswd_line, write_users
from tests.test_auth_hashes import KNOWN

PASSWORD = "hunter2-é"
QUOTED = "hunter2-%C3%A9"


class AuthTestCase(EndToEndTestCase):
    timeout = 120

    def setUp(self) -> None:
        super().setUp()
        self.index.add(make_wheel("App", "1.0", requires=["lib-x>=1"]))
        self.index.add(make_wheel("Lib.X", "1.5", requires=["base"]))
        self.index.add(make_sdist("base", "3.0"))
        self.users = write_users(self.work / "users", eve=PASSWORD)

    async def start(self, *options: str) -> Server:
        return await self.start_server(
            "--read-auth", f"htpasswd:{self.users}", *options
        )

    def with_login(self, server: Server, password: str = QUOTED) -> str:
        """
        The index address that has it all in it.
        """
        return f"{server.url.replace('//', f'//eve:{password}@')}/simple/"

    def check_installed(self, target: Path) -> None:
        self.assert_installed(target, app="1.0", lib_x="1.5", base="3.0")

    def check_secret(self, server: Server, *secrets: str) -> None:
        """
        The log has none of these, nor what carries them, nor has any file.
        """
        carried = [basic("eve", PASSWORD).split()[1], *secrets]
        said = server.child.output
        for path in self.directory.rglob("*.json"):
            said += path.read_text("utf-8")
        for secret in (PASSWORD, QUOTED, *carried):
            self.assertNotIn(secret, said)

    def write_netrc(self, password: str = PASSWORD) -> None:
        netrc = self.work / "home" / ".netrc"
        netrc.write_text(f"machine 127.0.0.1 login eve password {password}\n", "utf-8")
        netrc.chmod(0o600)


class InstallTests(AuthTestCase):
    async def test_pip(self) -> None:
        """
        pip installs with a user and a password in the index address, old and new.
        """
        server = await self.start()
        for version in (pips.OLDEST, pips.NEWEST):
            pip = await pips.fetch(self, version)
            target = await self.pip_install(pip, self.with_login(server), "app")
            self.check_installed(target)
        self.check_secret(server)

    async def test_uv(self) -> None:
        """
        So does uv.
        """
        server = await self.start()
        self.check_installed(await self.uv_install(self.with_login(server), "app"))
        self.check_secret(server)

    async def test_netrc(self) -> None:
        """
        Both find them in netrc.
        """
        self.users = write_users(self.work / "users", eve="plain")
        self.write_netrc("plain")
        server = await self.start()
        pip = await pips.fetch(self, pips.NEWEST)
        at = f"{server.url}/simple/"
        self.check_installed(await self.pip_install(pip, at, "app"))
        self.check_installed(await self.uv_install(at, "app"))

    async def test_token(self) -> None:
        """
        Both install with a token, until it is revoked.
        """
        server = await self.start()
        secret = await self.token("create", "--read-only", "ci")
        at = f"{server.url.replace('//', f'//__token__:{secret}@')}/simple/"
        pip = await pips.fetch(self, pips.NEWEST)
        self.check_installed(await self.pip_install(pip, at, "app"))
        self.check_installed(await self.uv_install(at, "app"))
        self.check_secret(server, secret)

    async def token(self, action: str, *arguments: str) -> str:
        command = "import sys; from proxypypi.cli import main; sys.exit(main())"
        root = str(Path(__file__).parents[2])
        child = await self.run_command(
            [
                *(sys.executable, "-c", command, "token", action),
                *("--dir", str(self.directory), *arguments),
            ],
            self.environment(PYTHONPATH=root),
        )
        self.assertEqual(0, child.status, child.output)
        return child.stdout.strip()


class RefusalTests(AuthTestCase):
    async def refuse(self, command: Sequence[str]) -> str:
        """
        :returns: what the installer said when it gave up.
        """
        target = str(Path(self.mktemp()).absolute())
        child = await self.run_command([*command, "--target", target, "app"])
        self.assertNotEqual(0, child.status, child.output)
        self.assertFalse(list(Path(target).glob("app*")))
        return child.output

    async def test_pip(self) -> None:
        """
        With a wrong password pip says why it fails; with none it says no more than
        that there is nothing. It gets nothing either way.
        """
        server = await self.start()
        pip = await pips.fetch(self, pips.NEWEST)
        command = [
            *(sys.executable, f"{pip}/pip", "--isolated", "install", "--no-input"),
            *("--no-cache-dir", "--disable-pip-version-check", "--index-url"),
        ]
        for at, words in (
            (self.with_login(server, "wrong"), "401 Error, Credentials not correct"),
            (f"{server.url}/simple/", "No matching distribution found for app"),
        ):
            self.assertIn(words, await self.refuse([*command, at]))
        self.assertEqual([], self.index.requests)

    async def test_uv(self) -> None:
        """
        uv says why in both cases.
        """
        server = await self.start()
        uv = str(Path(sys.executable).parent / "uv")
        command = [
            *(uv, "pip", "install", "--no-cache", "--python", sys.executable),
            "--default-index",
        ]
        for at in (self.with_login(server, "wrong"), f"{server.url}/simple/"):
            said = await self.refuse([*command, at])
            self.assertIn("401 Unauthorized", said)
        self.assertEqual([], self.index.requests)


class WorkersTests(AuthTestCase):
    async def test_changes(self) -> None:
        """
        All workers notice within two seconds that users have changed.
        """
        server = await self.start("--workers", "2")
        at = f"{server.url}/simple/app/"
        header = basic("eve", PASSWORD)

        async def codes() -> set[int | None]:
            return {(await self.get(at, Authorization=header)).code for _ in range(12)}

        self.assertEqual({200}, await codes())
        write_users(self.users, fay="x")
        await deferLater(reactor, 2.0)
        both = [self.fetch(at, headers={"Authorization": header}) for _ in range(8)]
        for fetch in both:
            self.assertEqual(401, (await fetch.done()).code)
        write_users(self.users, eve=PASSWORD)
        await deferLater(reactor, 2.0)
        self.assertEqual({200}, await codes())
        self.check_secret(server)


class StartTests(AuthTestCase):
    async def test_bad_file(self) -> None:
        """
        A file that cannot be used is an error at the start, which names the line.
        """
        self.users.write_text(f"{htpasswd_line('eve', 'x')}bob:hunter2\n")
        for option in ("--read-auth", "--upload-auth"):
            child = self.spawn_server(option, f"htpasswd:{self.users}")
            self.assertEqual(1, await child.ends(20))
            self.assertEqual(
                f"proxypypi: {option}: {str(self.users)!r}, line 2: the password of "
                "'bob' is plain, or hashed by crypt: make it anew with htpasswd -B "
                "(on the command line)\n",
                child.stderr,
            )

    async def test_weak_password(self) -> None:
        """
        A password that is hashed by SHA-1 works, and the log has a warning, once.
        """
        password, hashed = KNOWN[2]
        self.users.write_text(f"eve:{hashed}\n")
        for workers in ("1", "2"):
            server = await self.start("--workers", workers)
            found = await self.get(
                f"{server.url}/simple/app/", Authorization=basic("eve", password)
            )
            self.assertEqual(200, found.code)
            self.assertEqual(1, server.child.output.count("'eve' is hashed by SHA-1"))
            await server.stop()
