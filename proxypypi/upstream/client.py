"""
Asks an upstream one question at a time, and takes no nonsense for an answer.
"""

from collections.abc import Callable, Coroutine, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar, cast
from urllib.parse import urljoin

from attrs import define, field
from hyperlink import EncodedURL
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent

from proxypypi import __version__
from proxypypi.errors import (
    UpstreamError,
    UpstreamNonsense,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from proxypypi.upstream.codings import GzipAgent, IdentityAgent
from proxypypi.upstream.faults import FAULTS, translate
from proxypypi.upstream.keyring import Keyring
from proxypypi.upstream.notes import Notes
from proxypypi.upstream.patience import Patience
from proxypypi.upstream.replies import Reply, discard
from proxypypi.upstream.tunnel import ProxyFault
from proxypypi.upstream.urls import Origin, bare, origin_of, shown

MAX_REDIRECTS = 10
PAGES_AT_ONCE = 128
FILES_AT_ONCE = 32

_SHORT_PEACE = 2.0  # seconds that it is worth waiting for, if upstream wants them
_REDIRECTS = (301, 302, 303, 307, 308)

T = TypeVar("T")


@define(eq=False)
class Lane:
    """
    The way that one kind of transfer takes.

    :ivar slots: one token for each transfer that may run at the same time.
    :ivar modest: likewise, of those that leave the last quarter to others.
    """

    http: HTTPClient
    slots: DeferredSemaphore
    modest: DeferredSemaphore

    async def enter(self, modest: bool) -> Callable[[], None]:
        """
        Wait for a slot.

        :returns: what to call when the transfer has ended.
        """
        held: list[DeferredSemaphore] = []

        def leave() -> None:
            while held:
                held.pop().release()

        try:
            for slots in (self.modest, self.slots) if modest else (self.slots,):
                await slots.acquire()
                held.append(slots)
        except BaseException:
            leave()
            raise
        return leave


@define(eq=False)
class Client:
    """
    Asks one index, and whom its links and redirects name.

    :ivar pages: takes gzip; for all that is wanted whole, in memory.
    :ivar files: takes bytes as they are.
    :ivar notes: of how the index answers.
    """

    _home: Origin
    _keyring: Keyring
    clock: IReactorTime
    pages: Lane
    files: Lane
    patience: Patience = field(factory=Patience)
    notes: Notes = field(factory=Notes)

    async def ask(
        self,
        lane: Lane,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        hashed: bool = False,
        modest: bool = False,
    ) -> Reply:
        """
        Send one request, and follow where it is redirected.

        :param hashed: what comes will be checked against a digest, so that it may
            come by http though the index or a redirect was on https.
        :param modest: leave the last quarter of the slots to others.
        :returns: the final response, whatever its status; its slot is taken.
        """
        leave = await lane.enter(modest)
        try:
            url, response = await self._follow(lane, method, url, headers or {}, hashed)
        except BaseException:
            leave()
            raise
        idle, received = self.patience.idle, self.notes.received
        return Reply(url, response, self.clock, idle, received, leave)

    async def retry(
        self, attempt: Callable[[], Coroutine[Any, Any, T]], none: str = "304"
    ) -> T:
        """
        Try up to three times more when upstream is unreachable or answers 5xx, unless
        it wants to be left alone for long.

        :param none: see :meth:`proxypypi.upstream.notes.Notes.of`.
        """
        for pause in self.patience.pauses:
            try:
                return await self.notes.of(attempt, self.clock, none)
            except UpstreamError as e:
                wanted = 0.0 if e.status is None else e.dead_for
                may_pass = isinstance(e, UpstreamUnreachable) or (e.status or 0) >= 500
                if wanted > _SHORT_PEACE or not may_pass:
                    raise
            await deferLater(self.clock, max(wanted, self.patience.jitter(pause)))
        return await self.notes.of(attempt, self.clock, none)

    async def _follow(
        self,
        lane: Lane,
        method: str,
        url: str,
        headers: Mapping[str, str],
        hashed: bool,
    ) -> tuple[str, Any]:
        came_by = self._home.scheme
        for _ in range(MAX_REDIRECTS + 1):
            try:
                url = bare(url)
                origin = origin_of(url)
            except ValueError as e:
                raise UpstreamNonsense(url=shown(url), reason=str(e)) from e
            if (came_by, origin.scheme, hashed) == ("https", "http", False):
                reason = "it would lead from https to http"
                raise UpstreamNonsense(url=shown(url), reason=reason)
            came_by = origin.scheme
            response = await self._ask_once(lane, method, url, origin, headers)
            if response.code not in _REDIRECTS:
                return url, response
            await discard(response, self.clock, self.patience.idle)
            locations = response.headers.getRawHeaders(b"Location")
            if not locations:
                reason = "it redirects to nowhere"
                raise UpstreamNonsense(url=shown(url), reason=reason)
            try:
                url = urljoin(url, locations[0].decode("utf-8", "replace"))
            except ValueError as e:
                reason = f"it redirects to no address: {e}"
                raise UpstreamNonsense(url=shown(url), reason=reason) from e
        raise UpstreamNonsense(url=shown(url), reason="it redirects without end")

    async def _ask_once(
        self,
        lane: Lane,
        method: str,
        url: str,
        origin: Origin,
        headers: Mapping[str, str],
    ) -> Any:
        sent = Headers({"User-Agent": [f"proxypypi/{__version__}"]})
        for name, value in headers.items():
            sent.setRawHeaders(name.encode("ascii"), [value.encode("latin-1")])
        authorization = self._keyring.authorization_for(origin)
        if authorization is not None:
            sent.setRawHeaders(b"Authorization", [authorization])

        def too_late(result: object, seconds: float) -> object:
            if not isinstance(result, Failure):
                return result
            whose = " from the outbound proxy" if result.check(ProxyFault) else ""
            reason = f"no answer{whose} within {seconds:.0f} s"
            raise UpstreamTimeout(url=shown(url), reason=reason)

        try:
            asked = lane.http.request(
                method,
                _Literal.from_text(url) if ":" in origin.host else url,
                headers=sent,
                allow_redirects=False,
                unbuffered=True,
                reactor=cast(Any, self.clock),
            )
            # Not treq's timeout=, which looks just like being cancelled.
            asked.addTimeout(self.patience.head, self.clock, onTimeoutCancel=too_late)
            return await _plainly_cancelled(asked)
        except FAULTS as e:
            raise translate(e, url) from e


class _Literal(EncodedURL):
    """
    Its host is an IPv6 address, which treq would take for a name.
    """

    def to_uri(self) -> EncodedURL:
        named = EncodedURL.from_text(self.to_text()).replace(host="literal")
        return named.to_uri().replace(host=self.host)


def make_client(
    agent: IAgent,
    home: Origin,
    keyring: Keyring,
    clock: IReactorTime,
    patience: Patience | None = None,
    notes: Notes | None = None,
) -> Client:
    """
    :param agent: that connects; it follows nothing and decodes nothing.
    :param home: the index.
    :param patience: :obj:`None` for the usual one.
    :param notes: :obj:`None` to make none.
    """
    return Client(
        home=home,
        keyring=keyring,
        clock=clock,
        pages=_lane(GzipAgent(agent), PAGES_AT_ONCE),
        files=_lane(IdentityAgent(agent), FILES_AT_ONCE),
        patience=patience or Patience(),
        notes=notes or Notes(),
    )


def _lane(agent: IAgent, slots: int) -> Lane:
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    http = HTTPClient(agent, cookiejar=cast(Any, no_cookies))
    return Lane(http, DeferredSemaphore(slots), DeferredSemaphore(slots - slots // 4))


def _plainly_cancelled(work: "Deferred[T]") -> "Deferred[T]":
    """
    *work*, except that to cancel it ends in a :class:`CancelledError`.

    What connects and speaks HTTP has half a dozen other ways to say so, a host that
    cannot be found among them.
    """
    cancelled = False

    def cancel(result: "Deferred[T]") -> None:
        nonlocal cancelled
        cancelled = True
        work.cancel()

    def pass_on(outcome: "T | Failure") -> None:
        if cancelled and isinstance(outcome, Failure):
            outcome = Failure(CancelledError())
        if not result.called:
            result.callback(outcome)  # a Failure makes it fail

    result: Deferred[T] = Deferred(cancel)
    work.addBoth(pass_on)
    return result
