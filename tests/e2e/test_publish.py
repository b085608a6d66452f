"""
Real clients publish, and real installers install it.
"""

import contextlib  # trial takes a test module's own "suppress" for something else
import os
import sys
from pathlib import Path
from zipfile import ZipFile

import bcrypt
from OpenSSL.crypto import FILETYPE_PEM
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.web.client import Agent, RequestTransmissionFailed, ResponseNeverReceived
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from tests.certificates import Authority
from tests.distributions import BuiltDistribution, make_sdist, make_wheel
from tests.e2e import tools
from tests.e2e.harness import (
    Child,
    EndToEndTestCase,
    Server,
    free_port,
    reactor,
    until,
)
from tests.e2e.pips import NEWEST, fetch

UV = str(Path(sys.executable).with_name("uv"))


class PublishTestCase(EndToEndTestCase):
    """
    ``ann`` may publish what no index has, ``eve`` a single project of hers.
    """

    async def start(self, *options: str) -> Server:
        return await self.start_server(*self.users(), *options)

    def users(self) -> tuple[str, str]:
        """
        :returns: the options that say who they are.
        """
        password = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
        users = self.work / "users"
        users.write_text(f"ann:{password}\neve:{password}\n")
        config = self.work / "proxypypi.toml"
        config.write_text(
            f'upload-auth = "htpasswd:{users}"\n'
            '[[user]]\nname = "eve"\nprojects = ["hers"]\n'
        )
        return "--config", str(config)

    def dist(self, *built: BuiltDistribution) -> list[str]:
        """
        Put files where a build would have.
        """
        folder = self.work / "dist"
        folder.mkdir(exist_ok=True)
        for each in built:
            (folder / each.filename).write_bytes(each.content)
        return [str(folder / each.filename) for each in built]

    async def twine(
        self, server: Server, files: list[str], user: str = "ann", path: str = "legacy/"
    ) -> Child:
        """
        Publish, as somebody whose configuration has user and password.
        """
        home = self.work / "home"
        (home / ".pypirc").write_text(
            "[distutils]\nindex-servers = ours\n"
            f"[ours]\nrepository = {server.url}/{path}\n"
            f"username = {user}\npassword = secret\n"
        )
        return await self.run_command(
            [
                *(sys.executable, "-m", "twine", "upload", "--non-interactive"),
                *("--disable-progress-bar", "-r", "ours", *files),
            ]
        )

    async def uv(
        self,
        server: Server,
        files: list[str],
        user: str = "ann",
        path: str = "legacy/",
        **more: str,
    ) -> Child:
        names = {"UV_PUBLISH_USERNAME": user, "UV_PUBLISH_PASSWORD": "secret"}
        return await self.run_command(
            [UV, "publish", "--publish-url", f"{server.url}/{path}", *files],
            self.environment(**names, **more),
        )

    async def publish_with(self, name: str, server: Server, *more: object) -> Child:
        client = self.twine if name == "twine" else self.uv
        return await client(server, *more)  # type: ignore[arg-type]


class ClientsTests(PublishTestCase):
    timeout = 120

    async def test_published_and_installed(self) -> None:
        """
        What twine and uv publish, to each address, pip and uv install; the same again
        is fine; other bytes are refused with words that they show.
        """
        server = await self.start()
        for client in ("twine", "uv"):
            for path in ("legacy/", "legacy", ""):
                name = f"demo-{client}-{len(path)}"
                built = (make_wheel(name), make_sdist(name))
                files = self.dist(*built)
                for _ in range(2):
                    child = await self.publish_with(client, server, files, "ann", path)
                    self.assertEqual(0, child.status, child.output)
                index = f"{server.url}/simple/"
                target = await self.uv_install(index, name)
                self.assert_installed(target, **{name.replace("-", "_"): "1.0"})
                other = make_wheel(name, requires=["attrs"])
                child = await self.publish_with(
                    client, server, self.dist(other), "ann", path
                )
                self.assertNotEqual(0, child.status, child.output)
                self.assertIn("File already exists", " ".join(child.output.split()))
        pip = await fetch(self, NEWEST)
        target = await self.pip_install(pip, index, "demo-twine-7")
        self.assert_installed(target, demo_twine_7="1.0")

    async def test_refused(self) -> None:
        """
        A wrong password, a user who may not, and a name that an upstream has: each
        client says so.
        """
        server = await self.start()
        self.index.add(make_wheel("taken"))
        files = self.dist(make_wheel("demo", payload=3_000_000))
        for client in ("twine", "uv"):
            for user, said in (("bob", "401"), ("eve", "that eve may publish")):
                child = await self.publish_with(client, server, files, user)
                self.assertNotEqual(0, child.status, child.output)
                self.assertIn(said, " ".join(child.output.split()))
            child = await self.publish_with(
                client, server, self.dist(make_wheel("taken", "2.0"))
            )
            self.assertNotEqual(0, child.status, child.output)
            self.assertIn("upstream", " ".join(child.output.split()))
        self.assertEqual(set(), self.kept())


