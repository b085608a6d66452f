"""
What is to be done next about a file that a client gets.
"""

from enum import Enum

from proxypypi.interfaces import IByteSource


class Step(Enum):
    SEND = "there are bytes for it"
    WAIT = "there will be more"
    FINISH = "it has got all"
    HAND_OVER = "the rest comes straight from upstream"
    CUT = "it must not take what it has for all"


def next_step(source: IByteSource, offset: int, stop: int | None) -> tuple[Step, int]:
    """
    :param offset: of the next byte.
    :param stop: offset of that after the last; :obj:`None` for all there will be.
    :returns: also the offset up to which there are bytes.
    """
    end: int = source.released if stop is None else min(source.released, stop)
    if source.failed:
        return Step.CUT, end
    if offset < end:
        return Step.SEND, end
    if source.overflowed and offset != stop:
        return Step.HAND_OVER, end
    if source.ended or offset == stop:
        return Step.FINISH, end
    return Step.WAIT, end
