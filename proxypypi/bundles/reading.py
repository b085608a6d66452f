"""
A bundle, read from its beginning to its end; nothing in it is believed.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import BinaryIO

from attrs import define, field

from proxypypi.bundles.manifest import (
    LARGEST_MANIFEST,
    MANIFEST,
    Kind,
    Manifest,
    Member,
    parse_manifest,
    place_of,
)
from proxypypi.bundles.tar import TarReader
from proxypypi.bundles.writing import Told
from proxypypi.errors import BadBundle


@define(eq=False)
class Bundle:
    """
    :ivar missing: files that its manifest has, and that did not come.
    :ivar _done: bytes of those members that come before the one at hand.
    """

    manifest: Manifest
    _tar: TarReader
    missing: list[Member] = field(factory=list, init=False)
    _told: Told = field(default=lambda done, all: None, init=False)
    _done: int = field(default=0, init=False)
    _size: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._size = sum(member.size for member in self.manifest.members)

    @classmethod
    def open(cls, stream: BinaryIO) -> "Bundle":
        """
        :raises BadBundle: it is none.
        """
        tar = TarReader(stream)
        begins_otherwise = f"it does not begin with {MANIFEST}"
        try:
            first = tar.next()
        except BadBundle as e:
            reason = f"it is no bundle, or was not copied whole: {begins_otherwise}"
            raise BadBundle(reason=reason) from e
        if first is None or first[0] != MANIFEST:
            raise BadBundle(reason=f"it is no bundle: {begins_otherwise}")
        if first[1] > LARGEST_MANIFEST:
            raise BadBundle(reason=f"its {MANIFEST} has {first[1]:,} bytes: too many")
        return cls(parse_manifest(b"".join(tar.pieces())), tar)

    def members(self, told: Told = lambda done, all: None) -> Iterator[Member]:
        """
        Those that come, in the order of the manifest. Each can be read while it is at
        hand.

        :param told: how far that has come.
        :raises BadBundle: there is something that the manifest does not have, or not
            there, or not so; or a note or a page does not come.
        """
        self._told = told
        expected = self.manifest.members
        places = {member.name: number for number, member in enumerate(expected)}
        reached = 0
        while (found := self._tar.next()) is not None:
            name, size = found
            place = places.get(name, -1)
            if place < reached or expected[place].size != size:
                raise BadBundle(reason=f"{name!a} in it is not what its manifest has")
            self._miss(expected[reached:place])
            reached = place + 1
            yield expected[place]
            self._pass(size)
        self._miss(expected[reached:])

    def pieces(self) -> Iterator[bytes]:
        """
        The content of the member at hand, which is not checked.
        """
        come = self._done
        for piece in self._tar.pieces():
            come += len(piece)
            self._told(come, self._size)
            yield piece

    def content(self, member: Member) -> bytes:
        """
        That of a note or a page, which is the member at hand.

        :raises BadBundle: its digest is another.
        """
        content = b"".join(self.pieces())
        if sha256(content).hexdigest() != member.sha256:
            raise BadBundle(reason=f"{member.name} in it is damaged")
        return content

    def _miss(self, members: tuple[Member, ...]) -> None:
        for member in members:
            if place_of(member).kind is not Kind.FILE:
                raise BadBundle(reason=f"{member.name} is missing in it")
            self.missing.append(member)
            self._pass(member.size)

    def _pass(self, size: int) -> None:
        self._done += size
        self._told(self._done, self._size)
