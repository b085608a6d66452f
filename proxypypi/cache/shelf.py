"""
Pages in hand: in memory, and on disk as their index sent them.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from proxypypi.cache.flight import SingleFlight
from proxypypi.cache.health import Health
from proxypypi.cache.known import Known
from proxypypi.cache.upstreams import Upstreams
from proxypypi.errors import UnreadablePage
from proxypypi.interfaces import IPageStore
from proxypypi.model import Change, Doubt, Outcome, ProjectPage, RawPage
from proxypypi.names import NormalizedName
from proxypypi.simple.reading import read_page
from proxypypi.store.changes import Changes

_INLINE = 64 * 1024  # bytes; larger pages are parsed in a thread
_MOST_IN_MEMORY = 32 * 1024 * 1024  # bytes, as sent, of the pages held in memory
_LEAST_COST = 1000  # bytes that a page costs, however short
_ROUNDED = 0.001  # seconds that a time on disk may differ from the one in memory


@frozen(kw_only=True)
class HeldPage:
    """
    A page in hand.

    :ivar raw: as the index sent it, its body left out.
    :ivar checked_at: when it was last known to hold, POSIX seconds.
    :ivar size: of the body, in bytes.
    :ivar doubt: about what upstream says meanwhile; :obj:`None` if it says the same.
    """

    raw: RawPage
    page: ProjectPage
    checked_at: float
    size: int = 0
    doubt: Doubt | None = None

    @property
    def gone(self) -> bool:
        """
        Has upstream no such project any more? Then this is the last page it had.
        """
        doubt = self.doubt
        return doubt is not None and doubt.believed and doubt.change is Change.GONE

    @property
    def detail(self) -> str:
        return self.doubt.change.value if self.doubt is not None else ""

    def is_of(self, raw: RawPage) -> bool:
        """
        Is it made of this very page, as far as its index can tell?
        """
        same = evolve(raw, body=b"") == self.raw and len(raw.body) == self.size
        return same and raw.etag is not None

    def answer(self, outcome: Outcome) -> "PageAnswer":
        unlisted = self.doubt is not None and self.doubt.change is not Change.OLDER
        return PageAnswer(
            page=self.page, outcome=outcome, gone=self.gone, unlisted=unlisted
        )


@frozen(kw_only=True)
class PageAnswer:
    """
    :ivar gone: upstream no longer has the project; the page is its last.
    :ivar unlisted: upstream lists none of its files, whether that is believed or not.
    :ivar fresh_until: POSIX seconds until which it is given out without a question; 0
        for no further time.
    """

    page: ProjectPage
    outcome: Outcome
    gone: bool = False
    unlisted: bool = False
    fresh_until: float = 0.0


@define(eq=False)
class Shelf:
    """
    Holds project pages, as many as fit into memory and all on disk.
    """

    _log: ClassVar[Logger] = Logger()

    _upstreams: Upstreams
    _store: IPageStore
    _health: Health
    _changes: Changes
    _in_thread: Callable[..., "Deferred[Any]"]
    _loading: SingleFlight = field(factory=SingleFlight, init=False)
    _held: Known[HeldPage] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._held = Known(self._changes, _MOST_IN_MEMORY)

    async def get(self, name: NormalizedName) -> HeldPage | None:
        """
        :returns: the page, however old; :obj:`None` for none.
        """
        held = self._held.get(name)
        if held is not None:
            return held
        return await self._loading.join(name, lambda: self._load(name))

    async def read(self, raw: RawPage, name: NormalizedName) -> ProjectPage:
        """
        :raises UnreadablePage: it is none.
        """
        if len(raw.body) <= _INLINE:
            return read_page(raw, name)
        page: ProjectPage = await self._in_thread(read_page, raw, name)
        return page

    async def put(
        self, name: NormalizedName, raw: RawPage, page: ProjectPage, now: float
    ) -> None:
        """
        Keep a page that has just come.
        """
        with self._changes.changing(name):
            self._keep(name, HeldPage(raw=raw, page=page, checked_at=now))
            await self._health.keeping(
                f"the page of {name}", self._store.save, name, raw, now
            )

    async def confirm(self, name: NormalizedName, held: HeldPage, now: float) -> None:
        """
        The page still holds, beyond doubt.
        """
        with self._changes.changing(name):
            self._keep(name, evolve(held, checked_at=now, doubt=None))
            await self._health.keeping(
                f"the age of {name}'s page", self._store.confirm, name, now
            )

    async def doubt(
        self, name: NormalizedName, held: HeldPage, doubt: Doubt
    ) -> HeldPage:
        """
        :returns: the page, with that doubt about it.
        """
        with self._changes.changing(name):
            held = self._keep(name, evolve(held, doubt=doubt))
            await self._save_doubt(name, doubt)
        return held

    async def trust(self, name: NormalizedName) -> None:
        """
        Forget a doubt; the page is about to be confirmed or replaced.
        """
        with self._changes.changing(name):
            await self._save_doubt(name, None)

    async def _save_doubt(self, name: NormalizedName, doubt: Doubt | None) -> None:
        await self._health.keeping(
            f"a doubt about {name}'s page", self._store.save_doubt, name, doubt
        )

    async def _load(self, name: NormalizedName) -> HeldPage | None:
        epoch = self._changes.epoch(name)
        loaded = await self._store.load(name)
        known = self._held.last(name)
        at = loaded[1] + _ROUNDED if loaded is not None else float("-inf")
        if known is not None and known.checked_at > at:
            # It came while we looked, or the disk did not take it.
            return self._keep(name, known, epoch)
        if loaded is None:
            return None
        raw, checked_at = loaded
        if not self._upstreams.may_speak(raw.index, name):
            return None  # of an index that was asked about it once
        if known is not None and known.is_of(raw):
            page = known.page
        else:
            try:
                page = await self.read(raw, name)
            except UnreadablePage as e:
                self._log.warn("stored page of {name}: {error}", name=name, error=e)
                return None
        doubt = await self._store.load_doubt(name)
        held = HeldPage(raw=raw, page=page, checked_at=checked_at, doubt=doubt)
        return self._keep(name, held, epoch)

    def _keep(
        self, name: NormalizedName, held: HeldPage, epoch: int | None = None
    ) -> HeldPage:
        """
        :param held: with its body, or without it and its size known already.
        :param epoch: that it was loaded in.
        """
        size = held.size or len(held.raw.body)
        held = evolve(held, raw=evolve(held.raw, body=b""), size=size)
        self._held.put(name, held, _LEAST_COST + size, epoch)
        return held
