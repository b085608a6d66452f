"""
What people here say of a project is said on its page.
"""

from attrs import evolve

from proxypypi.model import Distribution, Marks, ProjectPage
from proxypypi.names import NormalizedName, comparable, version_of


def mark(page: ProjectPage, marks: Marks) -> ProjectPage:
    """
    :param page: as it would be if nobody said anything. That it is in quarantine stays.
    """
    if marks.status is not None and page.status != "quarantined":
        page = evolve(page, status=marks.status, status_reason=marks.status_reason)
    if not marks.versions and not marks.files and marks.everything is None:
        return page
    distributions = tuple(_mark(page.name, d, marks) for d in page.distributions)
    return evolve(page, distributions=distributions)


def yank_of(name: NormalizedName, filename: str, marks: Marks) -> str | None:
    """
    The reason for which a file is yanked; :obj:`None` if it is not.
    """
    reason = marks.files.get(filename)
    if reason is None and marks.versions:
        version = version_of(filename, name)
        reason = marks.versions.get(comparable(version)) if version else None
    return marks.everything if reason is None else reason


def _mark(name: NormalizedName, listed: Distribution, marks: Marks) -> Distribution:
    """
    A file that its index has yanked, too, has our reason, if we give one.
    """
    reason = yank_of(name, listed.filename, marks)
    if reason is None:
        return listed
    return evolve(listed, yanked=reason or listed.yanked or "")
