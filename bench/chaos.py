"""
Does it ever fail or lie, whatever the index and the clients do?

    python bench/chaos.py [--seed N] [--seconds S] [--log FILE]

Serves an index of 30 projects on loopback that goes wrong at random in every way that
tests/fake_index.py knows, also by going down and by refusing connections, and asks the
real program for its pages, files, ranges and core metadata with 30 clients, some slow,
some leaving in the middle. Meanwhile cached files are removed, private ones come and
go, and the program is killed twice. Then all is put in order, every file is asked for
once more, and things may calm down.

Prints a table of what clients got, and all that was wrong: a body that is complete but
not right, an answer that should never be given, something partial that stayed, an error
in the log, memory or descriptors that did not come back. The exit status is 1 if there
was any. Needs the test extra.
"""

import argparse
import gzip
import json
import os
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM
from tempfile import TemporaryDirectory
from typing import Any

from attrs import define, field
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, TimeoutError, gatherResults
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater, react
from twisted.protocols.policies import WrappingFactory
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http import datetimeToString
from twisted.web.http_headers import Headers
from twisted.web.server import Site

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.distributions import (  # noqa: E402
    BuiltDistribution,
    make_sdist,
    make_wheel,
)
from tests.e2e.harness import TWISTD, Child, Fetch, free_port  # noqa: E402
from tests.fake_index import HTML, JSON, FakeIndex, Fault  # noqa: E402

PROJECTS = 30
FICKLE = 5  # every so many-th project may vanish from the index for a while
CLIENTS = 30
TTL = 1  # seconds
PATIENCE = 60.0  # seconds that a client waits, those in order included
CALM = 90.0  # seconds for all to come right again
GROWTH = 40.0  # MB of resident memory that may be kept
SPARE = 4  # descriptors more than before: connections kept for the next request
SIZES = (0, 0, 3_000, 60_000, 400_000, 3_000_000, 9_000_000)  # bytes
NEVER = {500, 501, 504}

reactor: Any = _reactor


def sleep(seconds: float) -> "Deferred[None]":
    return deferLater(reactor, seconds)


