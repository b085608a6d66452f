"""
The directory people see, and how files get there.
"""

from collections.abc import Callable, Mapping, Sequence

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from proxypypi.interfaces.upstream import IBody
from proxypypi.model import Fate, LocalFile
from proxypypi.names import NormalizedName


class IDirectory(Interface):
    """
    The directory people see: private files, and cached ones under their project.
    """

    def files(name: NormalizedName) -> "Deferred[Mapping[str, LocalFile]]":
        """
        The distributions of a project that lie in the directory, by file name; some,
        perhaps, are still being written. The same object while nothing changes.

        :returns: at most a second old.
        """

    def holds_until(name: NormalizedName) -> float:
        """
        :returns: POSIX seconds until which :meth:`files` says the same again without a
            look; 0 if it looks.
        """

    def projects() -> "Deferred[Sequence[NormalizedName]]":
        """
        All projects that have such files, in order.
        """

    def changed(name: NormalizedName) -> None:
        """
        We changed something of this project ourselves: look anew at the next question,
        in whichever process it is asked.
        """


class IPartial(Interface):
    """
    A file that is being fetched, by one process at a time, and no file that anyone is
    offered until it is published. Others may read it, and take it up if it is left.
    """

    fd: int = Attribute("Open for reading; if it is ours, for writing at its end.")
    size: int = Attribute("How many bytes are there, of what others have brought.")
    is_ours: bool = Attribute("Is it? Nothing but a look may change that it is not.")

    def look() -> Fate:
        """
        What has become of it, if it is not ours? Its size is known anew.

        :raises OSError: that cannot be told.
        """

    def write(data: bytes) -> None:
        """
        Append.

        :raises OSError: disk full, over quota, and so on.
        """

    def restart() -> None:
        """
        Throw away what is there and begin anew, in another file: to those who read the
        one there is, it is lost.

        :raises OSError: no room, no right.
        """

    def publish() -> "Deferred[LocalFile | None]":
        """
        Make it durable, then give it its name in the directory in one step.

        :returns: the file; :obj:`None` if somebody else put one there meanwhile, which
            is left alone. What was fetched can be read until :meth:`close`.
        """

    def discard() -> None:
        """
        Remove it. Can be called repeatedly.
        """

    def give_up() -> None:
        """
        As :meth:`discard`, of what is right as far as it has come, but finds no room.
        Others who have it open are told so, and can go on from there by other ways.
        """

    def release() -> None:
        """
        Let go of it, published or left for another attempt; what is there can still be
        read. Can be called repeatedly.
        """

    def close() -> None:
        """
        Let go of it and of the descriptor. Can be called repeatedly.
        """


class IPartialStore(Interface):
    """
    Room for files that are being fetched.
    """

    def open(name: NormalizedName, filename: str, tag: str) -> IPartial:
        """
        :param tag: short text that tells contents apart; under the same tag an earlier
            attempt is taken up again.
        :returns: ours, unless another process fetches it.
        :raises OSError: no room, no right.
        """

    def is_there(name: NormalizedName, filename: str) -> bool:
        """
        Is there a file already where it would be published, that may be offered? Looks
        at the disk, for a moment.
        """

    def check_room(size: int) -> "Deferred[None]":
        """
        Would so many bytes more leave as much free as should be?

        :raises OSError: they would not.
        """


class IByteSource(Interface):
    """
    The bytes of a file as far as they are here, some perhaps still on their way.
    """

    fd: int = Attribute("Open for reading; good until close().")
    size: int | None = Attribute("Of the whole file in bytes, if known already.")
    released: int = Attribute("How many bytes, from the first, may be given out.")
    ended: bool = Attribute("No more bytes will be released: all are, or it failed.")
    failed: bool = Attribute("It ended before its time.")
    overflowed: bool = Attribute("It ended; what is not released did not fit in here.")
    latest: tuple[int, bytes] = Attribute(
        "The offset of the bytes that came last, and these; none if there are no such."
    )

    def watch(changed: Callable[[], None]) -> None:
        """
        Call *changed*, repeatedly, when one of the attributes has changed.
        """

    def rest() -> IBody:
        """
        What is not released, and does not fit in here: straight from upstream, for one
        client alone, checked as ever. For a source that overflowed, before close().

        :raises TooManyStreams: too many others have such.
        """

    def close() -> None:
        """
        Not needed any more; *changed* is not called again.
        """
