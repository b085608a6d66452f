"""
Are these the bytes that the index speaks of?
"""

import hashlib
from collections.abc import Iterable, Mapping

from attrs import define, field

# Strongest first. MD5 and SHA-1 stop accidents, not attackers, but some indexes have
# nothing better.
_BY_STRENGTH = (
    *("sha512", "blake2b", "sha384", "sha256", "sha3_512", "sha3_384", "sha3_256"),
    *("blake2s", "sha224", "sha3_224", "sha1", "md5"),
)
_WEAK = frozenset({"sha1", "md5"})


def strongest(hashes: Mapping[str, str]) -> str | None:
    """
    The algorithm to check a file by; :obj:`None` if none is known here.
    """
    return next((a for a in _BY_STRENGTH if a in hashes), None)


def is_strong(hashes: Mapping[str, str]) -> bool:
    """
    Does one of these digests withstand an attacker?
    """
    algorithm = strongest(hashes)
    return algorithm is not None and algorithm not in _WEAK


def agree(ours: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    """
    Do two sets of digests speak of the same bytes?

    :returns: :obj:`False` also if they have no algorithm in common.
    """
    common = _common(ours, theirs)
    return common is not None and ours[common] == theirs[common]


def contradict(ours: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    """
    Are two sets of digests of different bytes?

    :returns: :obj:`False` also if they have no algorithm in common.
    """
    common = _common(ours, theirs)
    return common is not None and ours[common] != theirs[common]


def _common(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str | None:
    return strongest({a: d for a, d in ours.items() if a in theirs})


@define(eq=False)
class Digests:
    """
    The running digests of a file: SHA-256, and what its index checks it by.
    """

    _running: dict[str, "hashlib._Hash"] = field(alias="running")

    @classmethod
    def checking(cls, hashes: Mapping[str, str]) -> "Digests":
        """
        :param hashes: what the index says of the file; may be empty.
        """
        return cls.of({"sha256", strongest(hashes) or "sha256"})

    @classmethod
    def like(cls, hashes: Mapping[str, str]) -> "Digests":
        """
        :param hashes: of whose algorithms all that are known here are meant.
        """
        return cls.of({"sha256", *(a for a in _BY_STRENGTH if a in hashes)})

    @classmethod
    def of(cls, algorithms: Iterable[str]) -> "Digests":
        return cls(
            {a: hashlib.new(a, usedforsecurity=a not in _WEAK) for a in algorithms}
        )

    def copy(self) -> "Digests":
        """
        Digests of the same bytes, which go on by themselves.
        """
        return Digests({a: running.copy() for a, running in self._running.items()})

    def update(self, data: bytes) -> None:
        for running in self._running.values():
            running.update(data)

    def hex(self) -> dict[str, str]:
        """
        Algorithm to lower-case hex digest of all bytes so far.
        """
        return {a: running.hexdigest() for a, running in self._running.items()}
