"""
What lies here, and what is on record of it, as it is: nobody is asked, no file is read,
and nothing written. Blocks.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import frozen

from proxypypi.errors import DamagedRecord, UnreadablePage
from proxypypi.model import (
    Change,
    FileFacts,
    LocalFile,
    Marks,
    ProjectPage,
)
from proxypypi.names import NormalizedName
from proxypypi.rules.inventory import Item, describe
from proxypypi.simple.reading import read_page
from proxypypi.store.claims import ClaimStore
from proxypypi.store.directory import look, look_around
from proxypypi.store.facts import load_facts
from proxypypi.store.marks import load_marks
from proxypypi.store.pages import load_doubt, load_page
from proxypypi.store.releases import load_releases


@frozen(kw_only=True)
class Stock:
    """
    A project's files, and what is on record of it. Where a record is damaged, this is
    what a server makes of that.

    :ivar files: by name.
    :ivar facts: by the names of files, be they of those that lie there now or not.
    :ivar page: what its index said last; :obj:`None` if none is kept, or if its name is
        ours alone.
    :ivar gone: has its index no such project any more, as is believed?
    :ivar released: file name to sha256.
    """

    name: NormalizedName
    files: Mapping[str, LocalFile]
    facts: Mapping[str, FileFacts]
    page: ProjectPage | None
    gone: bool
    marks: Marks
    released: Mapping[str, str]
    claimed: bool

    def items(self, withhold: float) -> tuple[Item, ...]:
        """
        :param withhold: see :class:`~proxypypi.settings.Settings`.
        :returns: by file name.
        """
        return tuple(
            describe(
                self.name,
                file,
                self.facts.get(filename),
                self.page,
                marks=self.marks,
                released=self.released,
                withhold=withhold,
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
    claimed = ClaimStore.of(root).is_claimed(name)
    page, gone = (None, False) if claimed else _kept_page(cache / "pages", name)
    return Stock(
        name=name,
        files=files,
        facts=_facts(cache, name),
        page=page,
        gone=gone,
        marks=load_marks(decisions, name)[0],
        released=_released(decisions, name),
        claimed=claimed,
    )


def _kept_page(pages: Path, name: NormalizedName) -> tuple[ProjectPage | None, bool]:
    try:
        kept = load_page(pages, name)
        page = read_page(kept[0], name) if kept is not None else None
    except (DamagedRecord, UnreadablePage):
        return None, False
    try:
        doubt = load_doubt(pages, name)
    except DamagedRecord:
        return page, False
    return page, doubt is not None and doubt.believed and doubt.change is Change.GONE


def _facts(cache: Path, name: NormalizedName) -> Mapping[str, FileFacts]:
    try:
        return load_facts(cache, name)
    except DamagedRecord:
        return {}


def _released(decisions: Path, name: NormalizedName) -> Mapping[str, str]:
    try:
        return load_releases(decisions, name)
    except DamagedRecord:
        return {}
