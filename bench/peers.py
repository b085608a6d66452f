"""
Whom we compare with: how each is installed, started and asked.

Each is configured as its own documentation recommends for more than trying it out.
"""

import base64
import json
import re
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from compileall import compile_dir
from html import unescape
from pathlib import Path
from typing import ClassVar
from urllib.parse import urljoin

from attrs import define, field, frozen

from bench import nginx
from bench.content import Content, write_page
from bench.processes import Failed, Process, ask, await_answer, cpu, free_port, rss

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
JSON = "application/vnd.pypi.simple.v1+json"
PIP_ACCEPT = f"{JSON}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
_INSTALL = 600  # seconds
_FIXED_AGE = 24 * 3600  # seconds for which peers trust a page, so that none expires


@frozen(kw_only=True)
class Place:
    """
    Where and with what a server runs.

    :ivar state: an empty folder of its own.
    :ivar environments: where :func:`install` put the peers.
    :ivar upstream: base address of the fake upstream.
    :ivar projects: what who cannot fetch is given beforehand.
    :ivar directory: what was cached before, if anything: a folder for each project.
    """

    state: Path
    environments: Path
    content: Content
    upstream: str
    projects: Sequence[str] = ()
    directory: Path | None = None


@define(eq=False)
class Server(ABC):
    """
    One of those that are compared.

    :cvar name: in the table.
    :cvar about: how it is configured, for the reader of the table.
    :cvar index: path of its simple index.
    :cvar packages: what pip installs for it.
    :cvar first: a command that makes in its environment what it starts from.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    index: ClassVar[str] = "/simple/"
    packages: ClassVar[Sequence[str]] = ()
    first: ClassVar[Sequence[str]] = ()

    place: Place
    port: int = field(factory=free_port)
    processes: list[Process] = field(factory=list, init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ready_url(self) -> str:
        return f"{self.url}{self.index}"

    @property
    def directory(self) -> Path:
        """
        Where it keeps its files.
        """
        return self.place.directory or self.place.state / "cache"

    @abstractmethod
    def commands(self) -> list[Process]:
        """
        What has to run.
        """

    def start(self) -> float:
        """
        :returns: seconds until it answered.
        """
        self.place.state.mkdir(parents=True, exist_ok=True)
        self.processes = self.commands()
        try:
            for process in self.processes:
                process.start()
            return await_answer(self.processes, self.ready_url)
        except BaseException:
            self.stop()
            raise

    def prepare(self) -> None:
        """
        What is left to do once it runs.
        """
        return

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.stop()

    def cpu(self) -> float:
        return cpu(self.processes)

    def rss(self) -> float:
        return rss(self.processes)

    def page(self, project: str) -> str:
        return f"{self.url}{self.index}{project}/"

    def file(self, project: str, filename: str) -> str:
        """
        :returns: the address that its page has for a file.
        """
        page = self.page(project)
        answer = ask(page, {"Accept": PIP_ACCEPT})
        if answer.status != 200:
            raise Failed(f"{self.name}: {answer.status} for {page}")
        if "json" in answer.headers["content-type"]:
            links = [file["url"] for file in json.loads(answer.body)["files"]]
        else:
            links = re.findall(r'href="([^"]*)"', unescape(answer.body.decode()))
        for link in map(str, links):
            address: str = urljoin(page, link.partition("#")[0])
            if address.endswith(f"/{filename}"):
                return address
        raise Failed(f"{self.name} does not list {filename}")

    def version(self) -> str:
        package = self.environment()
        python = self._program("python")
        ask_it = f"import importlib.metadata as m; print(m.version({package!r}))"
        told = subprocess.run(
            [python, "-c", ask_it], capture_output=True, text=True, check=True
        )
        return f"{package} {told.stdout.strip()}"

    @classmethod
    def environment(cls) -> str:
        """
        Name of its environment.
        """
        return cls.packages[0].partition("[")[0]

    @property
    def _environment(self) -> Path:
        return self.place.environments / self.environment()

    def _program(self, name: str) -> str:
        return str(self._environment / "bin" / name)


class Direct(Server):
    """
    The upstream itself, asked without anybody between.
    """

    name = "direct"
    about = "the fake upstream itself: nginx with static files"

    @property
    def url(self) -> str:
        return self.place.upstream

    def commands(self) -> list[Process]:
        return []

    def version(self) -> str:
        return nginx.version()


class Ours(Server):
    name = "proxypypi"
    about = "``twistd -n --logfile=FILE proxypypi --dir DIR``, one process"

    def commands(self) -> list[Process]:
        state = self.place.state
        directory = self.directory
        directory.mkdir(exist_ok=True)
        command = [str(BIN / "twistd"), "-n", "--pidfile=", "--logfile"]
        command += [str(state / "twistd.log"), "proxypypi", "--dir", str(directory)]
        command += ["--port", str(self.port)]
        command += ["--index-url", f"{self.place.upstream}/simple/"]
        return [Process(command, state / "printed.log", folder=ROOT)]

    @property
    def ready_url(self) -> str:
        return f"{self.url}/-/ready"

    def version(self) -> str:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        return f"proxypypi at {described.stdout.strip() or 'an unknown commit'}"


class Static(Server):
    """
    Has for pages the very bytes that ours answers with, as :meth:`copy` took them.
    """

    name = "nginx static"
    about = (
        "one worker, the bytes of our own pages and of the files from a directory: "
        "sendfile, gzip_static, open_file_cache, no access log"
    )

    def commands(self) -> list[Process]:
        state = self.place.state
        pages, files = state / "pages", self.files
        self.place.content.write_pages(pages, self.url)
        return [nginx.serve(state, nginx.cached_static(self.port, pages, files))]

    @property
    def files(self) -> Path:
        return self.place.directory or self.place.content.files

    def copy(self, project: str, ours: Server) -> None:
        accept = {"Accept": JSON}
        page = ask(ours.page(project), accept)
        packed = ask(ours.page(project), {**accept, "Accept-Encoding": "gzip"})
        if packed.headers.get("content-encoding") != "gzip":
            raise Failed(f"{ours.name} does not compress {project}")
        pages = self.place.state / "pages"
        write_page(pages, project, "json", page.body, packed.body)

    def file(self, project: str, filename: str) -> str:
        return f"{self.url}/files/{project}/{filename}"

    def version(self) -> str:
        return nginx.version()


class Caching(Static):
    name = "nginx cache"
    about = (
        "one worker, proxy_cache: pages for ten minutes with their links rewritten by "
        "sub_filter and compressed on the fly, files for 30 days, access log on"
    )
    lock = False

    def commands(self) -> list[Process]:
        state = self.place.state
        upstream = self.place.upstream.removeprefix("http://")
        http = nginx.caching_proxy(self.port, state, upstream, self.lock)
        return [nginx.serve(state, http)]


class Locking(Caching):
    name = "nginx cache, lock"
    about = "the same with proxy_cache_lock on"
    lock = True


class Devpi(Server):
    name = "devpi"
    about = "devpi-server alone, with a mirror index; its default of 50 threads"
    index = "/root/pypi/+simple/"
    packages = ("devpi-server",)
    first = ("devpi-init", "--no-root-pypi", "--serverdir", "initialised")

    @property
    def ready_url(self) -> str:
        return f"{self.url}/+api"

    def commands(self) -> list[Process]:
        return [self._devpi(self.port)]

    def _devpi(self, port: int) -> Process:
        directory = self.place.state / "server"
        log = self.place.state / "printed.log"
        shutil.copytree(self._environment / "initialised", directory)
        command = [self._program("devpi-server"), "--serverdir", str(directory)]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        command += ["--mirror-cache-expiry", str(_FIXED_AGE)]
        return Process(command, log)

    def prepare(self) -> None:
        """
        The mirror index is made over the network, as by ``devpi index -c``.
        """
        login = json.dumps({"user": "root", "password": ""}).encode()
        as_json = {"Content-Type": "application/json", "Accept": "application/json"}
        answer = ask(f"{self.url}/+login", as_json, "POST", login)
        token = json.loads(answer.body)["result"]["password"]
        key = base64.b64encode(f"root:{token}".encode()).decode()
        index = {"type": "mirror", "volatile": False}
        index["mirror_url"] = f"{self.place.upstream}/simple/"
        made = ask(
            f"{self.url}/root/pypi",
            {**as_json, "X-Devpi-Auth": key},
            "PUT",
            json.dumps(index).encode(),
        )
        if made.status != 200:
            raise Failed(f"devpi makes no index: {made.status} {made.body[:500]!r}")


class DevpiBehindNginx(Devpi):
    name = "devpi, nginx"
    about = (
        "devpi-server behind nginx, by the file nginx-devpi-caching.conf that "
        "devpi-gen-config writes: pages cached and compressed, files from disk"
    )

    def commands(self) -> list[Process]:
        behind = free_port()
        devpi = self._devpi(behind)
        front = self.place.state / "front"
        front.mkdir(exist_ok=True)
        subprocess.run(
            [
                *(self._program("devpi-gen-config"), "--host", "127.0.0.1"),
                *("--port", str(behind), "--outside-url", self.url),
                *("--serverdir", str(self.place.state / "server")),
            ],
            cwd=front,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_INSTALL,
            check=True,
        )
        http = (front / "gen-config" / "nginx-devpi-caching.conf").read_text()
        http = http.replace("/var/cache/nginx", str(front / "cache"))
        http = http.replace(f"listen {self.port}", f"listen 127.0.0.1:{self.port}")
        http = http.replace("//localhost:", "//127.0.0.1:")
        log = f"access_log {front}/access.log;\n"
        return [devpi, nginx.serve(front, log + http)]


class Proxpi(Server):
    name = "proxpi"
    about = "gunicorn with the options of its image: one process, two threads"
    index = "/index/"
    packages = ("proxpi", "gunicorn")

    def commands(self) -> list[Process]:
        state = self.place.state
        command = [self._program("gunicorn"), "--preload", "--access-logfile", "-"]
        command += ["--access-logformat", '%(h)s "%(r)s" %(s)s %(b)s %(M)dms']
        command += ["--logger-class", "proxpi.server._GunicornLogger"]
        command += ["--bind", f"127.0.0.1:{self.port}", "--threads", "2"]
        command += ["proxpi.server:app"]
        environment = {
            "PROXPI_INDEX_URL": f"{self.place.upstream}/simple/",
            "PROXPI_INDEX_TTL": str(_FIXED_AGE),
            "PROXPI_CACHE_DIR": str(self.directory),
        }
        return [Process(command, state / "printed.log", environment)]


class Pypiserver(Server):
    """
    Serves a directory, so it is given one with all files that it shall list.
    """

    name = "pypiserver"
    about = (
        "gunicorn -w4, as in its documentation, with watchdog, so that its directory "
        "is remembered; no fallback"
    )
    packages = ("pypiserver[cache]", "gunicorn")

    def commands(self) -> list[Process]:
        directory = self.directory
        if not directory.exists():
            self._fill(directory)
        application = (
            f"pypiserver:app(roots=[{str(directory)!r}], disable_fallback=True)"
        )
        command = [self._program("gunicorn"), "-w4", application]
        command += ["--bind", f"127.0.0.1:{self.port}"]
        return [Process(command, self.place.state / "printed.log")]

    def _fill(self, directory: Path) -> None:
        directory.mkdir()
        for project in self.place.projects:
            for file in self.place.content.projects[project]:
                source = self.place.content.files / project / file.filename
                target = directory / file.filename
                if source.exists():
                    target.symlink_to(source)
                else:
                    target.write_bytes(b"x" * 100)


EVERYBODY: Sequence[type[Server]] = (
    Ours,
    Static,
    Caching,
    Locking,
    Devpi,
    DevpiBehindNginx,
    Proxpi,
    Pypiserver,
)


def install(environments: Path) -> None:
    """
    Make the environments that are not there yet; and compile this program, as pip does
    with those that it installs.
    """
    compile_dir(ROOT / "proxypypi", quiet=1)
    for peer in EVERYBODY:
        if not peer.packages:
            continue
        folder = environments / peer.environment()
        finished = folder / "finished"
        if finished.exists():
            continue
        print(f"installing {' '.join(peer.packages)} into {folder}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        commands = [
            [sys.executable, "-m", "venv", str(folder)],
            [str(folder / "bin" / "pip"), "install", "-q", *peer.packages],
        ]
        if peer.first:
            commands.append([str(folder / "bin" / peer.first[0]), *peer.first[1:]])
        for command in commands:
            subprocess.run(
                command,
                cwd=folder,
                stdout=subprocess.DEVNULL,
                timeout=_INSTALL,
                check=True,
            )
        finished.touch()
