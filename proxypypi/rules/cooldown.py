"""
Which files of an index are too young yet: what is bad is mostly found within days.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf

from attrs import frozen
from packaging.version import Version

from proxypypi.model import ProjectPage, Release
from proxypypi.names import NormalizedName, version_of
from proxypypi.rules.merge import Held, is_meant, is_private
from proxypypi.settings import CooldownExemption, Settings


@frozen(kw_only=True)
class MinAges:
    """
    How old files have to be, in seconds; 0 for any age.

    :ivar by_index: those of an index that has an age of its own, by its address.
    :ivar otherwise: those of all others.
    """

    by_index: Mapping[str, float]
    otherwise: float

    @classmethod
    def said_by(cls, settings: Settings) -> "MinAges":
        by_index = {u.url: u.min_age for u in settings.upstreams}
        return cls(
            by_index={url: age for url, age in by_index.items() if age is not None},
            otherwise=settings.min_age,
        )

    @property
    def matter(self) -> bool:
        return any((self.otherwise, *self.by_index.values()))

    def of(self, index: str) -> float:
        return self.by_index.get(index, self.otherwise)


@frozen(kw_only=True)
class Upload:
    """
    A file of an index, whether it is here or not.

    :ivar sha256: of the file; :obj:`None` if it is not known.
    :ivar origin: the address of that index.
    :ivar uploaded_at: POSIX seconds; :obj:`None` if the index does not say.
    """

    project: NormalizedName
    filename: str
    sha256: str | None
    origin: str
    uploaded_at: float | None


def upload_of(
    name: NormalizedName, filename: str, held: Held | None, page: ProjectPage | None
) -> Upload | None:
    """
    :param held: the file as it is here; :obj:`None` if it is not.
    :param page: what the index says; it lists what is not here.
    :returns: :obj:`None` for a private file.
    """
    listed = page.by_filename.get(filename) if page is not None else None
    if held is None:
        assert page is not None
        assert listed is not None
        sha256 = listed.hashes.get("sha256")
        origin, uploaded_at = page.index, listed.uploaded_at
    elif is_private(held.facts, page, filename):
        return None
    else:
        facts = held.facts
        sha256 = facts.hashes["sha256"]
        origin, uploaded_at = facts.origin or "", facts.uploaded_at
        if page is not None and listed and is_meant(facts, listed, page.index):
            origin, uploaded_at = page.index, listed.uploaded_at
    return Upload(
        project=name,
        filename=filename,
        sha256=sha256,
        origin=origin,
        uploaded_at=uploaded_at,
    )


def uploads_of(
    name: NormalizedName, page: ProjectPage | None, held: Iterable[Held]
) -> Iterator[Upload]:
    """
    All files of a project that are an index's, those here and those it lists.
    """
    here = {h.file.filename: h for h in held}
    listed = page.by_filename if page is not None else {}
    for filename in {**listed, **here}:
        upload = upload_of(name, filename, here.get(filename), page)
        if upload is not None:
            yield upload


def held_back_until(
    upload: Upload,
    min_age: float,
    exemptions: Iterable[CooldownExemption],
    released: Mapping[str, Release],
    now: float,
) -> float | None:
    """
    :param min_age: seconds; 0 for any age.
    :param released: those of its project's files, by their names.
    :returns: POSIX seconds at which it is old enough; infinite if that is never known.
        :obj:`None` if it may be given out now.
    """
    if min_age <= 0:
        return None
    uploaded_at = upload.uploaded_at
    until = inf if uploaded_at is None else uploaded_at + min_age
    if until <= now:
        return None
    release = released.get(upload.filename)
    if release is not None and release.sha256 == upload.sha256:
        return None
    if any(_is_exempt(upload, exemption, now) for exemption in exemptions):
        return None
    return until


def next_end(exemptions: Sequence[CooldownExemption], now: float) -> float:
    """
    :returns: POSIX seconds at which the next of them ends; infinite if none does.
    """
    ends = (e.ends_at for e in exemptions if e.ends_at is not None)
    return min((end for end in ends if end > now), default=inf)


def _is_exempt(upload: Upload, exemption: CooldownExemption, now: float) -> bool:
    if exemption.project != upload.project:
        return False
    if exemption.ends_at is not None and exemption.ends_at <= now:
        return False
    if exemption.sha256 is not None and exemption.sha256 != upload.sha256:
        return False
    return exemption.version is None or _is_of(upload, exemption.version)


def _is_of(upload: Upload, version: Version) -> bool:
    try:
        return Version(version_of(upload.filename, upload.project) or "") == version
    except ValueError:  # InvalidVersion, or more digits than an int may have
        return False
