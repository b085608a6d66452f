"""
Indexes as vendors and companies run them, as the upstream.
"""

import json
from base64 import b64encode
from shutil import rmtree
from typing import Any, cast
from urllib.parse import quote

from twisted.internet.interfaces import IReactorTime

from tests.distributions import make_wheel
from tests.e2e import pips
from tests.e2e.harness import EndToEndTestCase, Fetch, Server, free_port, reactor
from tests.fake_index import HTML, JSON, FakeIndex, Fault

PASSWORD = "hunter+2@home/é"
LOGIN = f"me:{PASSWORD}"


def basic(login: str) -> str:
    """
    What the ``Authorization`` header says of ``USER:PASSWORD``.
    """
    return f"Basic {b64encode(login.encode()).decode()}"


class IndexTestCase(EndToEndTestCase):
    """
    An index that an ``[[upstream]]`` table describes, and more hosts.

    :ivar logs: of servers that have ended.
    """

    timeout = 60

    def setUp(self) -> None:
        super().setUp()
        self.logs = ""

    def serve_host(self, **more: Any) -> tuple[FakeIndex, str]:
        """
        Another host, which serves what the index does.

        :returns: it, and its address, without a final slash.
        """
        host = FakeIndex(
            clock=cast(IReactorTime, reactor),
            projects=self.index.projects,
            base=self.index.base,
            **more,
        )
        return host, self.serve_index(host).removesuffix(host.base)

    async def start(self, *lines: str, url: str = "", **more: str) -> Server:
        """
        Start the program with a file that has one ``[[upstream]]``.

        :param lines: of that table, beside its address.
        :param more: for its environment.
        """
        port = free_port()
        table = ("[[upstream]]", f"url = '{url or self.index_url}'", *lines)
        file = self.work / "proxypypi.toml"
        file.write_text("\n".join(["dir = 'cache'", f"port = {port}", *table]), "utf-8")
        child = self.spawn_server("--config", "proxypypi.toml", **more)
        server = Server(child, f"http://127.0.0.1:{port}")
        await self.ready(server)
        return server

    async def start_again(self, server: Server) -> None:
        """
        Start it anew with an empty directory.
        """
        await server.stop()
        self.logs += server.child.output
        rmtree(self.directory)
        self.directory.mkdir()
        server.child = self.spawn_server("--config", "proxypypi.toml")
        await self.ready(server)

    async def by_pip(self, server: Server, *requirements: str, **versions: str) -> None:
        pip = await pips.fetch(self, pips.NEWEST)
        target = await self.pip_install(pip, f"{server.url}/simple/", *requirements)
        self.assert_installed(target, **versions)

    async def by_uv(self, server: Server, *requirements: str, **versions: str) -> None:
        target = await self.uv_install(f"{server.url}/simple/", *requirements)
        self.assert_installed(target, **versions)

    async def by_both(
        self, server: Server, *requirements: str, **versions: str
    ) -> None:
        """
        Install by pip what has to be fetched, and by uv what is here.
        """
        await self.by_pip(server, *requirements, **versions)
        await self.by_uv(server, *requirements, **versions)

    async def files(self, server: Server, project: str) -> dict[str, Any]:
        """
        What the project's page says of its files, by name.
        """
        page = await self.get(f"{server.url}/simple/{project}/", Accept=JSON)
        self.assertEqual(200, page.code, page.body)
        return {file["filename"]: file for file in json.loads(page.body)["files"]}


