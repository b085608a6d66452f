"""
Documents of an index's JSON API: what we hold, and when we ask again.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any, ClassVar
from urllib.parse import quote

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from proxypypi.cache.bounded import Bounded
from proxypypi.cache.flight import Hindrance, SingleFlight, patiently, unless
from proxypypi.cache.health import Health
from proxypypi.cache.upstreams import Upstream, Upstreams
from proxypypi.errors import (
    NoDocument,
    StillFetching,
    UnreadablePage,
    UpstreamError,
    UpstreamNonsense,
)
from proxypypi.interfaces import IPageStore
from proxypypi.model import Outcome, RawPage
from proxypypi.names import NormalizedName
from proxypypi.rules.freshness import Verdict
from proxypypi.simple.documents import Document, parse_document
from proxypypi.store.changes import Changes

_INLINE = 64 * 1024  # bytes; longer ones are parsed in a thread
_MOST_IN_MEMORY = 16 * 1024 * 1024  # bytes, as sent, of the documents held in memory
_LEAST_COST = 1000  # bytes that one costs, however short
_LET_BE = 60.0  # seconds for which one is not asked for that could not be had
_PATIENCE = 3.0  # seconds to wait, as an answer can be made without
_MOST_MOMENTS = 10_000  # remembered
_LONGEST_KEY = 200  # characters

Key = tuple[NormalizedName, str]
"""
A project, and one of its versions or nothing.
"""


@frozen(kw_only=True)
class HeldDocument:
    """
    :ivar raw: as the index sent it, its body left out.
    :ivar checked_at: when it was last known to hold, POSIX seconds.
    """

    raw: RawPage
    document: Document
    size: int
    checked_at: float


@frozen(kw_only=True)
class DocumentAnswer:
    """
    :ivar document: :obj:`None` for none.
    :ivar outcome: of asking upstream; :obj:`None` if nobody was asked or waited for.
    :ivar hindered: is there none because it could not be had in time?
    :ivar fresh_until: POSIX seconds; 0 for no further time.
    """

    document: Document | None = None
    outcome: Outcome | None = None
    hindered: bool = False
    fresh_until: float = 0.0


@define(eq=False)
class Documents:
    """
    Asks the index whose page of a project counts. What goes wrong there is of no great
    account, as all that is needed is on that page.
    """

    _log: ClassVar[Logger] = Logger()

    _upstreams: Upstreams
    _store: IPageStore
    _health: Health
    _changes: Changes
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _flight: SingleFlight = field(factory=SingleFlight, init=False)
    _hindrances: dict[Key, Hindrance] = field(factory=dict, init=False)
    _held: Bounded[Key, tuple[int, HeldDocument]] = field(
        factory=lambda: Bounded(_MOST_IN_MEMORY), init=False
    )
    _let_be_until: Bounded[Key, tuple[float, bool]] = field(
        factory=lambda: Bounded(_MOST_MOMENTS), init=False
    )

    async def get(
        self, name: NormalizedName, version: str, address: str
    ) -> DocumentAnswer:
        """
        :param version: empty for the document of the project.
        :param address: of the index whose page counts.
        """
        key, now = (name, version), self._clock.seconds()
        held = await self._load(key)
        if held is not None and held.raw.index != address:
            held = None
        upstream = self._upstreams.at(address)
        if upstream not in self._upstreams.asked_about(name):
            return evolve(_answer(held), fresh_until=float("inf"))
        assert upstream is not None
        verdict = Verdict.EXPIRED
        if held is not None:
            verdict = upstream.freshness.judge(held.checked_at, now)
        if held is not None and verdict is Verdict.FRESH:
            fresh_until = held.checked_at + upstream.freshness.max_age
            return evolve(_answer(held), fresh_until=fresh_until)
        until, hindered = self._let_be_until.get(key) or (0.0, False)
        if now < until:
            fresh_until = 0.0 if hindered else until
            return evolve(_answer(held), hindered=hindered, fresh_until=fresh_until)
        unwaited = verdict is Verdict.AGING or self._upstreams.is_silent_about(name)
        refresh = self._flight.join(
            key, lambda: self._refresh(key, held, upstream, unwaited)
        )
        if unwaited:
            refresh.addErrback(_never_mind)
            return evolve(_answer(held), hindered=held is None)
        if held is not None and key in self._hindrances:
            refresh = unless(refresh, self._hindrances[key].told())
        try:
            what = f"what {upstream.name} says of {name}"
            return await patiently(refresh, self._clock, what, _PATIENCE)
        except NoDocument:
            return evolve(_answer(held), outcome=Outcome(forwarded="miss", status=404))
        except (UpstreamError, StillFetching) as e:
            if isinstance(e, StillFetching):
                upstream.silent = True
            status = getattr(e, "status", None)
            outcome = Outcome(forwarded="stale" if held else "miss", status=status)
            return evolve(_answer(held), outcome=outcome, hindered=True)

    async def _refresh(
        self,
        key: Key,
        held: HeldDocument | None,
        upstream: Upstream,
        background: bool,
    ) -> DocumentAnswer:
        known = held.raw if held is not None else None
        try:
            raw = await self._ask(key, known, upstream, background)
            now = self._clock.seconds()
            document = await self._read(raw) if raw is not None else None
        except (NoDocument, UpstreamError) as e:
            hindered = isinstance(e, UpstreamError)
            ttl = min(_LET_BE, upstream.freshness.max_age)
            until = self._clock.seconds() + ttl
            self._let_be_until.put(key, (until, hindered))
            if hindered:
                self._log.warn("document of {name}: {error}", name=key[0], error=e)
            raise
        if raw is None or document is None:
            assert held is not None
            held = evolve(held, checked_at=now)
            outcome = Outcome(forwarded="stale", status=304)
        else:
            outcome = Outcome(forwarded="stale" if held else "miss", stored=True)
            held = HeldDocument(
                raw=evolve(raw, body=b""),
                document=document,
                size=len(raw.body),
                checked_at=now,
            )
        await self._save(key, held, raw)
        return evolve(_answer(held), outcome=outcome)

    async def _ask(
        self, key: Key, known: RawPage | None, upstream: Upstream, background: bool
    ) -> RawPage | None:
        path = "/".join([*(quote(part, safe="") for part in key if part), "json"])
        hindrance = self._hindrances[key] = Hindrance()

        def hindered(error: UpstreamError) -> None:
            upstream.hindered(error)
            hindrance.met(error)

        try:
            return await upstream.listen(
                upstream.index.fetch_document(path, known, hindered, background)
            )
        finally:
            del self._hindrances[key]

    async def _save(self, key: Key, held: HeldDocument, raw: RawPage | None) -> None:
        """
        :param raw: with its body; :obj:`None` if that is on disk already.
        """
        what, at = f"what is said of {key[0]}", held.checked_at
        with self._changes.changing(key[0]):
            if raw is None:
                await self._health.keeping(what, self._store.confirm, _kept_as(key), at)
            else:
                await self._health.keeping(
                    what, self._store.save, _kept_as(key), raw, at
                )
        self._keep(key, held, self._changes.epoch(key[0]))

    async def _load(self, key: Key) -> HeldDocument | None:
        epoch = self._changes.epoch(key[0])
        known = self._held.get(key)
        if known is not None and known[0] == epoch:
            return known[1]
        loaded = await self._store.load(_kept_as(key))
        if loaded is None:
            return None
        raw, checked_at = loaded
        if known is not None and known[1].raw == evolve(raw, body=b""):
            same = len(raw.body) == known[1].size and raw.etag is not None
            if same:
                held = evolve(known[1], checked_at=checked_at)
                return self._keep(key, held, epoch)
        try:
            document = await self._read(raw)
        except UpstreamNonsense as e:
            self._log.warn("stored document of {name}: {error}", name=key[0], error=e)
            return None
        held = HeldDocument(
            raw=evolve(raw, body=b""),
            document=document,
            size=len(raw.body),
            checked_at=checked_at,
        )
        return self._keep(key, held, epoch)

    def _keep(self, key: Key, held: HeldDocument, epoch: int) -> HeldDocument:
        self._held.put(key, (epoch, held), _LEAST_COST + held.size)
        return held

    async def _read(self, raw: RawPage) -> Document:
        try:
            if len(raw.body) <= _INLINE:
                return parse_document(raw.body)
            document: Document = await self._in_thread(parse_document, raw.body)
            return document
        except UnreadablePage as e:
            raise UpstreamNonsense(url=raw.url, reason=str(e), status=200) from e


def _answer(held: HeldDocument | None) -> DocumentAnswer:
    return DocumentAnswer(document=held.document if held is not None else None)


def _kept_as(key: Key) -> str:
    """
    :returns: a name that a file may have.
    """
    name, version = key
    if not version:
        return name
    spelt = f"{name}@{quote(version, safe='')}"
    if len(spelt) <= _LONGEST_KEY:
        return spelt
    return f"{name}@@{sha256(version.encode()).hexdigest()[:16]}"


def _never_mind(failure: Failure) -> None:
    failure.trap(UpstreamError, NoDocument)
