"""
What is remembered of projects and their files.
"""

from collections.abc import Hashable, Mapping

from msgspec import Raw
from twisted.internet.defer import Deferred
from zope.interface import Interface

from proxypypi.model import Doubt, FactsChange, FileFacts, Marks, RawPage, Release
from proxypypi.names import NormalizedName


class IPageStore(Interface):
    """
    Keeps project pages, or other documents, as their index sent them, by names that a
    file may have.
    """

    def load(name: str) -> "Deferred[tuple[RawPage, float] | None]":
        """
        :returns: the page and when it was last known to hold (POSIX seconds);
            :obj:`None` if there is none or its record is damaged.
        """

    def save(name: str, page: RawPage, checked_at: float) -> "Deferred[None]":
        """
        Replace the page. A reader sees the old one or the new one, never a part of
        either, not even if we are killed half-way.
        """

    def load_doubt(name: str) -> "Deferred[Doubt | None]":
        """
        What is doubtful about the project; :obj:`None` if nothing is, or the record
        is damaged.
        """

    def save_doubt(name: str, doubt: Doubt | None) -> "Deferred[None]":
        """
        Replace the doubt, or end it.
        """

    def confirm(name: str, checked_at: float) -> "Deferred[None]":
        """
        Upstream said at *checked_at* that the page still holds.
        """


class IFactsStore(Interface):
    """
    Keeps what is known of the content of files, one record per project.
    """

    def load_facts(name: NormalizedName) -> "Deferred[Mapping[str, FileFacts]]":
        """
        :returns: file name to facts; empty if none are kept or they are damaged.
        """

    def change_facts(
        name: NormalizedName, change: FactsChange
    ) -> "Deferred[Mapping[str, FileFacts]]":
        """
        Replace the facts by what *change* makes of them; the whole change or nothing.
        No other change, of this process or another, comes in between.

        :param change: is run in a thread, and others wait for it.
        :returns: file name to facts, as they are from then on.
        """

    def load_metadata(name: NormalizedName, filename: str) -> "Deferred[bytes | None]":
        """
        The core metadata kept for a file.
        """

    def save_metadata(
        name: NormalizedName, filename: str, metadata: bytes
    ) -> "Deferred[None]":
        """
        Keep core metadata; the whole of it or nothing.
        """

    def load_first_seen(
        name: NormalizedName,
    ) -> "Deferred[Mapping[str, Mapping[str, float]]]":
        """
        :returns: file name to sha256 to POSIX seconds: when each content was first
            seen under that name.
        """

    def add_first_seen(
        name: NormalizedName, seen: Mapping[str, Mapping[str, float]]
    ) -> "Deferred[None]":
        """
        Add such times. Those that are there stay as they are, unless they turn out to
        be earlier: unlike facts they cannot be found out again.
        """


class IClaims(Interface):
    """
    Names of projects that are ours alone. Other processes make and drop claims, too.
    """

    def is_claimed(name: NormalizedName) -> bool:
        """
        Looks at the disk, each time, for a moment.

        :raises OSError: that cannot be told.
        """

    def claim(name: NormalizedName, claimed_at: float, reason: str) -> bool:
        """
        Comes back when a power cut would not lose the claim. Blocks.

        :param claimed_at: now, POSIX seconds.
        :param reason: for people who look into the record.
        :returns: was it not claimed yet?
        :raises OSError: the claim could not be made.
        """


class IWishes(Interface):
    """
    Projects of which people want to have something anew.
    """

    def make(name: NormalizedName) -> None:
        """
        Leave word for whoever is asked for it next, in whichever process.

        :raises OSError: it cannot be written.
        """

    def take(name: NormalizedName) -> bool:
        """
        Is there such a wish? It is fulfilled by whom it was told to. Looks at the disk,
        for a moment.
        """


class IReleases(Interface):
    """
    Files that people let be given out although they were withheld or held back.
    """

    def edition(name: NormalizedName) -> Hashable:
        """
        Another one whenever something was released; :obj:`None` if nothing is. Looks at
        the disk, each time, for a moment.
        """

    def load(name: NormalizedName) -> "Deferred[Mapping[str, Release]]":
        """
        :returns: by file name; as it is on disk now.
        :raises DamagedRecord: it cannot be known.
        """


class IMarks(Interface):
    """
    What people say of projects and files by commands, in processes of their own.
    """

    def edition(name: NormalizedName) -> Hashable:
        """
        Another one whenever something was said; :obj:`None` if nothing is. Looks at the
        disk, each time, for a moment.
        """

    def load(name: NormalizedName) -> "Deferred[tuple[Marks, str]]":
        """
        :returns: also what is wrong with the records, empty for nothing: of what cannot
            be known, the stricter is assumed.
        """


class IAttestations(Interface):
    """
    What people attested of files, each known by its content.
    """

    def keep(
        name: NormalizedName, sha256: str, attestations: "tuple[Raw, ...]"
    ) -> "Deferred[None]":
        """
        Replace those of a file, for good.

        :param sha256: of the file, in lower-case hexadecimal.
        :param attestations: each in JSON.
        :raises OSError: the disk does not take them.
        """

    def load(name: NormalizedName, sha256: str) -> "Deferred[tuple[Raw, ...]]":
        """
        :returns: empty if there are none, or they are damaged.
        """

    def digests(name: NormalizedName) -> "Deferred[frozenset[str]]":
        """
        The sha256 of each of a project's files of which something is attested.
        """
