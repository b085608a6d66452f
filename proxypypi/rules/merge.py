"""
What a project page lists: what upstream says, and what lies here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from types import MappingProxyType
from urllib.parse import quote

from attrs import evolve, frozen

from proxypypi.model import (
    NO_MARKS,
    Distribution,
    FileFacts,
    HeldBack,
    LocalFile,
    Marks,
    ProjectPage,
)
from proxypypi.names import NormalizedName, version_of
from proxypypi.rules.integrity import agree, contradict
from proxypypi.rules.marks import mark
from proxypypi.rules.versions import versions_of

REMOVED = "removed from the upstream index"
NOTHING: Mapping[str, float] = MappingProxyType({})


@frozen(kw_only=True)
class Held:
    """
    A file that lies here, with what is known of it.

    :ivar withheld: it is neither listed nor given out.
    """

    file: LocalFile
    facts: FileFacts
    withheld: bool = False


@frozen(kw_only=True)
class Listing:
    """
    A project page of ours.

    :ivar page: its addresses are relative to the page's own.
    :ivar private: does it list a file that came from no index, or would it, but for a
        quarantine of ours?
    :ivar alarms: a sentence for each name that means different files to different
        people.
    """

    page: ProjectPage
    private: bool
    alarms: tuple[str, ...] = ()


def is_private(facts: FileFacts, upstream: ProjectPage | None, filename: str) -> bool:
    """
    Was this file put here by people, not fetched from an index?

    What upstream lists with the same digest is a cached file, whoever put it here.
    """
    if facts.cached:
        return False
    listed = upstream.by_filename.get(filename) if upstream is not None else None
    return listed is None or not agree(facts.hashes, listed.hashes)


def is_meant(facts: FileFacts, listed: Distribution, index: str) -> bool:
    """
    Is what is here the very file that an index lists under its name?

    :param index: the address of that index.
    """
    if agree(facts.hashes, listed.hashes):
        return True
    return facts.origin == index and not listed.hashes


def is_quarantined(upstream: ProjectPage | None) -> bool:
    """
    Must its files not be offered, as its index says (PEP 792)?
    """
    return upstream is not None and upstream.status == "quarantined"


def merge(
    name: NormalizedName,
    upstream: ProjectPage | None,
    held: Sequence[Held],
    *,
    only_held: bool = False,
    held_back: Mapping[str, float] = NOTHING,
    as_of: float | None = None,
    marks: Marks = NO_MARKS,
    public_url: str = "",
) -> Listing:
    """
    Files here win over upstream's of the same name.

    :param upstream: what the index says; :obj:`None` if it says nothing.
    :param held: the project's files here.
    :param only_held: leave out what is not here. Upstream then only adds what it knows
        of the files that are.
    :param held_back: the names of files that are too young, to the POSIX seconds at
        which they are old enough. They are counted, not listed.
    :param as_of: leave out what was uploaded, or came here, after these POSIX seconds,
        and that of which it is not known. The page has the address of a snapshot then.
    :param marks: what people here say of the project and its files.
    :param public_url: the address people use, with a final slash; without https no
        provenance is offered, as nobody would have to believe it (PEP 740).

    A project in quarantine (PEP 792) lists nothing, whatever is here. A withheld file
    is not listed, nor another of its name.
    """
    # From /simple/NAME/ and /local/NAME/, or from /snapshot/WHEN/simple/NAME/.
    base = f"{'../..' if as_of is None else '../../../..'}/files/{name}/"
    if is_quarantined(upstream):
        held = ()
        upstream = evolve(upstream, distributions=()) if upstream is not None else None
    private = any(
        is_private(h.facts, upstream, h.file.filename) for h in held if not h.withheld
    )
    if marks.quarantined:
        held = ()
        upstream = evolve(upstream, distributions=()) if upstream is not None else None
    withheld = {h.file.filename for h in held if h.withheld}
    all_held, held = held, [h for h in held if not h.withheld]
    here = {h.file.filename: h for h in held}
    entries = []
    for listed in upstream.distributions if upstream is not None else ():
        url = base + quote(listed.filename)
        h = here.pop(listed.filename, None)
        if h is not None:
            entry = _describe(h, listed, url, upstream)
            entry = _with_provenance(h, entry, name, public_url)
            if only_held and not h.facts.metadata_sha256:
                entry = evolve(entry, core_metadata=None)  # it is upstream's
            entries.append(entry)
        elif not only_held and listed.filename not in withheld:
            entries.append(evolve(listed, url=url))
    for filename, h in sorted(here.items()):
        entry = _describe(h, None, base + quote(filename), upstream)
        entry = _with_provenance(h, entry, name, public_url)
        if h.facts.cached and upstream is not None and entry.yanked is False:
            entry = evolve(entry, yanked=REMOVED)
        entries.append(entry)
    late = set() if as_of is None else _later_than(as_of, upstream, held)
    there = [d for d in entries if d.filename not in late]
    young = [held_back[d.filename] for d in there if d.filename in held_back]
    distributions = [d for d in there if d.filename not in held_back]
    page = evolve(
        upstream or ProjectPage(name=name),
        index="",
        ambiguous=(),
        distributions=tuple(distributions),
        versions=versions_of(
            name, None if only_held else upstream, entries, distributions
        ),
        held_back=HeldBack(files=len(young), until=min(young)) if young else None,
    )
    alarms = tuple(_alarms(upstream, all_held)) if upstream is not None else ()
    return Listing(page=mark(page, marks), private=private, alarms=alarms)


def _alarms(upstream: ProjectPage, held: Iterable[Held]) -> Iterator[str]:
    for filename in upstream.ambiguous:
        yield (
            f"{upstream.index} lists different files as {filename}; "
            "the first of them is served"
        )
    for h in held:
        listed = upstream.by_filename.get(h.file.filename)
        if listed is None or not h.facts.cached:
            continue
        is_another = contradict(h.facts.hashes, listed.hashes)
        if h.facts.origin != upstream.index:
            is_another = not agree(h.facts.hashes, listed.hashes)
        if is_another:
            served = "neither is served" if h.withheld else "the one here is served"
            yield (
                f"the {h.file.filename} here, from {h.facts.origin}, is not the one "
                f"that {upstream.index} lists now; {served}"
            )


def own_time(held: Held) -> float | None:
    """
    When a file that is here was uploaded, if no page says that now, or a private one
    came; POSIX seconds.
    """
    facts = held.facts
    return facts.uploaded_at if facts.cached else facts.seen_at


def _later_than(
    moment: float, upstream: ProjectPage | None, held: Iterable[Held]
) -> set[str]:
    """
    The names of files that were uploaded after a moment, or nobody knows when.
    """
    listed = upstream.by_filename if upstream is not None else {}
    times = {filename: d.uploaded_at for filename, d in listed.items()}
    for h in held:
        said = listed.get(h.file.filename)
        if not (upstream and said and is_meant(h.facts, said, upstream.index)):
            times[h.file.filename] = own_time(h)
    return {f for f, time in times.items() if time is None or time > moment}


def _describe(
    held: Held, listed: Distribution | None, url: str, upstream: ProjectPage | None
) -> Distribution:
    """
    A file that is here: its own facts, and what upstream adds if it means that file.
    """
    facts, own_at = held.facts, own_time(held)
    own = Distribution(
        filename=held.file.filename,
        url=url,
        hashes=facts.hashes,
        size=held.file.size,
        requires_python=facts.requires_python,
        upload_time=None if own_at is None else iso(own_at),
        core_metadata=(
            {"sha256": facts.metadata_sha256} if facts.metadata_sha256 else None
        ),
    )
    if listed is None or upstream is None:
        return own
    if not is_meant(facts, listed, upstream.index):
        return own
    return evolve(
        listed,
        url=url,
        hashes={**facts.hashes, **listed.hashes},
        size=own.size,
        core_metadata=own.core_metadata or listed.core_metadata,
    )


def _with_provenance(
    held: Held, entry: Distribution, name: NormalizedName, public_url: str
) -> Distribution:
    version = version_of(entry.filename, name)
    if not (held.facts.attested and version and public_url.startswith("https://")):
        return entry
    segments = (name, version, entry.filename)
    path = "/".join(quote(segment, safe="") for segment in segments)
    return evolve(entry, provenance=f"{public_url}integrity/{path}/provenance")


def iso(seconds: float) -> str:
    """
    POSIX seconds as :pep:`700` wants an upload time.
    """
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
