"""
Kinds of clients, told by the heads of their requests.

All requests of a program look alike but for their first line, so that what the rest
says has to be understood only once.
"""

import re
from collections.abc import Iterable, Mapping
from typing import ClassVar

from attrs import define, field, frozen

_LINE = re.compile(rb"([A-Za-z-]+):[ \t]*([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?")
_HOST = re.compile(
    rb"(?:[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*\.?"
    rb"|\[[0-9A-Fa-f:]{2,39}(?:\.[0-9]{1,3}){0,3}\])"
    rb"(?::[0-9]{1,5})?"
)
_LONGEST_HOST = 250  # bytes
_HAS_ALREADY = re.compile(
    rb'\r\nif-none-match: ("[\x21\x23-\x7e]*")(?=\r\n|\Z)', re.IGNORECASE
)
_SAYS_WHO = re.compile(
    rb"\r\nauthorization: ([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)(?=\r\n[^ \t]|\Z)",
    re.IGNORECASE,
)
_CUT_OUT = re.compile(rb"\r\n(?:if-none-match|authorization)", re.IGNORECASE)
_OF_NO_ACCOUNT = frozenset(
    (
        *(b"host", b"connection", b"user-agent", b"accept", b"accept-encoding"),
        *(b"accept-language", b"cache-control", b"pragma", b"via", b"forwarded"),
        *(b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port"),
        *(b"x-forwarded-prefix", b"x-forwarded-proto", b"x-real-ip"),
    )
)
"""
Headers that do not change what is answered but for :attr:`Client.vary`, as long as they
are what they usually are.
"""
_OF_THE_ADDRESS = (b"host", b"x-forwarded-proto", b"x-forwarded-prefix")
ABSOLUTE = b"/pypi/"
"""
Where the answers are that have our own address in them.
"""


@frozen
class Client:
    """
    What one kind of client says with every request.

    :ivar vary: what an answer may vary with: the headers that ``Vary`` names.
    :ivar address: what those vary with that have our own address in them.
    :ivar agent: the first word of its ``User-Agent``.
    """

    vary: bytes
    address: bytes
    agent: str


@frozen
class Asked:
    """
    A request whose answer another one may have as well.

    :ivar key: all that makes the difference: the target, what the answer may vary with,
        and the entity tag that the client has already; empty for none.
    :ivar size: of its head, in bytes.
    :ivar said: who asks: what the ``Authorization`` header has; empty for none.
    """

    key: tuple[bytes, bytes, bytes]
    client: Client
    size: int
    said: bytes = b""


@define(eq=False)
class Clients:
    """
    Remembers what the heads of requests said, but for tags and passwords, at most so
    many of them; none flushes out those that come again and again by sending another
    one each time.
    """

    _MOST: ClassVar[int] = 500
    _LONGEST: ClassVar[int] = 4096  # bytes
    _young: dict[bytes, Client | None] = field(factory=dict, init=False)
    _old: dict[bytes, Client | None] = field(factory=dict, init=False)

    def read(self, data: bytes) -> Asked | None:
        """
        :param data: what has come, from the first byte of a request.
        :returns: :obj:`None` if the head is not all there, or has anything in it that
            is not usual.
        """
        end = data.find(b"\r\n\r\n")
        if end < 0 or not data.startswith(b"GET /"):
            return None
        line_end = data.find(b"\r\n")
        target = data[4 : line_end - 9]
        if data[line_end - 9 : line_end] != b" HTTP/1.1" or b"?" in target:
            return None  # of queries there are too many that mean the same
        rest, tag, said = data[line_end:end], b"", b""
        try:
            client = self._young[rest]
        except KeyError:
            has = _HAS_ALREADY.search(rest)
            if has is not None:
                rest, tag = rest[: has.start()] + rest[has.end() :], has[1]
            who = _SAYS_WHO.search(rest)
            if who is not None:
                rest, said = rest[: who.start()] + rest[who.end() :], who[1]
            client = self._recall(rest)
        if client is None:
            return None
        vary = client.address if target.startswith(ABSOLUTE) else client.vary
        return Asked((target, vary, tag), client, end + 4, said)

    def _recall(self, rest: bytes) -> Client | None:
        if rest in self._young:
            return self._young[rest]
        if len(rest) > self._LONGEST or _CUT_OUT.search(rest):
            return None  # the latter says it twice, or in another form
        client = self._old.get(rest) or understand(rest)
        if len(self._young) >= self._MOST:
            self._old, self._young = self._young, {}
        self._young[rest] = client
        return client


def understand(rest: bytes) -> Client | None:
    """
    :param rest: of a head, from the end of its first line to that of its last.
    :returns: :obj:`None` for all that is unusual.
    """
    said: dict[bytes, bytes] = {}
    for line in rest.split(b"\r\n")[1:]:
        match = _LINE.fullmatch(line)
        if match is None:
            return None
        name = match[1].lower()
        if name in said or name not in _OF_NO_ACCOUNT:
            return None
        said[name] = match[2] or b""
    host = said.get(b"host", b"")
    if len(host) > _LONGEST_HOST or _HOST.fullmatch(host) is None:
        return None
    if said.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    varying = (b"accept", b"accept-encoding")
    # That one of them is missing is not the same as that it is empty.
    vary = _joined(said, varying)
    address = _joined(said, (*varying, *_OF_THE_ADDRESS))
    agent = said.get(b"user-agent", b"-").partition(b" ")[0].decode("ascii")
    return Client(vary, address, agent)


def _joined(said: Mapping[bytes, bytes], names: Iterable[bytes]) -> bytes:
    return b"\n".join(name + b":" + said[name] for name in names if name in said)