class PasswordTests(IndexTestCase):
    """
    The index and its file host want a password.

    :ivar stranger: wants none, and writes down what it gets.
    """

    def setUp(self) -> None:
        super().setUp()
        self.index.login = LOGIN
        self.index.missing_status = 403
        (self.work / "password").write_text(f"{PASSWORD}\n", "utf-8")
        self.answers: list[Fetch] = []

    def offer(self) -> None:
        """
        ``app`` needs ``lib``, whose link leads to a stranger, and ``base``, of which
        the file host redirects there.
        """
        self.file_host, self.file_url = self.serve_host(login=LOGIN)
        self.index.file_host = self.file_url
        self.stranger, url = self.serve_host()
        self.index.add(make_wheel("app", "1.0", requires=["lib", "base"]))
        lib, base = make_wheel("lib", "1.0"), make_wheel("base", "1.0")
        self.index.add(lib, extra={"url": f"{url}/files/lib/{lib.filename}"})
        path = self.index.add(base)
        self.file_host.fail(path, Fault(redirect=f"{url}{path}"), times=None)
        self.index.fail(
            "/simple/moved/", Fault(redirect=f"{url}/simple/lib/"), times=None
        )

    def authorizations(self, index: FakeIndex) -> set[str | None]:
        return {seen.header("Authorization") for seen in index.requests}

    async def look(self, url: str, accept: str = "*/*") -> Fetch:
        """
        A request whose answer is searched for secrets in the end.
        """
        self.answers.append(await self.get(url, Accept=accept))
        return self.answers[-1]

    def nothing_secret(self, server: Server, *logins: str) -> None:
        """
        No log, no file and no answer has a password in it, in any spelling.
        """
        texts = {"the log": self.logs + server.child.output}
        for path in self.directory.rglob("*"):
            texts[str(path)] = str(path)
            if path.is_file():
                texts[str(path)] += path.read_bytes().decode("utf-8", "replace")
        for answer in self.answers:
            texts[answer.url] = f"{answer.headers!r} {answer.body.decode()}"
        for login in logins:
            password = login.partition(":")[2]
            spellings = (password, quote(password), quote(password, safe=""))
            for secret in {*spellings, json.dumps(password), basic(login).split()[1]}:
                for where, text in texts.items():
                    self.assertNotIn(secret, text, where)

    async def test_file_hosts(self) -> None:
        """
        pip and uv install from an index and a file host that want a password; whom
        links and redirects lead to does not learn it, nor does anybody else.
        """
        self.offer()
        server = await self.start(
            "username = 'me'",
            "password-file = 'password'",
            "missing-status = [404, 403]",
            f"file-hosts = ['{self.file_url}']",
        )
        await self.by_pip(server, "app", app="1.0", lib="1.0", base="1.0")
        await self.start_again(server)
        await self.by_uv(server, "app", app="1.0", lib="1.0", base="1.0")
        self.assertEqual(200, (await self.look(f"{server.url}/simple/moved/")).code)
        self.assertEqual(404, (await self.look(f"{server.url}/simple/none/")).code)
        for path in ("", "simple/", "simple/app/", "local/app/", "-/health"):
            for form in (JSON, HTML, "text/html"):
                answer = await self.look(f"{server.url}/{path}", form)
                self.assertEqual(200, answer.code, path)
        await server.stop()
        for index in (self.index, self.file_host):
            self.assertEqual({basic(LOGIN)}, self.authorizations(index))
        paths = {seen.path.split("/")[2] for seen in self.stranger.requests}
        self.assertEqual({"lib", "base"}, paths)
        self.assertEqual({None}, self.authorizations(self.stranger))
        for seen in self.stranger.requests:
            self.assertNotIn("hunter", repr(list(seen.headers.getAllRawHeaders())))
        self.nothing_secret(server, LOGIN)

    async def test_not_named(self) -> None:
        """
        A host of files that is not named gets no password; that it refuses is no
        missing file.
        """
        self.offer()
        server = await self.start("username = 'me'", "password-file = 'password'")
        filename = make_wheel("app").filename
        answer = await self.look(f"{server.url}/files/app/{filename}")
        self.assertEqual(
            (502, {None}), (answer.code, self.authorizations(self.file_host))
        )
        self.assertIn(b"it answered 401 Unauthorized", answer.body)
        await server.stop()
        self.nothing_secret(server, LOGIN)

    async def test_refused(self) -> None:
        """
        An index that does not take the password is out of order, whatever it answers to
        projects that it does not have: clients are told why and do not go elsewhere.
        """
        self.index.add(make_wheel("app"))
        self.index.login = "me:another"
        server = await self.start(
            *("username = 'me'", "password-file = 'password'"),
            "missing-status = [404, 403]",
        )
        for path in ("simple/app/", "simple/none/", "files/app/app-1.0.tar.gz"):
            answer = await self.look(f"{server.url}/{path}")
            self.assertEqual(502, answer.code, path)
            self.assertIn(b"upstream failed: it answered 401 Unauthorized", answer.body)
            self.assertIsNot(None, answer.header("Retry-After"))
        health = await self.look(f"{server.url}/-/health")
        self.assertIn(b"401 Unauthorized", health.body)
        await server.stop()
        self.nothing_secret(server, LOGIN)

    async def test_netrc(self) -> None:
        """
        The login may be in netrc, and is the host's.
        """
        self.index.add(make_wheel("app", "1.0"))
        netrc = self.work / "netrc"
        netrc.write_text(f"machine 127.0.0.1 login me password {PASSWORD}\n", "utf-8")
        netrc.chmod(0o600)
        server = await self.start(NETRC=str(netrc))
        await self.by_uv(server, "app", app="1.0")
        await server.stop()
        self.assertEqual({basic(LOGIN)}, self.authorizations(self.index))
        self.nothing_secret(server, LOGIN)

    async def test_token(self) -> None:
        """
        A token is all that an index may want.
        """
        self.index.add(make_wheel("app", "1.0"))
        self.index.login = "__token__:idx-S3cr3t"
        server = await self.start("token = 'idx-S3cr3t'")
        await self.by_uv(server, "app", app="1.0")
        await server.stop()
        self.nothing_secret(server, self.index.login)


