"""
What upstream no longer has: is that believed, and what becomes of the files here?
"""

from collections.abc import Iterable, Mapping

from attrs import evolve

from proxypypi.model import Change, Doubt, FileFacts, ProjectPage, Release
from proxypypi.rules.integrity import agree, contradict
from proxypypi.rules.merge import is_quarantined

_A_DAY = 86_400.0


def is_nothing(page: ProjectPage) -> bool:
    """
    Does it list no file, and say no reason why?
    """
    return not page.distributions and not is_quarantined(page)


def doubtful(before: ProjectPage, now_said: ProjectPage) -> Change | None:
    """
    Is there something about a new page for which the one at hand is rather kept?

    A quarantine (PEP 792) is never in doubt.
    """
    if is_quarantined(now_said):
        return None
    if before.distributions and is_nothing(now_said):
        return None if is_quarantined(before) else Change.EMPTY
    if before.index != now_said.index or before.last_serial is None:
        return None
    is_older = (
        now_said.last_serial is not None and now_said.last_serial < before.last_serial
    )
    return Change.OLDER if is_older else None


def weigh(doubt: Doubt | None, change: Change, now: float, ttl: float) -> Doubt:
    """
    Upstream says something doubtful, perhaps not for the first time.

    :param doubt: as it was before; :obj:`None` if there was none.
    :param ttl: seconds after which what is said again is believed; a serial that went
        back takes a day, or that if it is longer.
    """
    if doubt is None or doubt.change is not change or now < doubt.since:
        return Doubt(change=change, since=now)
    patience = max(ttl, _A_DAY) if change is Change.OLDER else ttl
    believed = doubt.believed or now - doubt.since >= patience
    return evolve(doubt, believed=believed)


def observe(
    facts: FileFacts, page: ProjectPage | None, filename: str, now: float
) -> FileFacts:
    """
    A refresh says what it says of a file that is here.

    :param page: :obj:`None` if there is no such project any more.
    :param now: when that was.
    """
    if not facts.cached:
        return facts
    listed = page.by_filename.get(filename) if page is not None else None
    if page is None or listed is None:
        if facts.missed_at is None:
            return evolve(facts, missed_at=now)
        return evolve(facts, missed_again=facts.missed_again or now > facts.missed_at)
    uploaded_at, origin = listed.uploaded_at, facts.origin
    if agree(facts.hashes, listed.hashes):
        origin = page.index  # be it that which it came from once, or another
    if facts.missed_at is None and (facts.origin, facts.uploaded_at) == (
        origin,
        uploaded_at,
    ):
        return facts
    if contradict(facts.hashes, listed.hashes):
        return facts  # it is another file's return
    return evolve(
        facts,
        origin=origin,
        uploaded_at=uploaded_at,
        missed_at=None,
        missed_again=False,
    )


def is_released(facts: FileFacts, release: Release | None) -> bool:
    """
    Do people want that file given out, though it was removed? Who wanted a young one
    before could not know that it would be.
    """
    if release is None or release.sha256 != facts.hashes["sha256"]:
        return False
    return facts.missed_at is None or release.at >= facts.missed_at


def is_withheld(facts: FileFacts, withhold: float) -> bool:
    """
    Was it removed so young that it is better not given out?

    :param withhold: seconds; 0 for never.
    """
    if not facts.cached or not facts.missed_again:
        return False
    if facts.missed_at is None or facts.uploaded_at is None:
        return False
    return withhold > 0 and facts.missed_at - facts.uploaded_at < withhold


def are_strangers(page: ProjectPage, known: Iterable[Mapping[str, str]]) -> bool:
    """
    Has a project that was gone come back as something else?

    :param known: the digests of the files that were known before.
    """
    known = tuple(known)
    return bool(page.distributions and known) and not any(
        agree(hashes, d.hashes) for d in page.distributions for hashes in known
    )