class ProjectToolsTests(PublishTestCase):
    """
    Those that publish the project they are started in.
    """

    timeout = 300

    def make_project(self, name: str, comment: str = "") -> None:
        (self.work / "pyproject.toml").write_text(
            "[build-system]\nrequires = ['flit_core']\n"
            "build-backend = 'flit_core.buildapi'\n"
            f"[project]\nname = '{name}'\nversion = '1.0'\ndescription = 'A demo.'\n"
            f"requires-python = '>=3.8'\n"
        )
        (self.work / f"{name}.py").write_text(f"VERSION = '1.0'\n{comment}")
        (self.work / "README.md").write_text(comment)

    def command(self, tool: str) -> list[str]:
        return {
            "poetry": ["publish", "--no-interaction", "--repository", "ours"],
            "pdm": ["publish", "--no-build"],
            "flit": ["publish"],
        }[tool]

    def configured(self, url: str, password: str) -> dict[str, str]:
        """
        What each reads its address, user and password from.
        """
        names = {
            "POETRY_REPOSITORIES_OURS_URL": url,
            "POETRY_HTTP_BASIC_OURS_USERNAME": "ann",
            "POETRY_HTTP_BASIC_OURS_PASSWORD": password,
            "POETRY_KEYRING_ENABLED": "false",
            "PDM_PUBLISH_REPO": url,
            "PDM_PUBLISH_USERNAME": "ann",
            "PDM_PUBLISH_PASSWORD": password,
            "PDM_CHECK_UPDATE": "0",
            "FLIT_INDEX_URL": url,
            "FLIT_USERNAME": "ann",
            "FLIT_PASSWORD": password,
        }
        return self.environment(**names)

    async def publishes(self, tool: str, file_exists: str) -> None:
        """
        :param file_exists: what it says of other bytes under the name.
        """
        run = [*await tools.fetch(self, tool), *self.command(tool)]
        server = await self.start()
        url, name = f"{server.url}/legacy/", f"demo_{tool}"
        self.make_project(name)
        if tool != "flit":  # which builds by itself
            self.dist(make_wheel(name), make_sdist(name))
        child = await self.run_command(run, self.configured(url, "wrong"))
        self.assertNotEqual(0, child.status, child.output)
        self.assertIn("401", child.output)
        for _ in range(2):
            child = await self.run_command(run, self.configured(url, "secret"))
            self.assertEqual(0, child.status, child.output)
            self.assertEqual(2, len(self.kept()), child.output)
        target = await self.uv_install(f"{server.url}/simple/", name)
        self.assertIn("1.0", (target / f"{name}.py").read_text())
        self.make_project(name, "# changed")
        if tool != "flit":
            self.dist(
                *(make(name, requires=["a"]) for make in (make_wheel, make_sdist))
            )
        child = await self.run_command(run, self.configured(url, "secret"))
        self.assertNotEqual(0, child.status, child.output)
        self.assertIn(file_exists, " ".join(child.output.split()))

    async def test_poetry(self) -> None:
        await self.publishes("poetry", "File already exists")

    async def test_pdm(self) -> None:
        await self.publishes("pdm", "File already exists")

    async def test_flit(self) -> None:
        await self.publishes("flit", "File already exists")


