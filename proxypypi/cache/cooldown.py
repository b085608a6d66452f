"""
Files that are too young to be given out, as time passes.
"""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, ClassVar

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from proxypypi.cache.bounded import Bounded
from proxypypi.cache.flight import SingleFlight
from proxypypi.cache.releases import ReleaseCache
from proxypypi.errors import TooYoung
from proxypypi.events import HELD_BACK, IEvents
from proxypypi.model import ProjectPage, Release
from proxypypi.names import NormalizedName
from proxypypi.rules.cooldown import (
    MinAges,
    held_back_until,
    next_end,
    upload_of,
    uploads_of,
)
from proxypypi.rules.merge import NOTHING, Held
from proxypypi.settings import CooldownExemption

_INLINE = 20  # files; more are looked at in a thread
_MOST_FILES = 20_000  # of which it is held in memory whether they are old enough
_MOST_TOLD = 10_000


@frozen
class _Known:
    """
    What is held back of a project, and from what that was concluded.

    :ivar held_back: file name to the POSIX seconds at which it is old enough.
    :ivar good_until: POSIX seconds at which that becomes another.
    """

    page: ProjectPage | None
    held: Sequence[Held]
    released: Mapping[str, Release]
    held_back: Mapping[str, float]
    good_until: float

    def is_of(
        self,
        page: ProjectPage | None,
        held: Sequence[Held],
        released: Mapping[str, Release],
        now: float,
    ) -> bool:
        return (
            self.page is page
            and self.held is held
            and self.released is released
            and now < self.good_until
        )


@define(eq=False)
class Cooldown:
    """
    Holds files of indexes back until they are old enough, unless people released or
    exempted them. Private files are of any age.

    :ivar _told: projects of which the log has been told that no file has an age.
    """

    _log: ClassVar[Logger] = Logger()

    _min_ages: MinAges
    _exemptions: Sequence[CooldownExemption]
    _releases: ReleaseCache
    _events: IEvents
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _flight: SingleFlight = field(factory=SingleFlight, init=False)
    _known: Bounded[NormalizedName, _Known] = field(
        factory=lambda: Bounded(_MOST_FILES), init=False
    )
    _told: Bounded[NormalizedName, bool] = field(
        factory=lambda: Bounded(_MOST_TOLD), init=False
    )

    @property
    def matters(self) -> bool:
        """
        Can any file be too young?
        """
        return self._min_ages.matter

    async def of(
        self, name: NormalizedName, page: ProjectPage | None, held: Sequence[Held]
    ) -> tuple[Mapping[str, float], float]:
        """
        All of a project's files that are held back.

        :param page: what the index says.
        :param held: the files here.
        :returns: file name to the POSIX seconds at which it is old enough, the same
            object while nothing changes; and those at which the next change is due.
        """
        if not self._min_ages.matter:
            return NOTHING, inf
        released = await self._releases.of(name)
        known = self._known.get(name)
        if known is None or not known.is_of(
            page, held, released, self._clock.seconds()
        ):
            of = (name, id(page), id(held), id(released))
            known = await self._flight.join(
                of, lambda: self._judge(name, page, held, released)
            )
        return known.held_back, known.good_until

    async def check(
        self,
        name: NormalizedName,
        filename: str,
        held: Held | None,
        page: ProjectPage | None,
    ) -> float:
        """
        See that a file is not held back.

        :param held: as it is here; :obj:`None` if it is not.
        :returns: POSIX seconds until which that is so, as long as nothing else changes.
        :raises TooYoung: it is.
        """
        if not self._min_ages.matter:
            return inf
        upload = upload_of(name, filename, held, page)
        if upload is None:
            return inf
        released = await self._releases.of(name)
        exemptions, now = self._exemptions_of(name), self._clock.seconds()
        min_age = self._min_ages.of(upload.origin)
        until = held_back_until(upload, min_age, exemptions, released, now)
        if until is not None:
            self._events.note(HELD_BACK)
            raise TooYoung(
                filename=filename,
                until=until,
                can_be_released=upload.sha256 is not None,
            )
        return next_end(exemptions, now)

    async def _judge(
        self,
        name: NormalizedName,
        page: ProjectPage | None,
        held: Sequence[Held],
        released: Mapping[str, Release],
    ) -> _Known:
        exemptions, now = self._exemptions_of(name), self._clock.seconds()

        def judge() -> Mapping[str, float]:
            found = {}
            for upload in uploads_of(name, page, held):
                min_age = self._min_ages.of(upload.origin)
                until = held_back_until(upload, min_age, exemptions, released, now)
                if until is not None:
                    found[upload.filename] = until
            return found

        count = len(held) + (len(page.distributions) if page is not None else 0)
        held_back = judge() if count <= _INLINE else await self._in_thread(judge)
        self._note_unknown_ages(name, page)
        good_until = min([next_end(exemptions, now), *held_back.values()])
        known = _Known(page, held, released, held_back, good_until)
        self._known.put(name, known, 1 + count)
        return known

    def _exemptions_of(self, name: NormalizedName) -> Sequence[CooldownExemption]:
        return [e for e in self._exemptions if e.project == name]

    def _note_unknown_ages(
        self, name: NormalizedName, page: ProjectPage | None
    ) -> None:
        if page is None or not page.distributions or self._told.get(name):
            return
        if self._min_ages.of(page.index) and not any(
            d.upload_time for d in page.distributions
        ):
            self._told.put(name, True)
            self._log.warn(
                "{index} does not say when files of {name} were uploaded, so that "
                "min-age holds them all back",
                index=page.index,
                name=name,
            )
