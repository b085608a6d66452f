"""
Where lists of all projects are kept.
"""

from collections.abc import Iterable, Mapping, Sequence

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from proxypypi.model import Beginning, HeldList, RawPage
from proxypypi.names import NormalizedName


class IListStore(Interface):
    """
    Keeps the project lists of indexes, which may be too large for memory.
    """

    def load(index: str) -> "Deferred[HeldList | None]":
        """
        :param index: the address of one.
        :returns: :obj:`None` if there is none or its record is damaged.
        """

    def begin(index: str) -> "IArrivingList":
        """
        Room for a list that is being fetched. Nothing is written before it comes.
        """

    def confirm(index: str, checked_at: float) -> "Deferred[None]":
        """
        The index said at *checked_at* that the list still holds.

        :raises OSError: the list has gone, and so on.
        """

    def forget(index: str) -> "Deferred[None]":
        """
        Keep the list no longer, if there is one.
        """

    def make(indexes: Mapping[str, Sequence[str]]) -> "Deferred[IMadeList]":
        """
        What all these list, ready to be served; at once if it was made before.

        :param indexes: the address of each to globs: of its projects only those count.
        :raises CannotMake: there is no room, a list has gone, and so on.
        """


class IArrivingList(Interface):
    """
    A list that is being fetched.
    """

    def write(data: bytes) -> None:
        """
        Append; this does not block for long.

        :raises OSError: disk full, over quota, and so on.
        """

    def keep(page: RawPage, checked_at: float) -> "Deferred[HeldList]":
        """
        Replace the list by this one. A reader sees the old or the new, never a part.

        :param page: what to know of it; without its body.
        """

    def discard() -> None:
        """
        It will not come to its end. Can be called repeatedly, and after :meth:`keep`.
        """


class IMadeList(Interface):
    """
    The projects of several indexes in every form, but for its end, which is made of
    what is here (:func:`proxypypi.simple.project_list.render_rest`).
    """

    json: Beginning = Attribute("What comes before that end, as JSON.")
    html: Beginning = Attribute("Likewise, as HTML.")
    unreadable: Mapping[str, str] = Attribute(
        "Index whose list is none, and is left out, to what is wrong with it."
    )

    def open(as_json: bool, gzip: bool) -> tuple[int, int]:
        """
        One form, of HTML if not of JSON.

        :returns: a descriptor, open for reading, which is the caller's to close; and
            how many bytes there are.
        """

    def lacks(names: Iterable[NormalizedName]) -> tuple[NormalizedName, ...]:
        """
        Those of *names* that it does not have. Blocks.
        """
