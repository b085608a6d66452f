"""
The seams: what the core is handed, and the promises that come with it.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from msgspec import Raw
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface, classImplements

from proxypypi.errors import UpstreamError
from proxypypi.model import (
    Beginning,
    Doubt,
    FactsChange,
    Fate,
    FileFacts,
    HeldList,
    LocalFile,
    Marks,
    RawPage,
    User,
)
from proxypypi.names import NormalizedName


class IUser(Interface):
    """
    What :class:`~proxypypi.model.User` provides: who has logged in.
    """

    may_read = Attribute("May pages and files be read?")
    may_upload = Attribute("May distributions be uploaded?")
    may_administer = Attribute("May pages be refreshed, and files fetched?")


classImplements(User, IUser)


class IReaders(Interface):
    """
    Those to whom an answer may be given, if not to everybody.
    """

    def know(said: bytes) -> bool:
        """
        Is it one of them who has *said* in an ``Authorization`` header? Only who was
        asked within the last second is known.
        """


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
        path: str, known: RawPage | None, background: bool = False
    ) -> "Deferred[RawPage | None]":
        """
        Ask for a document of the JSON API.

        :param path: such as ``demo/json`` or ``demo/1.0/json``.
        :param known: as for :meth:`fetch_page`, like *background*.
        :returns: the document; :obj:`None` if *known* still holds.
        :raises NoDocument: the index has none, or none for us.
        """

    def fetch_list(
        known: RawPage | None,
        receive: Callable[[bytes], None],
        background: bool = False,
    ) -> "Deferred[RawPage | None]":
        """
        Ask for the project list, which may be too large for memory.

        :param known: the list we hold, for a conditional request.
        :param receive: gets the body piece by piece, decoded; each piece once. What it
            raises ends the transfer and is the Deferred's failure.
        :param background: as for :meth:`fetch_page`.
        :returns: the list, its body left out; :obj:`None` if *known* still holds.
        :raises NoProjectList: the index has none, or none for us.
        """

    def fetch_small(
        url: str, limit: int, hashes: Mapping[str, str]
    ) -> "Deferred[bytes]":
        """
        Fetch a whole small file into memory, such as core metadata.

        :param limit: bytes; more than that is nonsense.
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
        Add such times. Those that are there stay as they are: unlike facts they cannot
        be found out again.
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
    Projects whose pages people want to have fetched anew.
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


class ITurns(Interface):
    """
    Sees to it that what all processes of a server do, they do one after the other.
    """

    async def take(what: str) -> "ITurn":
        """
        Wait until no other process does *what*.

        :param what: as a file name.
        """


class ITurn(Interface):
    """
    Ours, until it is ended. Where there cannot be any, and when another's does not
    end, everybody may go ahead.
    """

    waited: bool = Attribute("Has another process done it meanwhile, or tried?")

    def end() -> None:
        """
        It is done. Can be called repeatedly.
        """


class IReleases(Interface):
    """
    Files that people let be given out although they were withheld.
    """

    def load(name: NormalizedName) -> "Deferred[Mapping[str, str]]":
        """
        :returns: file name to sha256; as it is on disk now.
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
