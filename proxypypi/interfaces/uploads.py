"""
Where a file is that somebody publishes.
"""

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from proxypypi.model import LocalFile
from proxypypi.names import NormalizedName


class IUpload(Interface):
    """
    A file that somebody sends, and that nobody is offered until it is published.
    """

    path: str = Attribute("Where it can be read, until it is published or discarded.")

    def write(data: bytes) -> None:
        """
        Append.

        :raises OSError: disk full, over quota, and so on.
        """

    def sync() -> "Deferred[None]":
        """
        Make it durable.
        """

    def publish(name: NormalizedName, filename: str) -> "Deferred[LocalFile | None]":
        """
        Give it its name in the directory in one step, durably.

        :returns: the file; :obj:`None` if there is one of this name already, which is
            left alone.
        :raises OSError: no right, and so on.
        """

    def discard() -> None:
        """
        Remove it unless it is published. Can be called repeatedly.
        """


class IUploadStore(Interface):
    """
    Room for files that people send.
    """

    def check_room(size: int) -> "Deferred[None]":
        """
        Would so many bytes more leave as much free as should be?

        :raises OSError: they would not.
        """

    def open() -> IUpload:
        """
        :raises OSError: no room, no right.
        """
