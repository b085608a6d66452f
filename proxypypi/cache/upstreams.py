"""
The indexes behind us: who is asked about which project, and how they are.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred

from proxypypi.cache.health import Health
from proxypypi.cache.private import PrivateNames
from proxypypi.errors import NoSuchProject, UpstreamError
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


@define(eq=False)
class _Asking:
    """
    A question that is being put.

    :ivar upstream: that it is put to at the moment.
    """

    upstream: Upstream = field(init=False)
    _error: UpstreamError | None = field(default=None, init=False)
    _waiting: "list[Deferred[UpstreamError]]" = field(factory=list, init=False)

    def hindered(self, error: UpstreamError) -> None:
        if error.dead_for:
            self.upstream.silent = True
        self._error = error
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(error)

    def tell(self, waiter: "Deferred[UpstreamError]") -> None:
        if self._error is not None:
            waiter.callback(self._error)
        else:
            self._waiting.append(waiter)


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
                    answer = await question(upstream.index, asking.hindered)
                except NoSuchProject:
                    self._answered(upstream)
                except UpstreamError as e:
                    still = upstream.silent and e.status is None
                    upstream.silent = still or e.dead_for > 0
                    self._health.worsen(f"upstream {upstream.name}", str(e))
                    raise
                else:
                    self._answered(upstream)
                    return answer
        finally:
            del self._asking[name]
        raise NoSuchProject(project=name)

    def hindrance(self, name: NormalizedName) -> "Deferred[UpstreamError]":
        """
        :returns: fires when an attempt to ask about a project fails, or has failed, if
            it is being asked about; more attempts may follow.
        """
        waiter: Deferred[UpstreamError] = Deferred()
        if name in self._asking:
            self._asking[name].tell(waiter)
        return waiter

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
            self._answered(upstream)

    def is_silent_about(self, name: NormalizedName) -> bool:
        """
        Is it of no use to wait for what they will say of a project?
        """
        return any(upstream.silent for upstream in self.asked_about(name))

    def _answered(self, upstream: Upstream) -> None:
        upstream.silent = False
        self._health.mend(f"upstream {upstream.name}")
