"""
Two who know something of the same project: which of them is right?

Of decisions, those of both hold, and of two the stricter; of what an index says, what
it has said later, but that a file has gone from it. What is private here stays so.
"""

from collections.abc import Mapping

from attrs import evolve

from proxypypi.bundles.notes import FileNote
from proxypypi.model import FileFacts

_STRICTER = ("active", "deprecated", "archived", "quarantined")


def stricter(status: str | None, other: str | None) -> bool:
    """
    Does a project's status keep more people from it than another one does?
    """
    return _strictness(status) > _strictness(other)


def _strictness(status: str | None) -> int:
    return _STRICTER.index(status or "active")


def added(ours: Mapping[str, str], theirs: Mapping[str, str]) -> Mapping[str, str]:
    """
    :returns: of *theirs* what is not among *ours*.
    """
    return {what: reason for what, reason in theirs.items() if what not in ours}


def merged(
    ours: FileFacts, ours_at: float, theirs: FileNote, theirs_at: float
) -> FileFacts:
    """
    What is known of a file that is here, of which a bundle says something.

    :param ours_at: when the page that is kept here was known to hold; 0 for none.
    :param theirs_at: the same, of the page in the bundle.
    """
    facts = evolve(
        ours,
        seen_at=min(ours.seen_at, theirs.seen_at),
        attested=ours.attested or bool(theirs.attestations),
    )
    if not ours.cached or theirs.origin is None:
        return facts
    if ours.missed_at is not None:
        # A mirror of the index may be behind: only itself, asked here, brings it back.
        return evolve(
            facts,
            missed_at=min(ours.missed_at, theirs.missed_at or ours.missed_at),
            missed_again=ours.missed_again or theirs.missed_again,
        )
    if ours_at > max(theirs_at, theirs.missed_at or 0.0):
        return facts
    return evolve(
        facts,
        uploaded_at=theirs.uploaded_at,
        missed_at=theirs.missed_at,
        missed_again=theirs.missed_again,
    )
