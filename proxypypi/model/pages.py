"""
Distributions, and the pages that list them.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Literal

from attrs import field, frozen

from proxypypi.model.values import possible, read_only, read_only_unless_bool
from proxypypi.moments import parse_moment
from proxypypi.names import NormalizedName


@frozen(kw_only=True)
class Distribution:
    """
    One file of a project, as its project page lists it (PEP 691, PEP 700).

    :ivar filename: of the sdist or wheel; a single path segment.
    :ivar url: without its ``#sha256=`` fragment; absolute when it came from an
        index, relative in a listing of ours.
    :ivar hashes: algorithm to lower-case hex digest; empty if none was given.
    :ivar requires_python: a version specifier; :obj:`None` if none was given.
    :ivar size: bytes; :obj:`None` if the index does not say.
    :ivar upload_time: an RFC 3339 time as the index wrote it; :obj:`None` if it does
        not say.
    :ivar yanked: :obj:`False`, or the reason, which may be ``""`` (PEP 592).
    :ivar core_metadata: digests of the ``.metadata`` sibling, :obj:`True` if there is
        one without known digest, :obj:`False` if there is none; :obj:`None` if the
        index does not say (PEP 658, PEP 714).
    :ivar provenance: address of its provenance object (PEP 740), or :obj:`None`.
    :ivar gpg_sig: has it a ``.asc`` sibling? :obj:`None` if the index does not say.
    """

    filename: str
    url: str
    hashes: Mapping[str, str] = field(factory=dict, converter=read_only)
    requires_python: str | None = None
    size: int | None = None
    upload_time: str | None = None
    yanked: str | Literal[False] = False
    core_metadata: Mapping[str, str] | bool | None = field(
        default=None, converter=read_only_unless_bool
    )
    provenance: str | None = None
    gpg_sig: bool | None = None

    @cached_property
    def uploaded_at(self) -> float | None:
        """
        Its upload time in POSIX seconds; :obj:`None` if the index does not say.
        """
        if self.upload_time:
            with suppress(ValueError, OverflowError):
                return possible(parse_moment(self.upload_time))
        return None


@frozen(kw_only=True)
class HeldBack:
    """
    What a page of ours does not list yet, as it is too young.

    :ivar files: how many there are, at least one.
    :ivar until: POSIX seconds at which the first of them is listed; infinite if that is
        not known of any, as the index does not say when it was uploaded.
    """

    files: int
    until: float


@frozen(kw_only=True)
class ProjectPage:
    """
    What an index says of a project (PEP 503, PEP 691, PEP 700, PEP 792).

    :ivar index: the address of that index; empty if it is we who say it.
    :ivar distributions: no two have one name.
    :ivar ambiguous: names that the index gave to files of different digests; the first
        of each is here.
    :ivar versions: of the project, as the index gave them; empty if it gave none.
    :ivar status: ``active``, ``archived``, ``quarantined``, ``deprecated``, or
        :obj:`None` if the index does not say.
    :ivar held_back: :obj:`None` for nothing, and if it is an index's page.
    :ivar last_serial: the index's ``_last-serial``, or what its header says for that;
        :obj:`None` if it has none.
    """

    name: NormalizedName
    index: str = ""
    distributions: tuple[Distribution, ...] = ()
    ambiguous: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    status: str | None = None
    status_reason: str | None = None
    held_back: HeldBack | None = None
    last_serial: int | None = None

    @cached_property
    def by_filename(self) -> Mapping[str, Distribution]:
        return {d.filename: d for d in self.distributions}

    @cached_property
    def upload_times(self) -> Sequence[float]:
        """
        Those that are known, in order. For thousands of files, these take a thread.
        """
        times = (d.uploaded_at for d in self.distributions)
        return sorted(time for time in times if time is not None)


@frozen(kw_only=True)
class Marks:
    """
    What people here say of a project and of its files, whatever an index says.

    :ivar status: see :attr:`ProjectPage.status`; :obj:`None` if they say nothing.
    :ivar versions: yanked ones, as :func:`~proxypypi.names.comparable` spells them, to
        the reasons, which may be ``""`` (PEP 592).
    :ivar files: names of yanked ones to the reasons.
    :ivar everything: the reason for which all files are; :obj:`None` if they are not.
    """

    status: str | None = None
    status_reason: str | None = None
    versions: Mapping[str, str] = field(factory=dict, converter=read_only)
    files: Mapping[str, str] = field(factory=dict, converter=read_only)
    everything: str | None = None

    @property
    def quarantined(self) -> bool:
        return self.status == "quarantined"


NO_MARKS = Marks()