@define(eq=False)
class Upstream:
    """
    The index, and what goes wrong with it.

    :ivar built: all files there are, by project and name.
    """

    rng: random.Random
    index: FakeIndex = field(factory=lambda: FakeIndex(clock=reactor))
    built: dict[tuple[str, str], BuiltDistribution] = field(factory=dict)
    port: int = field(factory=free_port)
    _factory: Any = None
    _listening: IListeningPort | None = None

    def fill(self) -> None:
        for n in range(1, PROJECTS + 1):
            size = SIZES[n % len(SIZES)]
            for make, version in (make_sdist, "1.0"), (make_wheel, "1.0"):
                self.offer(make(f"p{n}", version, payload=size))
            self.offer(make_wheel(f"p{n}", "2.0", payload=2_000))

    def offer(self, built: BuiltDistribution) -> None:
        self.index.add(built)
        self.built[built.project, built.filename] = built

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/simple/"

    def listen(self) -> None:
        if self._listening is None:
            self._factory = WrappingFactory(Site(self.index))
            self._listening = reactor.listenTCP(
                self.port, self._factory, interface="127.0.0.1"
            )

    async def refuse(self) -> None:
        """
        Cut all connections, and let nobody in.
        """
        if self._listening is not None:
            listening, self._listening = self._listening, None
            await listening.stopListening()
            for protocol in list(self._factory.protocols):
                protocol.transport.abortConnection()

    def mend(self) -> None:
        self.index.heal()
        self.index.rate, self.index.delay = None, 0.0
        self.index.sizes = self.index.etags = True
        self.index.links = "relative"
        self.listen()

    async def misbehave(self, until: float) -> None:
        """
        A fault after the other, many at a time, and now and then a trouble for all.
        """
        trouble_at = reactor.seconds() + 3.0
        while reactor.seconds() < until:
            self._one_fault()
            await sleep(self.rng.expovariate(30.0))
            if reactor.seconds() > trouble_at:
                await self._trouble()
                trouble_at = reactor.seconds() + self.rng.uniform(1.0, 5.0)
            self.index.requests.clear()

    async def _trouble(self) -> None:
        rng, index = self.rng, self.index
        match rng.randrange(7):
            case 0:
                await self.refuse()
                await sleep(rng.uniform(0.1, 3.0))
                self.listen()
            case 1:
                index.down = True
                await sleep(rng.uniform(0.1, 3.0))
                index.down = False
            case 2:
                index.rate = rng.choice([None, 200_000.0, 3_000_000.0])
            case 3:
                index.delay = rng.choice([0.0, 0.05, 0.5])
            case 4:
                index.sizes = not index.sizes
            case 5:
                index.etags = not index.etags
            case 6:
                index.links = rng.choice(["relative", "rooted", "absolute"])

    def _one_fault(self) -> None:
        project, filename = self.rng.choice(list(self.built))
        if (project, filename) not in self.built:
            return
        fickle = int(project[1:]) % FICKLE == 0
        size = len(self.built[project, filename].content)
        path = f"/files/{project}/{filename}"
        match self.rng.randrange(8):
            case 0 | 1 | 2:
                path, size = f"/simple/{project}/", 300
                fault = self.rng.choice(list(self._of_pages(project, fickle)))
            case 3:
                path, size = f"{path}.metadata", 60
                fault = self.rng.choice(list(self._of_files(path, size)))
            case _:
                fault = self.rng.choice(list(self._of_files(path, size)))
        common = self.rng.choice(list(self._of_all(path, size)))
        fault = self.rng.choice([fault, common])
        self.index.fail(path, fault, times=self.rng.choice([1, 1, 2, 5]))

    def _of_all(self, path: str, size: int) -> Iterator[Fault]:
        rng = self.rng
        some = rng.randrange(size)
        for status in (400, 401, 403, 500, 502, 503):
            yield Fault(status=status)
        for status in (429, 503):
            yield Fault(status=status, headers={"Retry-After": "1"})
        yield Fault(delay=rng.uniform(0.1, 4.0))
        yield Fault(rate=rng.uniform(size / 3, size))
        yield Fault(stall_at=some, stall=rng.uniform(0.1, 4.0))
        yield Fault(stall_at=some, stall=15.0)
        yield Fault(truncate_at=some)
        yield Fault(truncate_at=some, chunked=True)
        yield Fault(truncate_at=some, reset=True)
        yield Fault(content_length=size * 2)
        yield Fault(content_encoding="gzip")
        yield Fault(content_encoding="nonsense")
        yield Fault(gzip=True)
        yield Fault(chunked=True)
        yield Fault(redirect=path)
        yield Fault(redirect="http://127.0.0.1:1/")
        yield Fault(redirect="file:///etc/passwd")
        yield Fault(redirect="//")

    def _of_pages(self, project: str, fickle: bool) -> Iterator[Fault]:
        yield Fault(body=b"\x00garbage")
        yield Fault(body=b"")
        yield Fault(body=b'{"meta": {"api-version": "9.0"}}')
        yield Fault(body=b"{}", headers={"Content-Type": "application/pdf"})
        if fickle:
            empty = {"meta": {"api-version": "1.0"}, "name": project, "files": []}
            tags = {"ETag": '"empty"', "Last-Modified": datetimeToString(1).decode()}
            yield Fault(status=404)
            yield Fault(body=json.dumps(empty).encode(), headers=tags)

    def _of_files(self, path: str, size: int) -> Iterator[Fault]:
        some = self.rng.randrange(size)
        yield Fault(status=404)
        yield Fault(wrong_bytes=True)
        yield Fault(wrong_bytes=True, ranges=False)
        yield Fault(ranges=False)
        yield Fault(ranges=False, truncate_at=some)
        yield Fault(body=b"garbage")
        yield Fault(body=b"")
        yield Fault(body=self.rng.randbytes(size + 1000))
        yield Fault(content_length=some)
        yield Fault(headers={"Content-Range": "bytes 5-4/3"})


