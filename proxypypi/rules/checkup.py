"""
What is good enough to be served from, and what is not.
"""

from collections.abc import Iterator

from proxypypi.model import Grade, ProjectPage
from proxypypi.names import is_wheel

_A_MINUTE = 60.0
_SOON = 14 * 86_400.0  # seconds before a certificate ends
_FEW = 1024  # open files, of which each transfer takes two

WELL_KNOWN = ("six", "pip", "numpy")
"""
Projects that most indexes have, a small one first.
"""


def missing_from(page: ProjectPage, is_json: bool) -> Iterator[str]:
    """
    What an index does not say of its files, and what that means.
    """
    files = page.distributions
    if not files:
        return
    if not any(d.hashes for d in files):
        yield "digests, so that files cannot be checked"
    if not any(d.uploaded_at for d in files):
        yield "upload times, so that a minimum age and snapshots leave all of it out"
    wheels = [d for d in files if is_wheel(d.filename)]
    if wheels and not any(d.core_metadata for d in wheels):
        yield "core metadata, so that installers fetch whole wheels to resolve"
    if all(d.size is None for d in files):
        yield "sizes, so that they are known only once a file is fetched"
    if not is_json:
        yield "JSON, so that there is no more than HTML can say"


def grade_clock(difference: float) -> Grade:
    """
    :param difference: seconds, between ours and another's.
    """
    return Grade.WARNING if abs(difference) > _A_MINUTE else Grade.OK


def grade_certificate(ends_at: float, now: float) -> Grade:
    """
    :param ends_at: POSIX seconds, like *now*.
    """
    if ends_at <= now:
        return Grade.ERROR
    return Grade.WARNING if ends_at - now < _SOON else Grade.OK


def grade_open_files(limit: int) -> Grade:
    """
    :param limit: how many this process may have open.
    """
    return Grade.WARNING if limit < _FEW else Grade.OK
