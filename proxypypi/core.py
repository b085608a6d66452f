"""
The core, assembled: all that decides, and what it decides on.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred

from proxypypi.cache.ahead import Ahead
from proxypypi.cache.attestations import Attestations
from proxypypi.cache.catalogue import Catalogue
from proxypypi.cache.cooldown import Cooldown
from proxypypi.cache.documents import Documents
from proxypypi.cache.doubts import Doubts
from proxypypi.cache.downloads import Downloads
from proxypypi.cache.facts import Facts
from proxypypi.cache.files import Files
from proxypypi.cache.finding import Finder
from proxypypi.cache.gathering import Gathering
from proxypypi.cache.health import Health
from proxypypi.cache.holdings import Holdings
from proxypypi.cache.housekeeping import Housekeeping
from proxypypi.cache.json_api import JsonApi
from proxypypi.cache.keeper import Keeper
from proxypypi.cache.listings import Listings
from proxypypi.cache.marks import MarkCache
from proxypypi.cache.metadata import MetadataCache
from proxypypi.cache.pages import PageCache
from proxypypi.cache.prefetch import Prefetch
from proxypypi.cache.private import PrivateNames
from proxypypi.cache.reader import Reader
from proxypypi.cache.releases import ReleaseCache
from proxypypi.cache.removal import Removal
from proxypypi.cache.shelf import Shelf
from proxypypi.cache.streams import Streams
from proxypypi.cache.uploads import Uploads
from proxypypi.cache.upstreams import Upstream, Upstreams
from proxypypi.cache.uses import Uses
from proxypypi.events import IEvents
from proxypypi.interfaces import IIndex
from proxypypi.rules.asking import Asking
from proxypypi.rules.cooldown import MinAges
from proxypypi.rules.freshness import Freshness
from proxypypi.settings import Settings
from proxypypi.store.attestations import AttestationStore
from proxypypi.store.changes import Changes
from proxypypi.store.claims import ClaimStore
from proxypypi.store.directory import Directory
from proxypypi.store.facts import FactsStore
from proxypypi.store.generations import Generations
from proxypypi.store.lists import ListStore
from proxypypi.store.marks import MarkStore
from proxypypi.store.pages import PageStore
from proxypypi.store.partials import PartialStore
from proxypypi.store.releases import Releases
from proxypypi.store.tokens import TokenStore
from proxypypi.store.turns import NoTurns, Turns
from proxypypi.store.uploads import UploadStore
from proxypypi.store.uses import UseStore
from proxypypi.store.wishes import Wishes
from proxypypi.upkeep import build_eviction


@define(eq=False)
class Core:
    """
    What faces, services and commands ask.
    """

    partials: PartialStore
    uploads: UploadStore
    claims: ClaimStore
    tokens: TokenStore
    names: PrivateNames
    health: Health
    pages: PageCache
    uses: Uses
    housekeeping: Housekeeping
    downloads: Downloads
    finder: Finder
    files: Files
    metadata: MetadataCache
    ahead: Ahead
    prefetch: Prefetch
    gathering: Gathering
    listings: Listings
    catalogue: Catalogue
    documents: JsonApi
    publishing: Uploads
    attestations: Attestations
    upstreams: Upstreams
    directory: Directory
    generations: Generations


def build_core(
    settings: Settings,
    clock: Any,
    indexes: Sequence[IIndex],
    in_thread: Callable[..., "Deferred[Any]"],
    make_list: Callable[[str], "Deferred[None]"],
    events: IEvents,
    generations: Generations | None = None,
) -> Core:
    """
    The parameters are those of :func:`proxypypi.assembly.build`, and *events*, which
    are told what happens.
    """
    root = settings.directory
    cache = root / ".proxypypi" / "cache"
    decisions = root / ".proxypypi" / "decisions"
    turns = NoTurns() if generations is None else Turns(cache / "turns", clock)
    generations = generations or Generations.alone()
    changes = Changes(generations)
    health = Health()
    claims = ClaimStore.of(root)
    names = PrivateNames(
        settings.private, settings.deny, claims, health, changes, clock, in_thread
    )
    directory = Directory(root, clock, in_thread, names.is_denied, changes)
    facts_store = FactsStore(cache, decisions, in_thread)
    facts = Facts(facts_store, health, changes)
    partials = PartialStore(cache / "partial", root, in_thread, settings.min_free)
    attested = AttestationStore(decisions, in_thread)
    releases = ReleaseCache(Releases(decisions, in_thread), health)
    cooldown = Cooldown(
        MinAges.said_by(settings),
        settings.cooldown_exemptions,
        *(releases, events, clock, in_thread),
    )
    holdings = Holdings(
        directory,
        facts,
        Reader(directory, facts, facts_store, attested, health, clock, in_thread),
        Removal(facts, releases, settings.withhold),
        changes,
        clock,
        in_thread,
    )
    upstreams = Upstreams(_upstreams(settings, indexes), names, health)
    store = PageStore(cache / "pages", in_thread)
    shelf = Shelf(upstreams, store, health, changes, in_thread)
    doubts = Doubts(shelf, holdings, health, clock)
    wishes, rereads = Wishes.of(root), Wishes.to_reread(root)
    pages = PageCache(
        upstreams, shelf, wishes, rereads, holdings, doubts, changes, turns, clock
    )
    marks = MarkCache(MarkStore(decisions, in_thread), health)
    streams = Streams(events)
    uses = Uses(UseStore.of(root), clock, in_thread)
    housekeeping = Housekeeping(
        build_eviction(root, directory, [Asking.said_by(settings)]),
        settings.max_size,
        uses,
        changes,
        health,
        events,
        clock,
        in_thread,
    )
    downloads = Downloads(
        *(partials, holdings, housekeeping, streams, pages.distrust),
        *(health, events, clock, in_thread),
    )
    finder = Finder(
        *(pages, holdings, upstreams, names, marks, cooldown, generations),
        *(events, clock),
    )
    files = Files(finder, pages, holdings, upstreams, downloads, streams, uses, clock)
    metadata = MetadataCache(holdings, facts_store, upstreams, health, clock, in_thread)
    keeper = Keeper(finder, files, metadata, clock)
    prefetch = Prefetch(
        *(pages, holdings, upstreams, cooldown, names, keeper, housekeeping),
        *(clock, in_thread),
    )
    gathering = Gathering(
        *(pages, holdings, upstreams, names, marks, cooldown, generations),
        *(clock, in_thread, settings.public_url),
    )
    listings = Listings(gathering, health, directory, in_thread)
    catalogue = Catalogue(
        upstreams.all,
        ListStore(cache / "lists", in_thread, make_list),
        directory,
        health,
        clock,
        in_thread,
        turns,
    )
    documents = PageStore(cache / "documents", in_thread)
    api = JsonApi(
        gathering,
        Documents(upstreams, documents, health, changes, clock, in_thread),
        *(finder, metadata, holdings, in_thread),
    )
    publishing = Uploads(
        pages,
        holdings,
        directory,
        upstreams,
        names,
        attested,
        health,
        turns,
        in_thread,
    )
    return Core(
        partials=partials,
        uploads=UploadStore(cache / "uploads", root, in_thread, settings.min_free),
        claims=claims,
        tokens=TokenStore.of(root),
        names=names,
        health=health,
        pages=pages,
        uses=uses,
        housekeeping=housekeeping,
        downloads=downloads,
        finder=finder,
        files=files,
        metadata=metadata,
        ahead=Ahead(keeper),
        prefetch=prefetch,
        gathering=gathering,
        listings=listings,
        catalogue=catalogue,
        documents=api,
        publishing=publishing,
        attestations=Attestations(attested, finder),
        upstreams=upstreams,
        directory=directory,
        generations=generations,
    )


def _upstreams(settings: Settings, indexes: Iterable[IIndex]) -> list[Upstream]:
    return [
        Upstream(
            index=index,
            name=upstream.name,
            freshness=Freshness(
                max_age=settings.index_ttl
                if upstream.index_ttl is None
                else upstream.index_ttl
            ),
            projects=upstream.projects,
        )
        for upstream, index in zip(settings.upstreams, indexes, strict=True)
    ]
