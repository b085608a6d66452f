"""
What lies here, and what is on record of it, as it is: nobody is asked, no file is read,
and nothing written. Blocks.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from attrs import frozen

from proxypypi.errors import DamagedRecord
from proxypypi.model import (
    Change,
    FileFacts,
    LocalFile,
    Marks,
    ProjectPage,
    Release,
)
from proxypypi.names import NormalizedName
from proxypypi.rules.cooldown import MinAges
from proxypypi.rules.inventory import Item, describe
from proxypypi.settings import Settings
from proxypypi.store.claims import ClaimStore
from proxypypi.store.directory import look, look_around
from proxypypi.store.facts import load_facts
from proxypypi.store.marks import load_marks
from proxypypi.store.pages import load_doubt, load_project_page
from proxypypi.store.releases import load_releases

T = TypeVar("T")


@frozen(kw_only=True)
class Stock:
    """
    A project's files, and what is on record of it. Where a record is damaged, this is
    what a server makes of that.

    :ivar files: by name.
    :ivar facts: by the names of files, be they of those that lie there now or not.
    :ivar page: what its index said last; :obj:`None` if none is kept, or if its name is
        ours alone.
    :ivar gone: has its index said that it has no such project any more, or no files of
        it, be that believed yet or not?
    :ivar released: by file name.
    :ivar troubles: what is wrong with each record that is damaged, in a sentence.
    """

    name: NormalizedName
    files: Mapping[str, LocalFile]
    facts: Mapping[str, FileFacts]
    page: ProjectPage | None
    gone: bool
    marks: Marks
    released: Mapping[str, Release]
    claimed: bool
    troubles: tuple[str, ...] = ()

    def items(self, settings: Settings, now: float) -> tuple[Item, ...]:
        """
        :param now: POSIX seconds.
        :returns: by file name.
        """
        min_ages = MinAges.said_by(settings)
        return tuple(
            describe(
                self.name,
                file,
                self.facts.get(filename),
                self.page,
                marks=self.marks,
                released=self.released,
                settings=settings,
                min_ages=min_ages,
                now=now,
            )
            for filename, file in sorted(self.files.items())
        )

    @property
    def status(self) -> tuple[str | None, str | None]:
        """
        Its status (PEP 792) and the reason; a quarantine of its index stays one.
        """
        page, marks = self.page, self.marks
        if page is not None and (page.status == "quarantined" or marks.status is None):
            return page.status, page.status_reason
        return marks.status, marks.status_reason


def take_stock(root: Path) -> Iterator[Stock]:
    """
    Of all projects that have files here, sorted.
    """
    for name, files in look_around(root):
        yield stock_of(root, name, files)


def stock_of(
    root: Path, name: NormalizedName, files: Mapping[str, LocalFile] | None = None
) -> Stock:
    """
    Of one project; it may have no files.

    :param files: its files here; :obj:`None` to look for them now.
    """
    if files is None:
        files = look(root, name)
    cache = root / ".proxypypi" / "cache"
    decisions = root / ".proxypypi" / "decisions"
    troubles: list[str] = []

    def load(work: Callable[[], T], otherwise: T) -> T:
        try:
            return work()
        except DamagedRecord as e:
            troubles.append(str(e))
            return otherwise

    claimed = load(lambda: _is_claimed(root, name), True)
    page, gone = None, False
    if not claimed:
        page = load(lambda: load_project_page(cache / "pages", name), None)
        gone = load(lambda: _is_gone(cache / "pages", name), False)
    marks, trouble = load_marks(decisions, name)
    troubles += filter(None, [trouble])
    return Stock(
        name=name,
        files=files,
        facts=load(lambda: load_facts(cache, name), {}),
        page=page,
        gone=gone,
        marks=marks,
        released=load(lambda: load_releases(decisions, name), {}),
        claimed=claimed,
        troubles=tuple(troubles),
    )


def _is_claimed(root: Path, name: NormalizedName) -> bool:
    claims = ClaimStore.of(root)
    try:
        return claims.is_claimed(name)
    except OSError as e:
        path, reason = str(e.filename), e.strerror or str(e)
        so = "it counts as claimed"
        raise DamagedRecord(path=path, reason=reason, so=so) from e


def _is_gone(pages: Path, name: NormalizedName) -> bool:
    doubt = load_doubt(pages, name)
    return doubt is not None and doubt.change in (Change.GONE, Change.EMPTY)
