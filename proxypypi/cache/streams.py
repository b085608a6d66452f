"""
Transfers from upstream for one client alone, of which nothing is kept.
"""

from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred
from zope.interface import implementer

from proxypypi.cache.checked import CheckedStream
from proxypypi.cache.transfer import Transfer
from proxypypi.errors import TooManyStreams
from proxypypi.events import STREAMS, IEvents
from proxypypi.interfaces import IBody, IIndex
from proxypypi.model import Distribution
from proxypypi.rules.integrity import is_strong

_MOST = 64  # at once


@implementer(IBody)
@define(eq=False)
class Stream:
    """
    A body that frees its place among the streams when it ends.
    """

    _body: IBody
    _free: Callable[[], None]

    @property
    def start(self) -> int:
        return self._body.start

    @property
    def length(self) -> int | None:
        return self._body.length

    @property
    def total(self) -> int | None:
        return self._body.total

    @property
    def validator(self) -> str | None:
        return self._body.validator

    def deliver(self, receive: Callable[[bytes], None]) -> "Deferred[None]":
        def ended(result: object) -> object:
            self._free()
            return result

        delivered = self._body.deliver(receive)
        delivered.addBoth(ended)
        return delivered

    def pause(self) -> None:
        self._body.pause()

    def resume(self) -> None:
        self._body.resume()

    def abandon(self) -> None:
        self._body.abandon()
        self._free()


@define(eq=False)
class Streams:
    """
    A bounded number of such transfers.

    :ivar _running: how many there are.
    """

    _events: IEvents
    _running: int = field(default=0, init=False)

    async def open(
        self,
        listed: Distribution,
        byte_range: tuple[int | None, int | None],
        index: IIndex,
    ) -> Stream:
        """
        A range of a file, as upstream has it.

        :param index: that lists it.
        :param byte_range: as for :meth:`~proxypypi.interfaces.IIndex.open_body`.
        :raises TooManyStreams: there is no place for another.
        :raises UpstreamError: upstream did not give it.
        """
        self._take_place()
        try:
            body = await index.open_body(
                listed.url,
                byte_range=byte_range,
                hashed=is_strong(listed.hashes),
                paced=True,
            )
        except BaseException:
            self._free()
            raise
        return Stream(body, self._free)

    def check(
        self, transfer: Transfer, distrust: Callable[[], None], held: bytes = b""
    ) -> CheckedStream:
        """
        A file that cannot be kept, from where *transfer* is.

        :param distrust: told if upstream sends other bytes than its index speaks of.
        :param held: the last of what has come already, which the client has not got.
        :raises TooManyStreams: there is no place for another.
        """
        self._take_place()
        transfer.paced = True
        return CheckedStream(transfer, held, distrust, self._free)

    def _take_place(self) -> None:
        if self._running >= _MOST:
            raise TooManyStreams(limit=_MOST)
        self._running += 1
        self._events.note(STREAMS)

    def _free(self) -> None:
        self._running -= 1
