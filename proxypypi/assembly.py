"""
Assembly: the core, and the faces in front of it, out of settings and what connects
them to the world.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import define
from twisted.internet.defer import Deferred

from proxypypi.auth.accounts import Accounts
from proxypypi.cache.arrivals import Arrivals
from proxypypi.cache.books import Books
from proxypypi.core import Core, build_core
from proxypypi.events import DEGRADED
from proxypypi.interfaces import IIndex
from proxypypi.settings import Settings
from proxypypi.store.counts import Counts
from proxypypi.store.generations import Generations
from proxypypi.store.totals import TotalsStore
from proxypypi.web.files import FileRoutes
from proxypypi.web.gate import Gate
from proxypypi.web.home import HomeRoutes
from proxypypi.web.integrity import IntegrityRoutes
from proxypypi.web.json_api import JsonRoutes
from proxypypi.web.metrics import Metrics
from proxypypi.web.requirements import RequirementsRoutes
from proxypypi.web.simple import SimpleRoutes
from proxypypi.web.site import Faces
from proxypypi.web.status import StatusRoutes
from proxypypi.web.tally import Tally
from proxypypi.web.ui.board import Board
from proxypypi.web.uploads import UploadRoutes

if TYPE_CHECKING:
    from proxypypi.cache.lookout import Lookout


@define(eq=False)
class Proxy:
    """
    The core, assembled, and the faces in front of it.
    """

    core: Core
    accounts: Accounts
    faces: Faces
    books: Books
    board: Board


def build(
    settings: Settings,
    clock: Any,
    indexes: Sequence[IIndex],
    in_thread: Callable[..., "Deferred[Any]"],
    make_list: Callable[[str], "Deferred[None]"],
    generations: Generations | None = None,
    counts: Counts | None = None,
) -> Proxy:
    """
    :param clock: an ``IReactorTime``.
    :param indexes: one for each of the settings' upstreams.
    :param in_thread: runs a blocking call with arguments.
    :param make_list: see :class:`proxypypi.store.children.ListMaker`.
    :param generations: what all processes of the server have in common; :obj:`None` if
        it is of one process.
    :param counts: likewise, what they count.
    """
    names = settings.upstream_names
    counts = counts or Counts.alone(names)
    books = Books(counts, TotalsStore.of(settings.directory, in_thread), clock)
    core = build_core(
        settings, clock, indexes, in_thread, make_list, counts, generations
    )
    accounts = Accounts.of(settings, core.health, counts, clock, in_thread)
    gate = Gate(
        accounts,
        says_who_reads=settings.read_auth is not None,
        says_who_uploads=settings.upload_auth is not None,
    )
    uploads = UploadRoutes(
        Arrivals(core.uploads, settings.max_upload, core.housekeeping.find_room),
        core.publishing,
        gate,
    )

    async def trouble() -> str:
        await accounts.look()
        if faces.stopping:
            return "stopping"
        ours = core.health.trouble
        others = books.look()[(DEGRADED.name,)] - bool(ours)
        return ours or ("another worker says so, see the log" if others > 0 else "")

    board = Board(
        partial(_look_out, settings, core, accounts, books, clock, in_thread), clock
    )
    metrics = Metrics(books, names, settings.directory, clock, in_thread)
    status = StatusRoutes(
        lambda: not faces.stopping, trouble, core.pages, gate, metrics, board
    )
    simple = SimpleRoutes(core.listings, core.catalogue, clock).router.resource()
    files = FileRoutes(
        core.finder, core.files, core.metadata, core.ahead, clock
    ).router.resource()
    of_uploads = uploads.router.resource()
    requirements = RequirementsRoutes(gate, core.prefetch, clock, in_thread)
    faces = Faces(
        HomeRoutes([i.url for i in indexes], uploads, board).router.resource(),
        {
            "simple": simple,
            "local": simple,
            "snapshot": simple,
            "files": files,
            "package": files,
            "packages": files,
            "pypi": JsonRoutes(core.documents, clock).router.resource(),
            "legacy": of_uploads,
            "uploadpackage": of_uploads,
            "integrity": IntegrityRoutes(core.attestations).router.resource(),
            "-": status.router.resource(),
            "requirements.txt": requirements.router.resource(),
        },
        gate,
        Tally(counts),
    )
    return Proxy(core=core, accounts=accounts, faces=faces, books=books, board=board)


def _look_out(
    settings: Settings,
    core: Core,
    accounts: Accounts,
    books: Books,
    clock: Any,
    in_thread: Callable[..., "Deferred[Any]"],
) -> "Lookout":
    """
    See :class:`~proxypypi.web.ui.board.Board` for why this is not loaded before.
    """
    from proxypypi.cache.lookout import Lookout
    from proxypypi.cache.newcomers import Newcomers

    return Lookout(
        core.health,
        accounts.look,
        books,
        core.upstreams,
        core.downloads,
        core.partials,
        Newcomers.of(settings.directory, core.directory, core.names.is_denied),
        clock,
        in_thread,
    )