@define(eq=False)
class Proxy:
    """
    The program, one process after the other.
    """

    directory: Path
    index_url: str
    port: int = field(factory=free_port)
    log: str = ""
    ended: list[int] = field(factory=list)
    _child: Child = field(init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        options = ["--dir", str(self.directory), "--port", str(self.port)]
        options += ["--index-url", self.index_url, "--index-ttl", str(TTL)]
        options += ["--min-free", "0"]
        args = [*TWISTD, *options]
        self._child = Child(args)
        reactor.spawnProcess(self._child, args[0], args, env=env, path=str(ROOT))
        while (await get(f"{self.url}/-/ready")).code != 200:
            if self._child.status is not None:
                raise RuntimeError(self._child.output)
            await sleep(0.05)

    async def end(self, signal: str) -> None:
        self._child.signal(signal)
        self.ended.append(await self._child.ends(60.0))
        self.log += self._child.output

    @property
    def memory(self) -> float:
        """
        Resident, in MB.
        """
        return self._child.rss() / 1e6

    @property
    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self._child.pid}/fd"))


def fetch(url: str, method: str = "GET", **headers: str) -> Fetch:
    """
    Start a request on a connection of its own.

    :param headers: with underscores for the dashes.
    """
    agent: Any = Agent(reactor, pool=HTTPConnectionPool(reactor, persistent=False))
    sent = Headers({name.replace("_", "-"): [v] for name, v in headers.items()})
    started = Fetch(url, True, reactor.seconds())
    started.begin(agent.request(method.encode(), url.encode(), sent))
    return started


async def get(url: str, method: str = "GET", **headers: str) -> Fetch:
    started = fetch(url, method, **headers)
    with suppress(TimeoutError):
        await started.done().addTimeout(PATIENCE, reactor)
    return started


def _may_miss(url: str) -> bool:
    """
    Is it a private file, or of a project that vanishes now and then?
    """
    number = re.search(r"/p(\d+)/(?!p\d+-\d\.7-)", url)
    return number is None or int(number[1]) % FICKLE == 0


