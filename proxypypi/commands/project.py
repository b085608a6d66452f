"""
What commands need to know of one project: its files here, and those of its last page.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from attrs import frozen
from twisted.python import usage

from proxypypi.commands.directory import DirectoryOptions
from proxypypi.errors import BadName, DamagedRecord
from proxypypi.model import LocalFile, ProjectPage
from proxypypi.names import (
    NormalizedName,
    check_filename,
    comparable,
    normalize,
    version_of,
)
from proxypypi.store.claims import ClaimStore
from proxypypi.store.directory import look
from proxypypi.store.pages import load_project_page


class ProjectOptions(DirectoryOptions):
    """
    :ivar project: the first operand.
    :ivar rest: the others.
    """

    operands = "PROJECT"
    project: NormalizedName
    rest: tuple[str, ...]

    def parseArgs(self, *operands: str) -> None:
        if not operands:
            raise usage.UsageError(f"{self.command} needs a PROJECT")
        try:
            self.project = normalize(operands[0])
        except BadName as e:
            raise usage.UsageError(str(e)) from e
        self.rest = tuple(dict.fromkeys(operands[1:]))

    @property
    def root(self) -> Path:
        return self.settings.directory

    @property
    def unknown(self) -> str:
        """
        What to say if it is not known. Where an index is asked, that is no proof.
        """
        said = f"there is no project {self.project} in {self.root}"
        if self.settings.upstreams:
            said += ": an index's is known once its page has been asked for"
        return said

    @property
    def decisions(self) -> Path:
        return self.root / ".proxypypi" / "decisions"


def check_filenames(filenames: Iterable[str]) -> tuple[str, ...]:
    """
    :raises UsageError: one of them is none.
    """
    try:
        return tuple(map(check_filename, filenames))
    except BadName as e:
        raise usage.UsageError(str(e)) from e


@frozen(kw_only=True)
class KnownProject:
    """
    :ivar here: its files in the directory, by name.
    :ivar page: the last one that is kept of it; :obj:`None` for none.
    :ivar claimed: is its name ours alone?
    """

    name: NormalizedName
    here: Mapping[str, LocalFile]
    page: ProjectPage | None
    claimed: bool

    @classmethod
    def find(cls, root: Path, name: NormalizedName) -> "KnownProject | None":
        """
        :returns: :obj:`None` if nothing is known of it. Blocks.
        """
        claimed = ClaimStore.of(root).is_claimed(name)
        page = None if claimed else kept_page(root, name)
        project = cls(name=name, here=look(root, name), page=page, claimed=claimed)
        known = project.here or page is not None or claimed
        return project if known else None

    def files_of(self, version: str) -> set[str]:
        """
        The names of those files, here and listed, that are of a version.
        """
        listed = self.page.by_filename if self.page is not None else {}
        return {
            filename
            for filename in {*self.here, *listed}
            if comparable(version_of(filename, self.name) or "") == comparable(version)
        }


def kept_page(root: Path, name: NormalizedName) -> ProjectPage | None:
    """
    The last page that is kept of a project; :obj:`None` for none. Blocks.
    """
    try:
        return load_project_page(root / ".proxypypi" / "cache" / "pages", name)
    except DamagedRecord:
        return None
