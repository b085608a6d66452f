"""
An index that is asked, and what it sends.
"""

from collections.abc import Callable, Mapping

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from proxypypi.errors import UpstreamError
from proxypypi.model import RawPage
from proxypypi.names import NormalizedName


class IIndex(Interface):
    """
    An upstream index, asked over the network.

    What fails fails with an :class:`~proxypypi.errors.UpstreamError` of the kind that
    fits. Every Deferred can be cancelled, which ends the transfer.
    """

    url: str = Attribute("The index's base address, without credentials.")

    def fetch_page(
        name: NormalizedName,
        known: RawPage | None,
        hindered: Callable[[UpstreamError], None] = ...,
        background: bool = False,
    ) -> "Deferred[RawPage | None]":
        """
        Ask for a project page.

        :param known: the page we hold, for a conditional request.
        :param hindered: is told what is wrong, each time that an attempt fails, and if
            a connection does not come about; it is tried further.
        :param background: nobody waits for it: leave room for what is waited for.
        :returns: the page; :obj:`None` if *known* still holds.
        :raises NoSuchProject: the index says 404 or 410, or what it says instead.
        """

    def fetch_document(
        path: str,
        known: RawPage | None,
        hindered: Callable[[UpstreamError], None] = ...,
        background: bool = False,
    ) -> "Deferred[RawPage | None]":
        """
        Ask for a document of the JSON API.

        :param path: such as ``demo/json`` or ``demo/1.0/json``.
        :param known: as for :meth:`fetch_page`, like *hindered* and *background*.
        :returns: the document; :obj:`None` if *known* still holds.
        :raises NoDocument: the index has none, or none for us.
        """

    def fetch_list(
        known: RawPage | None,
        receive: Callable[[bytes], None],
        hindered: Callable[[UpstreamError], None] = ...,
        background: bool = False,
    ) -> "Deferred[RawPage | None]":
        """
        Ask for the project list, which may be too large for memory.

        :param known: the list we hold, for a conditional request.
        :param receive: gets the body piece by piece, decoded; each piece once. What it
            raises ends the transfer and is the Deferred's failure.
        :param hindered: as for :meth:`fetch_page`, like *background*.
        :returns: the list, its body left out; :obj:`None` if *known* still holds.
        :raises NoProjectList: the index has none, or none for us.
        """

    def fetch_small(
        url: str, limit: int, hashes: Mapping[str, str]
    ) -> "Deferred[bytes]":
        """
        Fetch a whole small file into memory, such as core metadata.

        :param limit: bytes, decoded; more than that is nonsense.
        :param hashes: that the bytes must have; empty for any.
        :raises WrongBytes: they have not.
        """

    def fetch_size(url: str) -> "Deferred[int | None]":
        """
        Ask by HEAD how long a file is, in bytes; :obj:`None` if upstream won't say.
        """

    def open_body(
        url: str,
        byte_range: tuple[int | None, int | None] | None = None,
        if_range: str | None = None,
        hashed: bool = False,
        paced: bool = False,
    ) -> "Deferred[IBody]":
        """
        Start the transfer of a file, or of a range of it.

        :param byte_range: ``(first, last)`` as in ``Range: bytes=first-last``:
            inclusive, ``(5, None)`` to the end, ``(None, 5)`` the last five bytes.
            Upstream may ignore it: look at what the body says of itself.
        :param if_range: validator of the file that the range is of (RFC 9110).
        :param hashed: the file's digest is known and will be checked; only such a file
            may come over http if the index came over https.
        :param paced: a client sets its pace, and may be slow: leave room for others.
        :raises UpstreamRefusal: any status but 200 and 206.
        """


class IBody(Interface):
    """
    A file, or a range of one, about to arrive. Nothing is read from the network
    before :meth:`deliver`.
    """

    start: int = Attribute("Offset in the file of the first byte that will come.")
    length: int | None = Attribute("How many bytes will come, if upstream says.")
    total: int | None = Attribute("Size of the whole file in bytes, if upstream says.")
    validator: str | None = Attribute("A strong ETag or a date, for If-Range, or None.")

    def deliver(receive: Callable[[bytes], None]) -> "Deferred[None]":
        """
        Hand every piece to *receive* as it arrives.

        :returns: fires when all has come. Cancelled, it ends the transfer. An
            exception out of *receive* ends it too, and is the Deferred's failure.
        :raises UpstreamUnreachable: the connection broke before the end.
        :raises UpstreamTimeout: nothing came for too long.
        """

    def pause() -> None:
        """
        Let nothing more come for now. The time spent paused does not count as silence.
        """

    def resume() -> None:
        """
        Let it come again.
        """

    def abandon() -> None:
        """
        End the transfer; for a body that was never delivered.
        """