class PlainIndexTests(IndexTestCase):
    """
    Indexes that say little of their files.
    """

    def setUp(self) -> None:
        super().setUp()
        self.index.html_only = True
        self.index.core_metadata = False
        self.index.sizes = self.index.upload_times = False
        self.index.add(make_wheel("app", "1.0", requires=["base"]))
        self.base = make_wheel("base", "2.0", payload=200_000)
        self.index.add(self.base)

    async def test_md5(self) -> None:
        """
        HTML with nothing but MD5 digests serves pip and uv.
        """
        self.index.hashes = ("md5",)
        server = await self.start()
        before = (await self.files(server, "base"))[self.base.filename]["hashes"]
        self.assertEqual(["md5"], list(before))
        await self.by_both(server, "app", app="1.0", base="2.0")

    async def test_wrong_md5(self) -> None:
        """
        A file that has another MD5 digest reaches nobody.
        """
        self.index.hashes = ("md5",)
        path = self.index.projects["base"].files[self.base.filename].path
        self.index.fail(path, Fault(wrong_bytes=True), times=None)
        server = await self.start()
        got = await self.get(f"{server.url}/files/base/{self.base.filename}")
        self.assertFalse(got.complete)
        self.assertEqual(set(), self.kept())

    async def test_no_hashes(self) -> None:
        """
        So does one without digests and sizes.
        """
        self.index.hashes = ()
        server = await self.start()
        await self.by_both(server, "app", app="1.0", base="2.0")
        await self.start_again(server)
        await self.by_uv(server, "app", app="1.0", base="2.0")

    async def test_no_hashes_in_json(self) -> None:
        """
        So does JSON without them.
        """
        self.index.html_only = False
        self.index.hashes = ()
        server = await self.start()
        await self.by_both(server, "app", app="1.0", base="2.0")


