"""
The indexes behind us: who is asked about which project, and how they are.
"""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred

from proxypypi.cache.flight import Hindrance
from proxypypi.cache.health import Health
from proxypypi.cache.private import PrivateNames
from proxypypi.errors import NoProjectList, NoSuchProject, UpstreamError
from proxypypi.interfaces import IIndex
from proxypypi.names import NormalizedName, is_among
from proxypypi.rules.freshness import Freshness

T = TypeVar("T")
Hindered = Callable[[UpstreamError], None]


@define(eq=False)
class Upstream:
    """
    One index, and what is wanted of it.

    :ivar name: what logs call it.
    :ivar freshness: of its pages.
    :ivar projects: see :func:`~proxypypi.names.is_among`; what it is asked about.
    :ivar silent: has it kept somebody waiting, and not answered since?
    """

    index: IIndex
    name: str
    freshness: Freshness
    projects: tuple[str, ...] = ("*",)
    silent: bool = field(default=False, init=False)

    def is_asked_about(self, name: NormalizedName) -> bool:
        return is_among(name, self.projects)

    async def listen(self, answer: Awaitable[T]) -> T:
        """
        Wait for what it answers, and note that it has.
        """
        try:
            answered = await answer
        except (NoSuchProject, NoProjectList):
            self.silent = False
            raise
        except UpstreamError as e:
            still = self.silent and e.status is None
            self.silent = still or e.dead_for > 0
            raise
        self.silent = False
        return answered

    def hindered(self, error: UpstreamError) -> None:
        """
        An attempt to ask it has failed; it is tried further.
        """
        if error.dead_for:
            self.silent = True


@define(eq=False)
class _Asking:
    """
    A question that is being put.

    :ivar upstream: that it is put to at the moment.
    """

    upstream: Upstream = field(init=False)
    hindrance: Hindrance = field(factory=Hindrance, init=False)

    def hindered(self, error: UpstreamError) -> None:
        self.upstream.hindered(error)
        self.hindrance.met(error)


@define(eq=False)
class Upstreams:
    """
    All of them, in order. The first that has a project serves it; what cannot say
    whether it has it is never passed over, as anybody might have put something else
    under that name on the next.
    """

    all: Sequence[Upstream]
    _names: PrivateNames
    _health: Health
    _asking: dict[NormalizedName, _Asking] = field(factory=dict, init=False)

    def asked_about(self, name: NormalizedName) -> Sequence[Upstream]:
        """
        :returns: those that may be asked about a project, in order.
        """
        if self.may_not_hear_of(name):
            return []
        return [u for u in self.all if u.is_asked_about(name)]

    def may_not_hear_of(self, name: NormalizedName) -> bool:
        """
        Is nobody ever asked about a project, and does nothing count that anybody said?
        """
        return self._names.is_secret(name)

    def at(self, address: str | None) -> Upstream | None:
        """
        :param address: of an index.
        """
        return next((u for u in self.all if u.index.url == address), None)

    def may_speak(self, address: str, name: NormalizedName) -> bool:
        """
        Does it count what the index at *address* once said of a project? If nobody is
        asked about anything, that is as good as it gets.
        """
        return not self.all or self.at(address) in self.asked_about(name)

    async def ask(
        self,
        name: NormalizedName,
        question: Callable[[IIndex, Hindered], Coroutine[Any, Any, T]],
    ) -> T:
        """
        Put a question about a project to the first that has it.

        :param question: is given what to tell of attempts that fail.
        :raises NoSuchProject: none has it.
        :raises UpstreamError: one has not said whether it has it.
        """
        asking = self._asking[name] = _Asking()
        try:
            for upstream in self.asked_about(name):
                if self.may_not_hear_of(name):  # since a moment ago
                    break
                asking.upstream = upstream
                try:
                    asked = question(upstream.index, asking.hindered)
                    answer = await upstream.listen(asked)
                except NoSuchProject:
                    self._mend(upstream)
                except UpstreamError as e:
                    self._health.worsen(f"upstream {upstream.name}", str(e))
                    raise
                else:
                    self._mend(upstream)
                    return answer
        finally:
            del self._asking[name]
        raise NoSuchProject(project=name)

    def hindrance(self, name: NormalizedName) -> "Deferred[Exception]":
        """
        :returns: fires when an attempt to ask about a project fails, or has failed, if
            it is being asked about; more attempts may follow.
        """
        asking = self._asking.get(name)
        return asking.hindrance.told() if asking is not None else Deferred()

    def give_up_on(self, name: NormalizedName) -> None:
        """
        Somebody has waited for what is asked about a project for as long as one can,
        be it asked by us or by another process.
        """
        if name in self._asking:
            self._asking[name].upstream.silent = True
            return
        for upstream in self.asked_about(name)[:1]:
            upstream.silent = True

    def answered_others(self, address: str) -> None:
        """
        The index at *address* has answered another process.
        """
        upstream = self.at(address)
        if upstream is not None:
            upstream.silent = False
            self._mend(upstream)

    def is_silent_about(self, name: NormalizedName) -> bool:
        """
        Is it of no use to wait for what they will say of a project?
        """
        return any(upstream.silent for upstream in self.asked_about(name))

    def _mend(self, upstream: Upstream) -> None:
        self._health.mend(f"upstream {upstream.name}")