class LargeTests(PublishTestCase):
    timeout = 120

    def make_large(self, megabytes: int) -> Path:
        """
        A wheel that is quickly made.
        """
        path = self.work / "large-1.0-py3-none-any.whl"
        with ZipFile(path, "w") as wheel:
            metadata = "Metadata-Version: 2.1\nName: large\nVersion: 1.0\n"
            wheel.writestr("large-1.0.dist-info/METADATA", metadata)
            wheel.writestr("large-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
            wheel.writestr("large.bin", os.urandom(megabytes * 1_000_000))
        return path

    async def test_memory(self) -> None:
        """
        However large an upload is, the server needs no memory for it.
        """
        large = str(self.make_large(200))
        server = await self.start()
        before = server.child.rss()
        most = self.watch_memory(server)
        child = await self.uv(server, [large])
        self.assertEqual(0, child.status, child.output)
        self.assertLess(most() - before, 20_000_000)
        self.assertEqual({Path(large).name}, self.kept())

    async def test_refusal_is_heard(self) -> None:
        """
        Who may not is told so by each client, however much it had to send.
        """
        large = str(self.make_large(150))
        server = await self.start()
        for client in ("twine", "uv"):
            child = await self.publish_with(client, server, [large], "eve")
            self.assertNotEqual(0, child.status, child.output)
            self.assertIn("that eve may publish", " ".join(child.output.split()))

    async def test_over_tls(self) -> None:
        """
        Also by TLS; who may not is told so, though the client would like to send on.
        """
        authority = Authority()
        self.trust = authority.policy
        made = authority.vouch_for("127.0.0.1")
        (self.work / "both.pem").write_bytes(
            made.privateKey.dump(FILETYPE_PEM) + made.dump(FILETYPE_PEM)
        )
        (self.work / "ca.pem").write_bytes(authority.pem)
        large, port = str(self.make_large(30)), free_port()
        child = self.spawn_server(
            *("--dir", str(self.directory), "--no-proxy"),
            *("--listen", f"ssl:{port}:interface=127.0.0.1:privateKey=both.pem"),
            *self.users(),
        )
        server = Server(child, f"https://127.0.0.1:{port}")
        await self.ready(server)
        trust = {"SSL_CERT_FILE": str(self.work / "ca.pem")}
        for user, code in (("eve", 2), ("ann", 0)):
            child = await self.uv(server, [large], user, **trust)
            self.assertEqual(code, child.status, child.output)
        self.assertEqual({Path(large).name}, self.kept())

    async def test_killed(self) -> None:
        """
        What a server that is killed had of an upload is gone after the next start.
        """
        server = await self.start()
        sending = Agent(reactor).request(
            b"POST",
            f"{server.url}/legacy/".encode(),
            Headers(
                {
                    "Content-Type": ["multipart/form-data; boundary=x"],
                    "Authorization": ["Basic YW5uOnNlY3JldA=="],
                }
            ),
            Endless(),
        )
        uploads = self.directory / ".proxypypi" / "cache" / "uploads"
        await until(lambda: any(uploads.glob("*.part")), 20, "an upload")
        server.child.signal("KILL")
        await server.child.ends(10)
        with contextlib.suppress(ResponseNeverReceived, RequestTransmissionFailed):
            await sending
        self.assertTrue(any(uploads.iterdir()))
        server = await self.start()
        await until(lambda: not any(uploads.iterdir()), 20, "nothing left")


@implementer(IBodyProducer)
class Endless:
    """
    The beginning of a form, and no end.
    """

    length = 10_000_000

    def startProducing(self, consumer: IConsumer) -> "Deferred[None]":
        consumer.write(
            b'--x\r\nContent-Disposition: form-data; name="content"; '
            b'filename="demo-1.0.zip"\r\n\r\n' + b"x" * 100_000
        )
        return Deferred()

    def pauseProducing(self) -> None:
        pass

    def resumeProducing(self) -> None:
        pass

    def stopProducing(self) -> None:
        pass
