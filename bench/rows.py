"""
The rows of the table: what is measured, of whom, and how.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from attrs import Factory, frozen

from bench import loads
from bench.content import CROWD, HUGE, KB, LARGE, MB, MEDIUM, SMALL, TREES
from bench.peers import (
    EVERYBODY,
    PIP_ACCEPT,
    Caching,
    Devpi,
    DevpiBehindNginx,
    Direct,
    Locking,
    Ours,
    Proxpi,
    Pypiserver,
    Server,
    Static,
)
from bench.processes import Answer, Failed, ask, watched_memory
from bench.upstream import Upstream

CONNECTIONS = 64
CROWD_SIZE = 50
LOAD = 1  # seconds
SLOW = 0.1  # seconds for one request
INSTALLERS = dict(zip(("pip", "uv"), TREES, strict=True))


@frozen
class Metric:
    """
    A column of figures.

    :ivar more: is more of it better?
    :ivar ratio: does a ratio say anything?
    """

    name: str
    more: bool = False
    ratio: bool = True


RATE = Metric("requests/s", more=True)
SPEED = Metric("MB/s", more=True)
CPU_REQUEST = Metric("CPU, µs/request")
CPU_GB = Metric("CPU, s/GB")
SECONDS = Metric("seconds")
COLD = Metric("cold, seconds")
WARM = Metric("warm, seconds")
FIRST = Metric("first byte, ms")
STALL = Metric("longest wait of others, ms")
ASKED = Metric("upstream requests", ratio=False)
GROWTH = Metric("growth of memory, MB", ratio=False)
STARTED = Metric("start to first answer, s")
MEMORY = Metric("idle memory, MB")


Measure = Callable[[Upstream, Server], Mapping[Metric, float]]
Goals = Mapping[Metric, str]


@frozen(kw_only=True)
class Row:
    """
    :ivar about: for the reader of the table.
    :ivar metrics: what *measure* finds.
    :ivar goals: what we want to reach.
    :ivar rounds: at most so many, as it takes long.
    :ivar without: those of the group's servers of which it would tell nothing.
    """

    name: str
    about: str
    measure: Measure
    metrics: Sequence[Metric]
    goals: Goals = Factory(dict)
    rounds: int = 100
    without: Sequence[type[Server]] = ()


@frozen(kw_only=True)
class Group:
    """
    Rows that the same servers are measured with.

    :ivar servers: the order in which they take turns.
    :ivar cannot: who is not among them, and why.
    :ivar shaped: is the upstream slow and far?
    :ivar fresh: are all started anew, with nothing cached, for each round?
    :ivar files: so many lie in the directory beforehand; :obj:`None` for a group that
        runs all the time, not once for each measurement.
    :ivar projects: those that are needed.
    :ivar copied: pages that nginx serves as static files.
    """

    rows: Sequence[Row]
    servers: Sequence[type[Server]]
    cannot: Mapping[type[Server], str] = Factory(dict)
    shaped: bool = False
    fresh: bool = False
    files: int | None = None
    projects: Sequence[str] = ()
    copied: Sequence[str] = ()


def _page(project: str) -> Callable[[Upstream, Server], str]:
    return lambda upstream, server: server.page(project)


def _file(project: str, n: int = 0) -> Callable[[Upstream, Server], str]:
    def address(upstream: Upstream, server: Server) -> str:
        return server.file(project, upstream.content.filename(project, n))

    return address


def _answer(url: str, headers: Mapping[str, str]) -> Answer:
    answer = ask(url, headers)
    if answer.status != 200:
        raise Failed(f"answers {answer.status}")
    return answer


def hammered(
    address: Callable[[Upstream, Server], str],
    headers: Mapping[str, str],
    connections: int = CONNECTIONS,
) -> Measure:
    """
    Small and hot. Who is slow at it is asked once.
    """

    def measure(upstream: Upstream, server: Server) -> Mapping[Metric, float]:
        url = address(upstream, server)
        ask(url, headers)
        before = server.cpu()
        once = _answer(url, headers)
        if once.seconds > SLOW:
            return {
                RATE: 1 / once.seconds,
                CPU_REQUEST: (server.cpu() - before) * 1e6,
            }
        before = server.cpu()
        done = loads.hammer(url, headers, connections, LOAD)
        used = server.cpu() - before
        return {RATE: done.rate, CPU_REQUEST: used * 1e6 / done.requests}

    return measure


def downloaded(project: str, n: int, clients: int, size: int, warm: bool) -> Measure:
    """
    Large, hot or cold.
    """

    def measure(upstream: Upstream, server: Server) -> Mapping[Metric, float]:
        url = _file(project, n)(upstream, server)
        if warm:
            loads.download(url, 1, size)
        before = server.cpu()
        done = loads.download(url, clients, size)
        used = server.cpu() - before
        return {
            SPEED: done.bytes / done.seconds / 1e6,
            CPU_GB: used * 1e9 / done.bytes,
        }

    return measure


def first_byte(upstream: Upstream, server: Server) -> Mapping[Metric, float]:
    url = _file("f10m", 0)(upstream, server)
    done = loads.download(url, 1, 10 * MB)
    return {FIRST: done.first * 1000, SECONDS: done.seconds}


def crowded(project: str, n: int | None) -> Measure:
    """
    Many clients for one cold thing.

    :param n: which file of the project; :obj:`None` is for its page.
    """

    def measure(upstream: Upstream, server: Server) -> Mapping[Metric, float]:
        if n is None:
            url, path, size = server.page(project), f"/simple/{project}/", 0
            headers: Mapping[str, str] = loads.PAGE
        else:
            file = upstream.content.projects[project][n]
            url = server.file(project, file.filename)
            path, size = f"/files/{project}/{file.filename}", file.size
            headers = loads.FILE
        asked = upstream.requests(path)
        with watched_memory(server.processes) as seen:
            done = loads.download(url, CROWD_SIZE, size, headers)
        return {
            SECONDS: done.seconds,
            ASKED: upstream.requests(path) - asked,
            GROWTH: max(seen) - seen[0],
        }

    return measure


def first_of_many(upstream: Upstream, server: Server) -> Mapping[Metric, float]:
    """
    A long page for the first time, and somebody else who asks meanwhile.
    """
    small = server.page(SMALL)
    _answer(small, {"Accept": PIP_ACCEPT})
    with loads.probing(small) as waited:
        answer = _answer(server.page(HUGE), loads.PAGE)
        time.sleep(0.2)
    return {STALL: waited[0], SECONDS: answer.seconds}


def installed(tool: str) -> Measure:
    """
    Twice: the second time all is cached.
    """

    def measure(upstream: Upstream, server: Server) -> Mapping[Metric, float]:
        index = f"{server.url}{server.index}"
        package = f"{INSTALLERS[tool]}0"
        return {what: loads.install(tool, index, package) for what in (COLD, WARM)}

    return measure


def started(upstream: Upstream, server: Server) -> Mapping[Metric, float]:
    """
    From the start of the program to a page; then memory, and what a hot page costs.
    """
    taken = server.start()
    try:
        server.prepare()
        lists_files = server.place.directory and isinstance(server, Pypiserver)
        url = server.page("p0" if lists_files else SMALL)
        answer = _answer(url, loads.PAGE)
        time.sleep(1)
        memory = server.rss()
        hot = hammered(lambda upstream, server: url, loads.PAGE, 16)(upstream, server)
    finally:
        server.stop()
    return {
        STARTED: taken + answer.seconds,
        MEMORY: memory,
        CPU_REQUEST: hot[CPU_REQUEST],
    }


_FETCHING = (Ours, Caching, Locking, Devpi, DevpiBehindNginx, Proxpi)
_NO_FETCH = "fetches nothing: it serves its directory"
_NEITHER: Mapping[type[Server], str] = {Static: _NO_FETCH, Pypiserver: _NO_FETCH}
_UNLIKE_HOT: Mapping[type[Server], str] = {
    Locking: "no different from nginx cache once all is cached"
}
_HOT = tuple(server for server in EVERYBODY if server is not Locking)


_MOST_FOR_PYPISERVER = 20_000  # files


def _clients(count: int) -> Row:
    return Row(
        name=f"clients-{count}",
        about=f"2 KB page, hot, {count} connections",
        measure=hammered(_page(SMALL), loads.PAGE, count),
        rounds=2,
        metrics=(RATE, CPU_REQUEST),
    )


def _filled(count: int) -> Group:
    row = Row(
        name=f"start-{count}",
        about=f"directory of {count:,} files",
        measure=started,
        rounds=2,
        metrics=(STARTED, MEMORY, CPU_REQUEST),
        goals={STARTED: "at most 1 s"} if count == 20_000 else {},
    )
    not_filled = "its cache cannot be filled by putting files there"
    servers: list[type[Server]] = [Ours, Static, Proxpi]
    cannot: dict[type[Server], str] = dict.fromkeys(
        (Caching, Locking, Devpi, DevpiBehindNginx), not_filled
    )
    if count > _MOST_FOR_PYPISERVER:
        cannot[Pypiserver] = "not run: see what a page costs it with 10,000 files"
    else:
        servers.append(Pypiserver)
    return Group(rows=[row], servers=servers, cannot=cannot, files=count)


GROUPS = (
    Group(
        rows=[
            Row(
                name="page-2k",
                about="2 KB page, hot",
                measure=hammered(_page(SMALL), loads.PAGE),
                metrics=(RATE, CPU_REQUEST),
                goals={RATE: "0.70 of nginx static"},
            ),
            Row(
                name="file-10k",
                about="10 KB file, cached",
                measure=hammered(_file("f10k"), loads.FILE),
                metrics=(RATE, CPU_REQUEST),
                goals={RATE: "0.70 of nginx static"},
            ),
            Row(
                name="file-100k",
                about="100 KB file, cached",
                measure=hammered(_file("f100k"), loads.FILE),
                metrics=(RATE, CPU_REQUEST),
                goals={RATE: "0.75 of nginx static"},
            ),
            Row(
                name="file-200m-1",
                about="200 MB file, cached, 1 client",
                measure=downloaded("f200m", 0, 1, 200 * MB, warm=True),
                metrics=(SPEED, CPU_GB),
                goals={SPEED: "1.0 of nginx static"},
            ),
            Row(
                name="file-200m-8",
                about="200 MB file, cached, 8 clients",
                measure=downloaded("f200m", 0, 8, 200 * MB, warm=True),
                metrics=(SPEED, CPU_GB),
                goals={SPEED: "1.0 of nginx static"},
            ),
            *map(_clients, (10, 100, 1000)),
        ],
        servers=_HOT,
        cannot=_UNLIKE_HOT,
        projects=(SMALL, "f10k", "f100k", "f200m"),
        copied=(SMALL,),
    ),
    Group(
        rows=[
            Row(
                name="page-200k",
                about="page of 200 KB gzipped (3,700 files), hot",
                measure=hammered(_page(MEDIUM), loads.PAGE),
                metrics=(RATE, CPU_REQUEST),
                goals={RATE: "0.80 of nginx static"},
            ),
            Row(
                name="page-2m",
                about="page of 2 MB not compressed (5,400 files), hot",
                measure=hammered(_page(LARGE), loads.PLAIN_PAGE),
                metrics=(RATE, CPU_REQUEST),
                goals={RATE: "1.5 of nginx static"},
            ),
        ],
        servers=_HOT,
        cannot=_UNLIKE_HOT,
        projects=(SMALL, MEDIUM, LARGE),
        copied=(MEDIUM, LARGE),
    ),
    Group(
        rows=[
            Row(
                name="cold-200m-1",
                about="200 MB file, cold, 1 client",
                measure=downloaded("f200m", 0, 1, 200 * MB, warm=False),
                metrics=(SPEED, CPU_GB),
                goals={SPEED: "0.75 of nginx cache"},
            ),
            Row(
                name="cold-200m-4",
                about="200 MB file, cold, 4 clients at once",
                measure=downloaded("f200m", 1, 4, 200 * MB, warm=False),
                metrics=(SPEED, CPU_GB),
                goals={SPEED: "3 of nginx cache"},
            ),
            Row(
                name="first-4500",
                about="page of 4,500 files for the first time",
                measure=first_of_many,
                metrics=(STALL, SECONDS),
                goals={STALL: "at most 25 ms"},
            ),
        ],
        servers=_FETCHING,
        cannot=_NEITHER,
        fresh=True,
    ),
    Group(
        rows=[
            Row(
                name="first-byte",
                about="10 MB file, cold, slow and far",
                measure=first_byte,
                metrics=(FIRST, SECONDS),
                goals={FIRST: "0.83 of direct"},
            ),
            Row(
                name="crowd-file",
                about="3 MB file, cold, 50 clients, slow and far",
                measure=crowded("f3m", 0),
                without=(Direct,),
                metrics=(SECONDS, ASKED, GROWTH),
                goals={ASKED: "1", GROWTH: "at most 20 MB"},
            ),
            Row(
                name="crowd-page",
                about="200 KB page, cold, 50 clients, slow and far",
                measure=crowded(CROWD, None),
                without=(Direct,),
                metrics=(SECONDS, ASKED, GROWTH),
                goals={ASKED: "1", GROWTH: "at most 20 MB"},
            ),
            *(
                Row(
                    name=f"install-{tool}",
                    about=f"{tool} install, 40 packages, slow and far",
                    measure=installed(tool),
                    metrics=(COLD, WARM),
                    rounds=2,
                    without=(Locking,),
                )
                for tool in INSTALLERS
            ),
        ],
        servers=(Direct, *_FETCHING),
        cannot=_NEITHER,
        shaped=True,
        fresh=True,
    ),
    Group(
        rows=[
            Row(
                name="start-0",
                about="empty directory",
                measure=started,
                rounds=2,
                metrics=(STARTED, MEMORY, CPU_REQUEST),
                goals={MEMORY: "at most 60 MB"},
            )
        ],
        servers=EVERYBODY,
        projects=(SMALL,),
        files=0,
    ),
    *map(_filled, (1 * KB, 10 * KB, 20 * KB, 100 * KB, 200 * KB)),
)
