"""
The project list of one index: fetched, kept and judged.
"""

from typing import ClassVar

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from proxypypi.cache.flight import Hindrance
from proxypypi.cache.health import Health
from proxypypi.cache.upstreams import Upstream
from proxypypi.errors import CannotMake, NoProjectList, UpstreamError, UpstreamNonsense
from proxypypi.interfaces import IListStore
from proxypypi.model import HeldList, Outcome
from proxypypi.rules.freshness import Verdict

TROUBLE = "upstream's project list"
"""
The subject under which health has what goes wrong with any of them.
"""


@define(eq=False)
class ListSource:
    """
    An upstream, and its list as far as it is known.

    :ivar held: :obj:`None` if there is none, be it that the index has none.
    :ivar checked_at: when that was last known to hold; :obj:`None` if it never was.
    :ivar problem: of the last attempt to fetch it; :obj:`None` if it went well.
    """

    _log: ClassVar[Logger] = Logger()

    upstream: Upstream
    _store: IListStore
    _health: Health
    _clock: IReactorTime
    held: HeldList | None = field(default=None, init=False)
    checked_at: float | None = field(default=None, init=False)
    problem: UpstreamError | CannotMake | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        return self.upstream.index.url

    def judge(self, now: float) -> Verdict:
        if self.checked_at is None:
            return Verdict.EXPIRED
        return self.upstream.freshness.judge(self.checked_at, now)

    def ttl(self, now: float) -> float:
        """
        :returns: seconds; negative once it is over.
        """
        return self.upstream.freshness.ttl(self.checked_at or now, now)

    async def load(self) -> None:
        """
        Take what was kept before the last restart.
        """
        held = await self._store.load(self.url)
        if held is not None:
            self._has(held, held.checked_at)

    async def refresh(
        self, why: str, background: bool, hindrance: Hindrance
    ) -> Outcome:
        """
        Ask the index whether there is a new one.

        :param why: as ``Cache-Status`` says it.
        :param background: nobody waits for it.
        :param hindrance: is met by each attempt that fails.
        :returns: how it went, failures included.
        """
        url = self.url
        arriving = self._store.begin(url)

        def receive(piece: bytes) -> None:
            self.upstream.silent = False
            arriving.write(piece)

        def hindered(error: UpstreamError) -> None:
            self.upstream.hindered(error)
            hindrance.met(error)

        try:
            held = await self._store.load(url)  # if somebody removed it, ask for all
            known = held.page if held is not None else None
            page = await self.upstream.listen(
                self.upstream.index.fetch_list(known, receive, hindered, background)
            )
            now = self._clock.seconds()
            if page is not None:
                held = await arriving.keep(page, now)
                self._log.info("project list of {index} is new", index=url)
                self._has(held, now)
                return Outcome(forwarded=why, stored=True)
            await self._store.confirm(url, now)
            self._has(held, now)
            return Outcome(forwarded=why, status=304)
        except NoProjectList as e:
            self._log.info("{error}", error=e)
            await self._forget()
            return Outcome(forwarded=why)
        except UpstreamError as e:
            self.problem = e
            self._health.worsen(TROUBLE, str(e))
            return Outcome(forwarded=why, status=e.status)
        except OSError as e:
            self.problem = CannotMake(reason=e.strerror or str(e))
            self._health.worsen(TROUBLE, str(self.problem))
            return Outcome(forwarded=why, detail="not-kept")
        finally:
            arriving.discard()

    async def reject(self, wrong: str, is_urgent: bool) -> None:
        """
        What it sent is no list.

        :param is_urgent: ask anew at once, not when its time is over.
        """
        self._log.warn("{index}: {wrong}", index=self.url, wrong=wrong)
        await self._forget()
        self.problem = UpstreamNonsense(url=self.url, reason=wrong, status=200)
        if is_urgent:
            self.checked_at = None

    async def _forget(self) -> None:
        self._has(None, self._clock.seconds())
        await self._health.keeping(
            "what is in the directory", self._store.forget, self.url
        )

    def _has(self, held: HeldList | None, checked_at: float) -> None:
        self.held, self.checked_at, self.problem = held, checked_at, None
