"""
An upstream index, asked over HTTP.
"""

import re
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.iweb import IAgent
from zope.interface import implementer

from proxypypi.errors import (
    NoDocument,
    NoProjectList,
    NoSuchProject,
    UpstreamError,
    UpstreamTimeout,
    WrongBytes,
)
from proxypypi.events import UNHEARD, IEvents
from proxypypi.interfaces import IBody, IIndex
from proxypypi.model import RawPage
from proxypypi.names import NormalizedName
from proxypypi.settings import UpstreamSettings
from proxypypi.upstream.bodies import (
    ByteRange,
    header_of,
    open_reply,
)
from proxypypi.upstream.breaker import Breaker, Connecting
from proxypypi.upstream.client import Client, make_client
from proxypypi.upstream.faults import DEAD_FOR, FAULTS, translate
from proxypypi.upstream.keyring import Keyring
from proxypypi.upstream.notes import Notes
from proxypypi.upstream.pages import Pages
from proxypypi.upstream.patience import Patience
from proxypypi.upstream.urls import origin_of, shown
from proxypypi.upstream.wholes import (
    collect,
    deliver,
    expect_decoded,
    expect_ok,
    matches,
)

LARGEST_LIST = 200 * 1024 * 1024

_NO_HEAD = (405, 501)  # statuses of those who do not know the method

T = TypeVar("T")


def _nothing_to_do() -> "Deferred[None]":
    return succeed(None)


def _never_mind(error: UpstreamError) -> None:
    pass


