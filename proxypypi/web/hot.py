"""
Answers that were given just now, to be given again as they are.

An answer gets here only as the ordinary path has sent it, head and all, with how long
the core says it would say the same again, and who may have it. So whoever is answered
from here gets what the ordinary path would have sent, but for the date.
"""

import os
from collections.abc import Callable
from typing import Any, ClassVar

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.web.http import NOT_MODIFIED, OK
from twisted.web.http_headers import Headers
from twisted.web.server import Request

from proxypypi.interfaces import IByteSource, IReaders
from proxypypi.model import Validity
from proxypypi.store.generations import Generations
from proxypypi.web.headers import http_date

Key = tuple[bytes, bytes, bytes]

_DATE = b"\r\nDate: "
_OVERHEAD = 500  # bytes, of what holds an answer
_LOOK = 0.02  # seconds between looks whether a file was written into


@define(eq=False)
class HotAnswer:
    """
    All of an answer but its date.

    :ivar before: the head up to the date.
    :ivar after: the rest of it.
    :ivar content: the body, if it is in memory.
    :ivar fd: of the file that the body is; -1 for none. It is closed when the answer
        is dropped.
    :ivar size: of the body, in bytes.
    :ivar written_at: when the file was last written to, in nanoseconds; 0 for none.
    :ivar outcome: its ``Cache-Status``.
    :ivar cost: bytes that it takes to hold it, with what it is the answer to.
    :ivar readers: who may have it; :obj:`None` for everybody.
    :ivar given: is called each time that it is given; :obj:`None` for nothing.
    :ivar intact_until: when it is to be seen again whether the file is what it was.
    """

    before: bytes
    after: bytes
    content: bytes
    fd: int
    size: int
    written_at: int
    validity: Validity
    code: int
    outcome: str
    cost: int
    readers: IReaders | None = None
    given: Callable[[], None] | None = None
    intact_until: float = field(default=0.0, init=False)

    def is_intact(self, now: float) -> bool:
        """
        Has nobody written into the file, as far as was seen a moment ago?
        """
        if self.fd < 0 or self.intact_until - _LOOK <= now < self.intact_until:
            return True
        self.intact_until = now + _LOOK
        return _state(self.fd) == (self.size, self.written_at)


@define
class Reusable:
    """
    What a route says of an answer that it is about to give.
    """

    validity: Validity
    content: "bytes | IByteSource"
    readers: IReaders | None = None
    given: Callable[[], None] | None = None


class CanBeReused:
    """
    For requests: their answers may be given again.
    """

    reusable: Reusable | None = None


def offer(
    request: Request,
    validity: Validity | None,
    content: "bytes | IByteSource",
    given: Callable[[], None] | None = None,
) -> None:
    """
    The answer to this request may be given again, for as long as it is valid.

    :param validity: :obj:`None` if it is not at all.
    :param content: its body; if that is a file, one that is whole.
    :param given: to be called each time that it is given again.
    """
    if validity is not None and isinstance(request, CanBeReused):
        readers = request.getComponent(IReaders)
        request.reusable = Reusable(validity, content, readers, given)


@define(eq=False)
class HotAnswers:
    """
    Holds as many as there is room for.

    :ivar most_files: how many descriptors it may hold open.
    """

    _MOST_BYTES: ClassVar[int] = 64 * 1024 * 1024
    _MOST_FILES: ClassVar[int] = 256
    _SWEEP: ClassVar[float] = 5.0  # seconds between looks for what is valid no more

    _generations: Generations
    _clock: IReactorTime
    most_files: int = _MOST_FILES
    _answers: dict[Key, HotAnswer] = field(factory=dict, init=False)
    _cost: int = field(default=0, init=False)
    _files: int = field(default=0, init=False)
    _sweeping: IDelayedCall | None = field(default=None, init=False)

    def __len__(self) -> int:
        return len(self._answers)

    def limit(self, descriptors: int) -> None:
        """
        Take few of the descriptors that connections leave.

        :param descriptors: how many there are.
        """
        self.most_files = min(self._MOST_FILES, descriptors // 16)

    def get(self, key: Key, now: float) -> HotAnswer | None:
        """
        :returns: what the ordinary path would answer at this moment, if that is known.
        """
        answer = self._answers.get(key)
        if answer is None:
            return None
        validity = answer.validity
        if now >= validity.until:
            return None
        if self._generations.at(validity.slot) != validity.number:
            return None
        if not answer.is_intact(now):
            self._drop(key)
            return None
        return answer

    def keep(
        self, key: Key, reusable: Reusable, code: int, head: bytes, headers: Headers
    ) -> None:
        """
        :param head: of the answer, as it is just being sent.
        :param headers: what it says.
        """
        wanted = NOT_MODIFIED if key[2] else OK
        dates = headers.getRawHeaders(b"Date")
        if code != wanted or dates is None or headers.hasHeader(b"Transfer-Encoding"):
            return
        content, fd, written_at = reusable.content, -1, 0
        if isinstance(content, bytes):
            size = len(content)
        else:
            fd, content = another(content.fd), b""
            if fd < 0:
                return
            size, written_at = _state(fd)
        start = head.index(_DATE) + len(_DATE)
        outcome: Any = headers.getRawHeaders("Cache-Status", ["-"])
        self._drop(key)
        answer = self._answers[key] = HotAnswer(
            before=head[:start],
            after=head[start + len(dates[0]) :],
            content=content,
            fd=fd,
            size=size,
            written_at=written_at,
            validity=reusable.validity,
            code=code,
            outcome=outcome[0],
            cost=_OVERHEAD + sum(map(len, key)) + len(head) + len(content),
            readers=reusable.readers,
            given=reusable.given,
        )
        self._cost += answer.cost
        self._files += fd >= 0
        while self._cost > self._MOST_BYTES or self._files > self.most_files:
            self._drop(next(iter(self._answers)))
        if self._sweeping is None:
            self._sweeping = self._clock.callLater(self._SWEEP, self._sweep)

    def clear(self) -> None:
        """
        Forget all.
        """
        for key in tuple(self._answers):
            self._drop(key)
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    def _drop(self, key: Key) -> None:
        answer = self._answers.pop(key, None)
        if answer is not None:
            self._cost -= answer.cost
            if answer.fd >= 0:
                self._files -= 1
                os.close(answer.fd)

    def _sweep(self) -> None:
        now = self._clock.seconds()
        for key, answer in tuple(self._answers.items()):
            if now >= answer.validity.until:
                self._drop(key)
        self._sweeping = None
        if self._answers:
            self._sweeping = self._clock.callLater(self._SWEEP, self._sweep)


def another(fd: int) -> int:
    """
    :returns: another descriptor for the same file; -1 if there are no more.
    """
    try:
        return os.dup(fd)
    except OSError:
        return -1


def _state(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_size, status.st_mtime_ns


@define(eq=False)
class Dates:
    """
    What time it is, as heads say it: made once a second.
    """

    _until: float = field(default=0.0, init=False)
    _said: bytes = field(default=b"", init=False)

    def at(self, now: float) -> bytes:
        if not self._until - 1.0 <= now < self._until:
            second = int(now)
            self._until = second + 1.0
            self._said = http_date(second).encode("ascii")
        return self._said


def head_of(version: bytes, code: bytes, reason: bytes, headers: Headers) -> bytes:
    """
    The head of an answer as it goes over the wire.
    """
    lines = [b"%s %s %s\r\n" % (version, code, reason)]
    for name, values in headers.getAllRawHeaders():
        lines += [b"%s: %s\r\n" % (name, value) for value in values]
    lines.append(b"\r\n")
    return b"".join(lines)