class FlatIndexTests(IndexTestCase):
    """
    Hosts of files that are pages of an index at the same time.
    """

    TORCH = make_wheel("torch", "2.4.0+cu124", requires=["nvidia-nccl"])
    NCCL = make_wheel("nvidia-nccl", "2.20.5")

    def setUp(self) -> None:
        super().setUp()
        self.index.html_only = True
        self.index.core_metadata = False
        self.index.base = "/whl/cu124/"
        self.index_url = self.serve_index()
        self.index.fail("/whl/cu124/", Fault(status=404), times=None)

    def offer(self, folder: str) -> None:
        """
        :param folder: of the files; ``{}`` is the project's name.
        """
        for built in (self.TORCH, self.NCCL):
            path = f"{folder.format(built.project)}/{built.filename}"
            self.index.add(built, path=path)

    def page(self, project: str, content: str) -> None:
        """
        What a page is, whatever the index would say.
        """
        path = f"/whl/cu124/{project}/"
        self.index.fail(path, Fault(body=content.encode()), times=None)

    async def check(self, server: Server) -> None:
        """
        Both installers get both, and what has a local version has a plus in its name
        where names are shown, and its code in addresses.
        """
        await self.by_both(server, "torch", torch="2.4.0+cu124", nvidia_nccl="2.20.5")
        self.assertEqual({self.TORCH.filename, self.NCCL.filename}, self.kept())
        asked = {s.uri.rpartition("/")[2] for s in self.index.requests}
        code = self.TORCH.filename.replace("+", "%2B")
        self.assertIn(code, asked)
        self.assertNotIn(self.TORCH.filename, asked)
        file = (await self.files(server, "torch"))[self.TORCH.filename]
        self.assertEqual(f"../../files/torch/{code}", file["url"])

    async def test_in_place(self) -> None:
        """
        Files beside their page, addressed by their bare names, under any path.
        """
        self.offer("/whl/cu124/{}")
        await self.check(await self.start())

    async def test_elsewhere(self) -> None:
        """
        Files in a folder elsewhere, addressed relative to the page, and no final slash
        of the index.
        """
        self.offer("/whl/packages")
        await self.check(await self.start(url=self.index_url.removesuffix("/")))

    async def test_rooted(self) -> None:
        """
        Files addressed from the root of the host; the index's projects have upper-case
        directories.
        """
        self.index.links = "rooted"
        self.index.directories = {"torch": "Torch", "nvidia-nccl": "NVIDIA_nccl"}
        self.offer("/whl/cu124/{}")
        await self.check(await self.start())

    async def test_another_host(self) -> None:
        """
        Files on another host, whose scheme is that of the page.
        """
        files, url = self.serve_host()
        self.index.file_host = url.removeprefix("http:")
        self.offer("/whl")
        server = await self.start()
        await self.by_both(server, "torch", torch="2.4.0+cu124", nvidia_nccl="2.20.5")
        code = self.TORCH.filename.replace("+", "%2B")
        self.assertIn(f"/whl/{code}", {seen.uri for seen in files.requests})

    async def test_base(self) -> None:
        """
        Pages may have a ``<base>``.
        """
        self.index.base_href = "../../../"
        self.offer("/whl")
        await self.check(await self.start())

    async def test_no_project_list(self) -> None:
        """
        An index without a list of projects does not keep us from having one.
        """
        self.offer("/whl/cu124/{}")
        server = await self.start()
        await self.by_uv(server, "nvidia-nccl", nvidia_nccl="2.20.5")
        projects = await self.get(f"{server.url}/simple/", Accept=JSON)
        self.assertEqual(
            [{"name": "nvidia-nccl"}], json.loads(projects.body)["projects"]
        )

    async def test_untidy_pages(self) -> None:
        """
        What a browser would make sense of will do, as will times that are none.
        """
        self.offer("/whl")
        code = self.TORCH.filename.replace("+", "%2B")
        self.page(
            "torch",
            "<TITLE>Links for torch\n<h1>Links for torch<p>"
            f"<A HREF=../../../whl/{code}#sha256={self.TORCH.sha256}"
            ' data-requires-python="&gt;=3.8&#44;&lt;4"'
            f' data-upload-time="2024-07-24 18:10:36">{self.TORCH.filename}\n'
            "<a href='../../../whl/torch-1.0%2Bcu124-py3-none-any.whl'"
            ' data-requires-python="&lt;3">\n',
        )
        self.page(
            "nvidia-nccl",
            f"<a href='../../..&#x2F;whl/{self.NCCL.filename}'"
            " data-upload-time='Wed, 24 Jul 2024 18:10:36 GMT'>x",
        )
        server = await self.start()
        await self.check(server)
        files = await self.files(server, "torch")
        self.assertEqual(
            {(">=3.8,<4", "2024-07-24T18:10:36Z"), ("<3", None)},
            {(f["requires-python"], f.get("upload-time")) for f in files.values()},
        )

    async def test_absent_metadata(self) -> None:
        """
        Core metadata that the page offers, and that is not there, keeps nobody from
        installing.
        """
        self.offer("/whl")
        for built in (self.TORCH, self.NCCL):
            self.page(
                built.project,
                f"<a href='/whl/{built.filename.replace('+', '%2B')}'"
                " data-dist-info-metadata='true' data-core-metadata='true'>x</a>",
            )
        server = await self.start()
        await self.check(server)
        await self.start_again(server)
        await self.by_uv(server, "torch", torch="2.4.0+cu124", nvidia_nccl="2.20.5")
