"""
Is a file what it should be?
"""

from collections.abc import Collection, Mapping
from enum import Enum

from attrs import frozen

from proxypypi.model import Distribution, FileFacts, Grade, LocalFile, ProjectPage
from proxypypi.names import NormalizedName
from proxypypi.rules.integrity import agree, contradict
from proxypypi.rules.merge import is_quarantined


@frozen(kw_only=True)
class Content:
    """
    What was found in a file.

    :ivar hashes: algorithm to digest, that by which its index checks it included.
    :ivar broken: why it cannot be unpacked; empty if it can, or nobody has tried.
    :ivar odd: why nobody could upload it, although it is whole; empty for nothing.
    """

    hashes: Mapping[str, str]
    broken: str = ""
    odd: str = ""


class State(Enum):
    """
    What the bytes of a file are.
    """

    LISTED = "what its index lists"
    KNOWN = "what they were when it was read last"
    NEW = "of a file that was not read before"
    OUTDATED = "what they were, but the index lists others by now"
    CLASHING = "private, and the index lists others"
    SUSPICIOUS = "the same, but of the very length that the index lists"
    REPLACED = "other than those of the cached file that was there"
    DAMAGED = "no longer what they were"


@frozen(kw_only=True)
class Verdict:
    """
    :ivar what: is wrong; empty for nothing.
    :ivar advice: what people can do about it.
    :ivar spoilt: is it an index's file, and no longer what that gave?
    """

    grade: Grade
    what: str = ""
    advice: str = ""
    spoilt: bool = False


SOUND = Verdict(grade=Grade.OK)
UNSETTLED = Verdict(
    grade=Grade.WARNING,
    what="it is being written, so that nothing can be told of it",
    advice="look again later",
)

_IN_PLACE = (State.SUSPICIOUS, State.REPLACED, State.CLASHING)
_BRING = "bring it back from a backup, or make it anew"


def judge(
    name: NormalizedName,
    file: LocalFile,
    content: Content,
    facts: FileFacts | None,
    listed: Distribution | None,
    index: str,
) -> Verdict:
    """
    :param name: of its project.
    :param facts: that are on record under its name, be they of these bytes or not.
    :param listed: as its index lists it; :obj:`None` if it does not, or does not count.
    :param index: the address of that.
    """
    state = compare(file, content.hashes, facts, listed)
    cached = facts is not None and facts.cached
    remove = f"if nobody put it there: proxypypi remove {name} {file.filename}"
    if state is State.DAMAGED:
        what = "its bytes are not what they were when it "
        what += f"came from {facts.origin}" if facts and cached else "was put here"
        return _wrong(what, _BRING, spoilt=cached)
    if content.broken and state is not State.LISTED:
        advice = remove if state in _IN_PLACE else _BRING
        return _wrong(f"it cannot be unpacked: {content.broken}", advice)
    match state:
        case State.OUTDATED:
            return _worth_knowing(f"{index} lists another file of this name by now")
        case State.CLASHING:
            what = f"it is private, and hides another of this name at {index}"
            return _worth_knowing(what, remove)
        case State.SUSPICIOUS:
            whose = f"{index} lists" if listed is not None else "came here"
            what = f"it is not what {whose}, though as long, and counts as private"
            return _wrong(what, remove)
        case State.REPLACED:
            what = "it took the place of a cached file, and counts as private"
            return _worth_knowing(what, remove)
    if content.odd and not cached:
        return _worth_knowing(content.odd)
    return SOUND


def compare(
    file: LocalFile,
    found: Mapping[str, str],
    facts: FileFacts | None,
    listed: Distribution | None,
) -> State:
    """
    :param found: the digests of its bytes; the others are those of :func:`judge`.
    """
    if listed is not None and agree(found, listed.hashes):
        return State.LISTED
    clash = listed is not None and contradict(found, listed.hashes)
    if facts is not None and facts.hashes["sha256"] == found["sha256"]:
        if facts.cached:
            return State.OUTDATED if clash else State.KNOWN
        return _clashing(file, listed) if clash else State.KNOWN
    if facts is not None:
        if _passes_for(file, facts):
            return State.DAMAGED
        if facts.cached:
            same_size = file.size == facts.size
            return State.SUSPICIOUS if same_size else State.REPLACED
    return _clashing(file, listed) if clash else State.NEW


def _passes_for(file: LocalFile, facts: FileFacts) -> bool:
    """
    Is it the file that the facts are of, but for its bytes? Whoever writes into it, or
    puts another in its place, does so at another time.
    """
    same_size = file.size == facts.size
    same_time = file.modified_at == facts.modified_at
    return same_time and (same_size or facts.cached)


def _clashing(file: LocalFile, listed: Distribution | None) -> State:
    same_size = listed is not None and listed.size == file.size
    return State.SUSPICIOUS if same_size else State.CLASHING


def unreadable(reason: str) -> Verdict:
    """
    Of a file that could not be read.
    """
    return _wrong(f"it cannot be read: {reason}", "see to its disk and its permissions")


def _wrong(what: str, advice: str, spoilt: bool = False) -> Verdict:
    return Verdict(grade=Grade.ERROR, what=what, advice=advice, spoilt=spoilt)


def _worth_knowing(what: str, advice: str = "") -> Verdict:
    return Verdict(grade=Grade.WARNING, what=what, advice=advice)


def can_be_fetched_again(
    filename: str,
    facts: FileFacts | None,
    page: ProjectPage | None,
    asked: Collection[str],
) -> bool:
    """
    Does its index have it, as far as its last page tells?

    :param page: that page; :obj:`None` if there is none, or it does not count.
    :param asked: the addresses of the indexes that are asked about its project, and
        have it.
    """
    if page is None or page.index not in asked or is_quarantined(page):
        return False
    listed = page.by_filename.get(filename)
    if listed is None or facts is None:
        return listed is not None
    return facts.missed_at is None and not contradict(facts.hashes, listed.hashes)
