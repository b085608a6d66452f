"""
Bodies that are wanted whole, and answers that have to be what was asked for.
"""

import hashlib
from collections.abc import Callable, Mapping

from proxypypi.upstream.bodies import Body, whole_body
from proxypypi.upstream.replies import Reply

_LONG_PIECE = 256 * 1024  # bytes; what compresses well comes in long ones


def expect_ok(reply: Reply) -> None:
    """
    :raises UpstreamError: it is no 200.
    """
    if reply.code == 304:
        reply.discard()
        raise reply.nonsense("it says that what we do not have has not changed")
    if reply.code != 200:
        reply.discard()
        raise reply.refusal()


def expect_decoded(reply: Reply) -> None:
    """
    :raises UpstreamError: likewise, or its body is in a coding that we do not take.
    """
    expect_ok(reply)
    coding = reply.header("Content-Encoding") or "identity"  # treq writes ""
    if coding != "identity":
        reply.discard()
        raise reply.nonsense(f"it sent a coding we did not ask for, {coding!a}")


async def collect(reply: Reply, limit: int) -> bytes:
    """
    :raises UpstreamError: it does not come whole, or is more than *limit* bytes.
    """
    pieces: list[bytes] = []
    await deliver(reply, limit, pieces.append)
    return b"".join(pieces)


async def deliver(
    reply: Reply,
    limit: int,
    receive: Callable[[bytes], None],
    in_turns: bool = False,
) -> None:
    """
    :param in_turns: *receive* takes its time, so pause after long pieces.
    :raises UpstreamNonsense: it is more than *limit* bytes.
    """
    body: Body = whole_body(reply)
    too_much = reply.nonsense(f"it sent more than {limit} bytes")
    if body.length is not None and body.length > limit:
        body.abandon()
        raise too_much
    left = limit

    def count(piece: bytes) -> None:
        nonlocal left
        left -= len(piece)
        if left < 0:
            raise too_much
        receive(piece)
        if in_turns and len(piece) > _LONG_PIECE:
            body.pause()  # let others have their turn
            reply.clock.callLater(0, body.resume)

    await body.deliver(count)


def matches(content: bytes, hashes: Mapping[str, str]) -> bool:
    """
    Has *content* all the digests that can be checked, and at least one if any is given?
    """
    checked = False
    for algorithm, expected in hashes.items():
        if algorithm in hashlib.algorithms_guaranteed and "shake" not in algorithm:
            found = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
            if found != expected.lower():
                return False
            checked = True
    return checked or not hashes