@implementer(IIndex)
@define(eq=False)
class Index:
    """
    One index, and the hosts that its files are on.

    Use :func:`make_index` or :func:`~proxypypi.upstream.connect.connect_index` to
    make one.

    :ivar missing: statuses that say that there is no such project.
    """

    url: str
    _client: Client
    _missing: frozenset[int]
    _connecting: Connecting
    _visit: "Callable[[], Deferred[None]]" = field(default=_nothing_to_do)
    _breaker: Breaker = field(init=False)
    _pages: Pages = field(init=False)
    _close: "Callable[[], Deferred[None]]" = field(default=_nothing_to_do)

    @_breaker.default
    def _make_breaker(self) -> Breaker:
        return Breaker(self._client.clock)

    @_pages.default
    def _make_pages(self) -> Pages:
        return Pages(self.url, self._client, self._missing)

    def fetch_page(
        self,
        name: NormalizedName,
        known: RawPage | None,
        hindered: Callable[[UpstreamError], None] = _never_mind,
        background: bool = False,
    ) -> "Deferred[RawPage | None]":
        url = f"{self.url}{name}/"
        attempt = partial(self._pages.fetch_page, url, name, known, background)
        return self._in_time(url, self._watched(url, attempt, hindered))

    def fetch_document(
        self,
        path: str,
        known: RawPage | None,
        hindered: Callable[[UpstreamError], None] = _never_mind,
        background: bool = False,
    ) -> "Deferred[RawPage | None]":
        home, simple, rest = self.url.rpartition("/simple/")
        if not simple or rest:
            return fail(NoDocument(url=shown(self.url)))
        url = f"{home}/pypi/{path}"
        attempt = partial(self._pages.fetch_document, url, known, background)
        return self._in_time(url, self._watched(url, attempt, hindered))

    def fetch_list(
        self,
        known: RawPage | None,
        receive: Callable[[bytes], None],
        hindered: Callable[[UpstreamError], None] = _never_mind,
        background: bool = False,
    ) -> "Deferred[RawPage | None]":
        fetching = self._fetch_list(known, receive, hindered, background)
        return self._in_time(self.url, fetching, self._client.patience.list)

    def fetch_small(
        self, url: str, limit: int, hashes: Mapping[str, str]
    ) -> "Deferred[bytes]":
        attempt = partial(self._fetch_small, url, limit, hashes)
        return self._in_time(url, self._client.retry(attempt))

    def fetch_size(self, url: str) -> "Deferred[int | None]":
        attempt = partial(self._fetch_size, url)
        return self._in_time(url, self._client.retry(attempt, none="4xx"))

    def open_body(
        self,
        url: str,
        byte_range: ByteRange | None = None,
        if_range: str | None = None,
        hashed: bool = False,
        paced: bool = False,
    ) -> "Deferred[IBody]":
        attempt = partial(self._open_body, url, byte_range, if_range, hashed, paced)
        return Deferred.fromCoroutine(self._client.retry(attempt))

    async def try_to_connect(self) -> None:
        """
        See whether the index can be connected to, so that the first who asks need not
        find out. Nothing is asked.

        :raises UpstreamError: it cannot.
        """
        try:
            await self._visit()
        except FAULTS as e:
            error = translate(e, self.url)
            self._breaker.failed(error)
            raise error from e

    @property
    def name(self) -> str:
        """
        What it is called by who counts.
        """
        return self._client.notes.upstream

    @property
    def is_shut(self) -> bool:
        """
        Is it not asked for now, as it could not be asked?
        """
        return self._breaker.is_open

    def close(self) -> "Deferred[None]":
        """
        Close the connections that are kept for later.
        """
        return self._close()

    async def _watched(
        self,
        url: str,
        attempt: Callable[[], Coroutine[Any, Any, T]],
        hindered: Callable[[UpstreamError], None],
    ) -> T:
        """
        Try, and try again, unless it is of no use to try at all.
        """
        self._breaker.check(shown(url))

        def stalled() -> None:
            error = UpstreamTimeout(
                url=shown(url), reason="no connection yet", dead_for=DEAD_FOR
            )
            hindered(error)

        async def watched() -> T:
            try:
                answer = await attempt()
            except UpstreamError as e:
                if e.dead_for and not self._is_at_home(e.url):
                    e.dead_for = 0.0  # it speaks for a host that it redirects to
                self._breaker.failed(e)
                hindered(e)
                raise
            except (NoSuchProject, NoProjectList, NoDocument):
                self._breaker.answered()
                raise
            self._breaker.answered()
            return answer

        if self._connecting.overdue:
            stalled()
        self._connecting.watchers.add(stalled)
        try:
            return await self._client.retry(watched)
        finally:
            self._connecting.watchers.discard(stalled)

    def _is_at_home(self, url: str) -> bool:
        return origin_of(url).host == origin_of(self.url).host

    async def _fetch_list(
        self,
        known: RawPage | None,
        receive: Callable[[bytes], None],
        hindered: Callable[[UpstreamError], None],
        background: bool,
    ) -> RawPage | None:
        # No retries once the body has begun: what was received cannot be taken back.
        attempt = partial(self._pages.begin_list, known, background)
        reply = await self._watched(self.url, attempt, hindered)
        if reply is None:
            return None
        expect_decoded(reply)
        await deliver(reply, LARGEST_LIST, receive, in_turns=True)
        return self._pages.raw_page(reply, b"")

    async def _fetch_small(
        self, url: str, limit: int, hashes: Mapping[str, str]
    ) -> bytes:
        client = self._client
        reply = await client.ask(client.pages, url, hashed=bool(hashes))
        expect_decoded(reply)
        content = await collect(reply, limit)
        if not matches(content, hashes):
            raise WrongBytes(
                url=shown(url),
                reason="its digest is not the one the index gives",
                filename=shown(url).rpartition("/")[2],
            )
        return content

    async def _fetch_size(self, url: str) -> int | None:
        # Nothing is taken from the answer but a number, so http is good enough.
        client = self._client
        reply = await client.ask(client.files, url, method="HEAD", hashed=True)
        if reply.code in _NO_HEAD:
            reply.discard()
            return None
        expect_ok(reply)
        reply.discard()
        length = reply.header("Content-Length") or ""
        return int(length) if re.fullmatch("[0-9]{1,18}", length) else None

    async def _open_body(
        self,
        url: str,
        byte_range: ByteRange | None,
        if_range: str | None,
        hashed: bool,
        paced: bool,
    ) -> IBody:
        headers = {}
        if byte_range is not None:
            headers["Range"] = header_of(byte_range)
            if if_range is not None:
                headers["If-Range"] = if_range
        client = self._client
        reply = await client.ask(
            client.files, url, headers=headers, hashed=hashed, modest=paced
        )
        body: IBody = open_reply(reply, byte_range)
        return body

    def _in_time(
        self,
        url: str,
        fetching: Coroutine[Any, Any, T],
        seconds: float | None = None,
    ) -> "Deferred[T]":
        """
        :param seconds: :obj:`None` for the time there is for all of a page.
        """

        def too_late(result: "T | Failure", seconds: float) -> T:
            if not isinstance(result, Failure):
                return result
            client.notes.answered("timeout", seconds)
            reason = f"not here within {seconds:.0f} s"
            raise UpstreamTimeout(url=shown(url), reason=reason)

        client = self._client
        if seconds is None:
            seconds = client.patience.whole
        fetched = Deferred.fromCoroutine(fetching)
        return fetched.addTimeout(seconds, client.clock, onTimeoutCancel=too_late)


def make_index(
    settings: UpstreamSettings | str,
    agent: IAgent,
    clock: IReactorTime,
    patience: Patience | None = None,
    events: IEvents = UNHEARD,
) -> Index:
    """
    An index that is asked through *agent*.

    :param settings: or the address, which may hold credentials.
    :param patience: :obj:`None` for the usual one.
    :param events: told how it answers.
    """
    if isinstance(settings, str):
        settings = UpstreamSettings.from_url(settings)
    keyring = Keyring.of(settings, {})
    home = origin_of(settings.url)
    notes = Notes(settings.name, events)
    client = make_client(agent, home, keyring, clock, patience, notes)
    return Index(settings.url, client, settings.missing_status, Connecting(clock))