@define(eq=False)
class Crowd:
    """
    Clients, and what they got.

    :ivar known: all files, private ones included.
    :ivar wrong: what should never be.
    """

    rng: random.Random
    url: str
    known: dict[tuple[str, str], BuiltDistribution]
    got: Counter[tuple[str, str]] = field(factory=Counter)
    wrong: list[str] = field(factory=list)

    async def ask(self, until: float) -> None:
        """
        One client.
        """
        kinds: list[Callable[[], Coroutine[Any, Any, None]]] = [
            *[self._whole] * 4,
            *[self._range] * 4,
            *[self._page] * 4,
            *[self._leave] * 2,
            *(self._slow, self._head, self._known, self._metadata, self._list),
        ]
        while reactor.seconds() < until:
            await self.rng.choice(kinds)()
            await sleep(self.rng.expovariate(20.0))

    def _any(self) -> tuple[BuiltDistribution, str]:
        """
        :returns: a file and its address; there are a few that many want.
        """
        files = list(self.known.values())
        if self.rng.random() < 0.3:
            files = files[:: len(files) // 7]
        built = self.rng.choice(files)
        return built, f"{self.url}/files/{built.project}/{built.filename}"

    def blame(self, kind: str, answer: Fetch, what: str) -> None:
        self.wrong.append(f"{kind}: {answer.url}: {what} ({answer.code})")

    def _judge(self, kind: str, answer: Fetch, good: set[int]) -> bool:
        """
        :returns: is it complete and good, so that its body counts?
        """
        if answer.complete is None:
            self.blame(kind, answer, f"no end within {PATIENCE} s")
            answer.hang_up()
            return False
        if not answer.complete:
            self.got[kind, "refused" if answer.code is None else "cut"] += 1
            return False
        self.got[kind, str(answer.code)] += 1
        if answer.code in NEVER:
            self.blame(kind, answer, answer.body[:200].decode(errors="replace"))
        if answer.code == 404 and not _may_miss(answer.url):
            what = answer.body[-200:].decode(errors="replace")
            self.blame(kind, answer, f"was never missing: {what}")
        if answer.code == 503 and answer.header("Retry-After") is None:
            self.blame(kind, answer, "without Retry-After")
        if answer.code in good and answer.header("Content-Encoding") not in (
            None,
            "gzip" if kind in ("page", "list") else None,
        ):
            self.blame(kind, answer, "with a Content-Encoding")
        return answer.code in good

    def _same(self, kind: str, answer: Fetch, body: bytes) -> None:
        if answer.body != body:
            status = answer.header("Cache-Status")
            what = f"{len(answer.body)} wrong bytes for {len(body)}, {status}"
            self.blame(kind, answer, what)

    async def _whole(self) -> None:
        built, url = self._any()
        answer = await get(url)
        if self._judge("whole", answer, {200}):
            self._same("whole", answer, built.content)

    async def _slow(self) -> None:
        built, url = self._any()
        answer = fetch(url)
        for _ in range(5):
            await sleep(self.rng.uniform(0.05, 0.5))
            transport: Any = answer.transport
            if transport is not None and answer.complete is None:
                transport.pauseProducing()
                await sleep(self.rng.uniform(0.1, 1.0))
                if answer.complete is None:
                    transport.resumeProducing()
        with suppress(TimeoutError):
            await answer.done().addTimeout(PATIENCE, reactor)
        if self._judge("slow", answer, {200}):
            self._same("slow", answer, built.content)

    async def _leave(self) -> None:
        built, url = self._any()
        answer = fetch(url, Range=f"bytes={self._start(built)}-")
        await sleep(self.rng.expovariate(5.0))
        self.got["leave", "gone" if answer.complete is None else "too late"] += 1
        answer.hang_up()
        await answer.done()

    def _start(self, built: BuiltDistribution) -> int:
        return self.rng.choice([0, self.rng.randrange(len(built.content))])

    async def _range(self) -> None:
        built, url = self._any()
        size = len(built.content)
        start, length = self._start(built), self.rng.randrange(1, size + 1)
        start, stop, wanted = self.rng.choice(
            [
                (start, size, f"{start}-"),
                (start, min(size, start + length), f"{start}-{start + length - 1}"),
                (size - length, size, f"-{length}"),
            ]
        )
        answer = await get(url, Range=f"bytes={wanted}")
        if not self._judge("range", answer, {200, 206}):
            return
        if answer.code == 200:
            self._same("range", answer, built.content)
        elif "fwd=miss" in (answer.header("Cache-Status") or ""):
            right = answer.body == built.content[start:stop]  # is not promised
            self.got["relayed", "right" if right else "upstream's"] += 1
        elif answer.header("Content-Range") != f"bytes {start}-{stop - 1}/{size}":
            self.blame("range", answer, f"{answer.header('Content-Range')}")
        else:
            self._same("range", answer, built.content[start:stop])

    async def _head(self) -> None:
        built, url = self._any()
        answer = await get(url, "HEAD")
        hit = "hit" in (answer.header("Cache-Status") or "")
        wrong = answer.length != len(built.content)
        if self._judge("head", answer, {200}) and hit and wrong:
            self.blame("head", answer, f"length {answer.length}")

    async def _known(self) -> None:
        built, url = self._any()
        tag = self.rng.choice([built.sha256, "0" * 64])
        answer = await get(url, If_None_Match=f'"{tag}"')
        if self._judge("known", answer, {200}):
            self._same("known", answer, built.content)
        elif answer.code == 304 and tag != built.sha256:
            self.blame("known", answer, "is another's")

    async def _metadata(self) -> None:
        built, url = self._any()
        if url.endswith(".whl"):
            answer = await get(f"{url}.metadata")
            if self._judge("metadata", answer, {200}):
                self._same("metadata", answer, built.metadata)

    async def _list(self) -> None:
        answer = await get(f"{self.url}/simple/", Accept=JSON)
        if self._judge("list", answer, {200}):
            names = {project["name"] for project in json.loads(answer.body)["projects"]}
            if not names:
                self.blame("list", answer, "is empty")

    async def _page(self) -> None:
        project = self._any()[0].project
        headers = {"Accept": self.rng.choice([JSON, HTML, "text/html"])}
        if self.rng.random() < 0.3:
            headers["Accept-Encoding"] = "gzip"
        answer = await get(f"{self.url}/simple/{project}/", **headers)
        if self._judge("page", answer, {200}):
            self._check_page(project, answer)

    def _check_page(self, project: str, answer: Fetch) -> None:
        body = answer.body
        if answer.header("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if "json" in (answer.header("Content-Type") or ""):
            listed = {
                file["filename"]: file["hashes"].get("sha256")
                for file in json.loads(body)["files"]
            }
        else:
            text = body.decode()
            anchors = re.findall(r'href="[^"#]*/([^"/#]+)#sha256=(\w+)"', text)
            listed = dict(anchors)
            if "</html>" not in text:
                self.blame("page", answer, "has no end")
        for filename, digest in listed.items():
            built = self.known.get((project, filename))
            if built is None or digest not in (None, built.sha256):
                self.blame("page", answer, f"lists {filename} with {digest}")


@define(eq=False)
class Chaos:
    seed: int
    seconds: float
    directory: Path
    rng: random.Random = field(init=False)
    upstream: Upstream = field(init=False)
    proxy: Proxy = field(init=False)
    crowd: Crowd = field(init=False)
    wrong: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.upstream = Upstream(random.Random(self.rng.random()))
        self.upstream.fill()
        self.proxy = Proxy(self.directory, self.upstream.url)
        self.crowd = Crowd(
            random.Random(self.rng.random()), self.proxy.url, self.upstream.built.copy()
        )

    async def run(self) -> None:
        self.upstream.listen()
        await self.proxy.start()
        await self._all_pages()
        memory, files = self.proxy.memory, self.proxy.descriptors
        until = reactor.seconds() + self.seconds
        jobs = [self.crowd.ask(until) for _ in range(CLIENTS)]
        jobs += [self.upstream.misbehave(until), self._meddle(until), self._kill(until)]
        await gatherResults(
            [Deferred.fromCoroutine(job) for job in jobs], consumeErrors=True
        )
        self.upstream.mend()
        began = reactor.seconds()
        await self._calm(began, "files", self._missing)
        await self._calm(began, "partial", self._partial)
        await self._calm(
            began,
            f"descriptors, {files} before",
            lambda: max(0, self.proxy.descriptors - files - SPARE),
        )
        await self._calm(began, "health", self._health)
        print(f"calm after {reactor.seconds() - began:.1f} s")
        print(f"descriptors {files} before, {self.proxy.descriptors} after")
        print(f"RSS {memory:.1f} MB before, {self.proxy.memory:.1f} MB after")
        if self.proxy.memory > memory + GROWTH:
            self.wrong.append(f"memory: {memory:.1f} MB became {self.proxy.memory:.1f}")
        await self.proxy.end("TERM")
        self._check_ends()
        self._check_log()

    async def _all_pages(self) -> None:
        for project in dict.fromkeys(name for name, _ in self.upstream.built):
            await get(f"{self.proxy.url}/simple/{project}/")
        await get(f"{self.proxy.url}/simple/")

    async def _meddle(self, until: float) -> None:
        """
        Remove cached files, and let private ones come and go.
        """
        private = [make_wheel(f"own{n}", payload=40_000 * n) for n in range(1, 4)]
        private += [make_wheel("p7", f"{n}.7", payload=5_000) for n in range(1, 4)]
        self.crowd.known |= {(one.project, one.filename): one for one in private}
        while reactor.seconds() < until:
            built = self.rng.choice(private)
            path = self.directory / built.project / built.filename
            if path.exists():
                path.unlink()
            else:
                path.parent.mkdir(exist_ok=True)
                beside = path.with_name(".coming")
                beside.write_bytes(built.content)
                beside.rename(path)
            for project, filename in self.rng.sample(list(self.upstream.built), 3):
                (self.directory / project / filename).unlink(missing_ok=True)
            await sleep(self.rng.uniform(0.1, 0.8))

    async def _kill(self, until: float) -> None:
        for _ in range(2):
            left = until - reactor.seconds()
            await sleep(self.rng.uniform(0.2, 0.5) * left)
            await self.proxy.end("KILL")
            await self.proxy.start()

    async def _calm(self, began: float, what: str, missing: Callable[[], Any]) -> None:
        """
        Wait for something to come right.

        :param missing: what is wrong with it still; false for nothing.
        """
        while True:
            left = missing()
            if isinstance(left, Coroutine):
                left = await left
            if not left:
                return
            if reactor.seconds() > began + CALM:
                self.wrong.append(f"{what}: after {CALM:.0f} s of calm: {left}")
                return
            await sleep(0.5)

    async def _missing(self) -> list[str]:
        """
        :returns: the files that are not served as they should be.
        """
        await self._all_pages()
        missing = []
        for (project, filename), built in self.upstream.built.items():
            answer = await get(f"{self.proxy.url}/files/{project}/{filename}")
            if not answer.complete or answer.body != built.content:
                missing.append(f"{filename}: {answer.code} {answer.error}")
        return missing

    def _partial(self) -> list[str]:
        partials = self.directory / ".proxypypi" / "cache" / "partials"
        return [
            str(path.relative_to(self.directory))
            for path in self.directory.rglob("*")
            if path.is_file()
            and (partials in path.parents or path.suffix in (".part", ".tmp"))
        ]

    async def _health(self) -> str:
        said = (await get(f"{self.proxy.url}/-/health")).body.decode().strip()
        return "" if said == "ok" else said

    def _check_ends(self) -> None:
        if self.proxy.ended[:-1] != [-SIGKILL, -SIGKILL]:
            self.wrong.append(f"it ended by itself: {self.proxy.ended}")
        if self.proxy.ended[-1] not in (0, -SIGTERM):
            self.wrong.append(f"its end was not in order: {self.proxy.ended}")

    def _check_log(self) -> None:
        log = self.proxy.log
        for sign in ("Traceback", "Unhandled", "CRITICAL", "Warning:"):
            for found in re.finditer(re.escape(sign), log):
                self.wrong.append(
                    f"log: {log[found.start() - 300 : found.end() + 2000]}"
                )
                break


def report(chaos: Chaos) -> list[str]:
    got = chaos.crowd.got
    for kind in dict.fromkeys(kind for kind, _ in sorted(got)):
        counts = [f"{what} {n}" for (k, what), n in sorted(got.items()) if k == kind]
        print(f"{kind:10} {', '.join(counts)}")
    wrong = [*chaos.crowd.wrong, *chaos.wrong]
    print(f"{sum(got.values())} requests, {len(wrong)} wrong")
    for what in wrong[:20]:
        print(f"- {what}")
    return wrong


async def main(_: Any, seed: int, seconds: float, log: str | None) -> None:
    with TemporaryDirectory() as temp:
        chaos = Chaos(seed, seconds, Path(temp))
        print(f"--seed {seed}", flush=True)
        try:
            await chaos.run()
        finally:
            if log is not None:
                Path(log).write_text(chaos.proxy.log)
        if report(chaos):
            raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[1])
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--log", help="where the program's log goes")
    chosen = parser.parse_args()
    react(main, (chosen.seed, chosen.seconds, chosen.log))
