"""
What a file that lies here is, as far as the records tell.
"""

from collections.abc import Mapping
from enum import Enum

from attrs import frozen

from proxypypi.model import (
    NO_MARKS,
    Distribution,
    FileFacts,
    LocalFile,
    Marks,
    ProjectPage,
    Release,
)
from proxypypi.names import NormalizedName, version_of
from proxypypi.rules.cooldown import MinAges, Upload, held_back_until, upload_of
from proxypypi.rules.marks import yank_of
from proxypypi.rules.merge import Held, is_private
from proxypypi.rules.removal import is_released, is_withheld
from proxypypi.settings import Settings


class Kind(Enum):
    """
    Whose a file is.
    """

    PRIVATE = "private"
    CACHED = "cached"
    UNREAD = "not read yet"  # so that nobody can know


@frozen(kw_only=True)
class Item:
    """
    A file, and what is known of it without looking into it.

    :ivar version: as its name has it; :obj:`None` if it has none.
    :ivar index: the address of that which it is from; :obj:`None` unless it is cached.
    :ivar sha256: :obj:`None` if it is not read yet.
    :ivar uploaded_at: POSIX seconds, as its index said, or when it was first seen here;
        :obj:`None` if that is not known.
    :ivar yanked: the reason, which may be ``""``; :obj:`None` if it is not.
    :ivar yanked_here: is it people here who say so?
    :ivar missed_at: POSIX seconds of the refresh that missed it upstream first;
        :obj:`None` if none did.
    :ivar withheld: is it not given out for that?
    :ivar held_back: POSIX seconds until which it is not given out for being too young,
        infinite for ever; :obj:`None` if it is old enough.
    :ivar released: do people want it given out, be it one of these or not?
    """

    file: LocalFile
    kind: Kind
    version: str | None
    index: str | None = None
    sha256: str | None = None
    uploaded_at: float | None = None
    yanked: str | None = None
    yanked_here: bool = False
    missed_at: float | None = None
    withheld: bool = False
    held_back: float | None = None
    released: bool = False


def describe(
    name: NormalizedName,
    file: LocalFile,
    facts: FileFacts | None,
    page: ProjectPage | None,
    *,
    marks: Marks = NO_MARKS,
    released: Mapping[str, Release] | None = None,
    settings: Settings,
    min_ages: MinAges,
    now: float,
) -> Item:
    """
    :param facts: that are on record under its name, be they of this file or not.
    :param page: what the index said last; :obj:`None` if that is not known, or does not
        count.
    :param released: by file name.
    :param min_ages: as the settings say.
    :param now: POSIX seconds.
    """
    version = version_of(file.filename, name)
    listed = page.by_filename.get(file.filename) if page is not None else None
    ours = yank_of(name, file.filename, marks)
    yanked = _yanked(ours, listed)
    if facts is None or not facts.describe(file):
        return Item(
            file=file,
            kind=Kind.UNREAD,
            version=version,
            yanked=yanked,
            yanked_here=ours is not None,
        )
    index = facts.origin
    if page is not None and not facts.cached and not _is_ours(facts, page, file):
        index = page.index
    sha256 = facts.hashes["sha256"]
    release = (released or {}).get(file.filename)
    is_meant = release is not None and release.sha256 == sha256
    vanished_young = is_withheld(facts, settings.withhold)
    upload = upload_of(name, file.filename, Held(file=file, facts=facts), page)
    young_until = _young_until(upload, settings, min_ages, now)
    return Item(
        file=file,
        kind=Kind.PRIVATE if index is None else Kind.CACHED,
        version=version,
        index=index,
        sha256=sha256,
        uploaded_at=facts.uploaded_at if facts.cached else facts.seen_at,
        yanked=yanked,
        yanked_here=ours is not None,
        missed_at=facts.missed_at,
        withheld=vanished_young and not is_released(facts, release),
        held_back=None if is_meant else young_until,
        released=is_meant,
    )


def _young_until(
    upload: Upload | None, settings: Settings, min_ages: MinAges, now: float
) -> float | None:
    if upload is None:
        return None
    min_age = min_ages.of(upload.origin)
    return held_back_until(upload, min_age, settings.cooldown_exemptions, {}, now)


def _is_ours(facts: FileFacts, page: ProjectPage, file: LocalFile) -> bool:
    return is_private(facts, page, file.filename)


def _yanked(ours: str | None, listed: Distribution | None) -> str | None:
    """
    Our reason counts, if we give one.
    """
    theirs = listed.yanked if listed is not None else False
    if ours is None:
        return None if theirs is False else theirs
    return ours or theirs or ""
