"""
What upstream says of a project and is not believed at once.
"""

from typing import ClassVar

from attrs import define
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from proxypypi.cache.health import Health
from proxypypi.cache.holdings import Holdings
from proxypypi.cache.shelf import HeldPage, Shelf
from proxypypi.model import Change, ProjectPage
from proxypypi.names import NormalizedName
from proxypypi.rules.removal import are_strangers, weigh


@define(eq=False)
class Doubts:
    """
    Keeps such doubts with the page, and has them end.
    """

    _log: ClassVar[Logger] = Logger()

    _shelf: Shelf
    _holdings: Holdings
    _health: Health
    _clock: IReactorTime

    async def have(
        self, name: NormalizedName, held: HeldPage, change: Change, ttl: float
    ) -> HeldPage:
        """
        Upstream says what is not believed before it has said it twice, a while apart.

        :param ttl: that while, in seconds.
        :returns: the page, with that doubt about it.
        """
        now = self._clock.seconds()
        doubt = weigh(held.doubt, change, now, ttl)
        if doubt.believed and change is Change.GONE:
            for at in (doubt.since, now):
                await self._holdings.observe(name, None, at)
        if doubt == held.doubt:
            return held
        if not doubt.believed:
            self._log.warn(
                "{name} is {change}, which is not believed yet",
                name=name,
                change=change.value,
            )
        elif change is Change.GONE:
            self._log.warn("{name} is gone from its index", name=name)
        return await self._shelf.doubt(name, held, doubt)

    async def end(
        self, name: NormalizedName, held: HeldPage, page: ProjectPage
    ) -> None:
        """
        A page is taken over after a doubt, which was about it, or about its absence.
        """
        doubt = held.doubt
        if held.gone:
            known = [d.hashes for d in held.page.distributions]
            known += await self._holdings.known(name)
            if are_strangers(page, known):
                self._health.worsen(
                    f"return of {name}",
                    f"{name} was gone from its index and came back to {page.index} "
                    "with none of the files it had",
                )
        elif doubt is not None and doubt.believed:
            await self._holdings.observe(name, page, doubt.since)
        if doubt is not None:
            await self._shelf.trust(name)
