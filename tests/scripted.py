"""
An upstream of which the test writes every word.
"""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from zope.interface import implementer

from proxypypi.errors import UpstreamError, UpstreamUnreachable
from proxypypi.interfaces import IBody, IIndex
from proxypypi.model import RawPage
from proxypypi.names import NormalizedName

FILE_URL = "http://files.example/demo-1.0.zip"


def cut() -> UpstreamUnreachable:
    return UpstreamUnreachable(url=FILE_URL, reason="connection was cut")


@implementer(IBody)
@define(eq=False)
class ScriptedBody:
    """
    A body that comes as the test sends it.

    :ivar at_once: comes in the middle of :meth:`deliver`, as what arrived with the head
        does.
    :ivar over: did it end, in whatever way?
    """

    start: int = 0
    length: int | None = None
    total: int | None = None
    validator: str | None = None
    at_once: bytes = b""
    is_paused: bool = field(default=False, init=False)
    is_abandoned: bool = field(default=False, init=False)
    is_cancelled: bool = field(default=False, init=False)
    _receive: Callable[[bytes], None] | None = field(default=None, init=False)
    _ended: "Deferred[None]" = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._ended = Deferred(self._cancel)

    @property
    def over(self) -> bool:
        return self._ended.called or self.is_abandoned

    def deliver(self, receive: Callable[[bytes], None]) -> "Deferred[None]":
        assert self._receive is None
        assert not self.is_abandoned
        self._receive = receive
        if self.at_once:
            self.send(self.at_once)
        return self._ended

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False

    def abandon(self) -> None:
        self.is_abandoned = True

    def send(self, data: bytes) -> None:
        assert self._receive is not None
        assert not self.over
        try:
            self._receive(data)
        except Exception as e:
            self._ended.errback(e)

    def end(self) -> None:
        self._ended.callback(None)

    def fail(self, error: Exception) -> None:
        self._ended.errback(error)

    def _cancel(self, _: object) -> None:
        self.is_cancelled = True


@define(eq=False)
class Asked:
    """
    A request for a body.
    """

    url: str
    byte_range: tuple[int | None, int | None] | None
    if_range: str | None
    hashed: bool
    paced: bool
    answer: "Deferred[Any]"


@implementer(IIndex)
@define(eq=False)
class ScriptedIndex:
    """
    :ivar asked: for bodies, in order.
    :ivar pages: the Deferreds of the pages asked for, by name.
    """

    url: str = "http://index.example/simple/"
    asked: list[Asked] = field(factory=list, init=False)
    pages: "list[tuple[NormalizedName, RawPage | None, Deferred[RawPage | None]]]" = (
        field(factory=list, init=False)
    )

    def open_body(
        self,
        url: str,
        byte_range: tuple[int | None, int | None] | None = None,
        if_range: str | None = None,
        hashed: bool = False,
        paced: bool = False,
    ) -> "Deferred[Any]":
        answer: Deferred[Any] = Deferred()
        self.asked.append(Asked(url, byte_range, if_range, hashed, paced, answer))
        return answer

    def answer(self, body: ScriptedBody) -> ScriptedBody:
        """
        Answer the latest request for a body.
        """
        self.asked[-1].answer.callback(body)
        return body

    def fetch_page(
        self,
        name: NormalizedName,
        known: RawPage | None,
        hindered: Callable[[UpstreamError], None] = lambda _: None,
        background: bool = False,
    ) -> "Deferred[RawPage | None]":
        page: Deferred[RawPage | None] = Deferred()
        self.pages.append((name, known, page))
        return page

    def fetch_document(
        self,
        path: str,
        known: RawPage | None,
        hindered: Callable[[UpstreamError], None] = lambda error: None,
        background: bool = False,
    ) -> "Deferred[RawPage | None]":
        raise NotImplementedError

    def fetch_list(
        self,
        known: RawPage | None,
        receive: Callable[[bytes], None],
        hindered: Callable[[UpstreamError], None] = lambda error: None,
        background: bool = False,
    ) -> "Deferred[RawPage | None]":
        raise NotImplementedError

    def fetch_small(
        self, url: str, limit: int, hashes: Mapping[str, str]
    ) -> "Deferred[bytes]":
        raise NotImplementedError

    def fetch_size(self, url: str) -> "Deferred[int | None]":
        raise NotImplementedError
