"""
The directory people see: who drops a file in, finds it in the listing.
"""

import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.logger import Logger
from zope.interface import implementer

from proxypypi.errors import BadName
from proxypypi.interfaces import IDirectory
from proxypypi.model import LocalFile
from proxypypi.names import NormalizedName, is_distribution, normalize, project_of
from proxypypi.store.changes import Changes

_HOLDS = 1.0  # seconds for which an answer is given again without another look
_GRAIN = 2.0  # seconds: a directory changed this recently may change again unseen
_MOST_ANSWERS = 1000


@frozen
class _Answer:
    """
    :ivar epoch: see :meth:`~proxypypi.store.changes.Changes.epoch`.
    """

    good_until: float
    epoch: int
    files: Mapping[str, LocalFile]


@frozen
class _Root:
    """
    The names in the root when it had this modification time (nanoseconds).

    :ivar flat: the files that lie in the root itself, by project.
    :ivar folders: a project's sub-directories, its own name the last of them.
    """

    modified_at: int
    flat: Mapping[NormalizedName, Sequence[str]]
    folders: Mapping[NormalizedName, Sequence[str]]


@implementer(IDirectory)
@define(eq=False)
class Directory:
    """
    Looks by stat alone, on demand, in threads, at most once a second a project.

    Only the root's names are remembered for longer, until its modification time
    changes. Links are followed as long as they stay inside.

    :ivar _path: of the root, absolute and without links in it.
    :ivar _is_hidden: is a project left out of the list of all?
    :ivar _told: links of which the log has been told.
    """

    _log: ClassVar[Logger] = Logger()

    _path: Path
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _is_hidden: Callable[[NormalizedName], bool] = field(default=lambda _: False)
    _changes: Changes = field(factory=Changes.alone)
    _root: _Root = field(factory=lambda: _Root(-1, {}, {}), init=False)
    _root_lock: Lock = field(factory=Lock, init=False)
    _answers: dict[NormalizedName, _Answer] = field(factory=dict, init=False)
    _told: set[Path] = field(factory=set, init=False)

    @classmethod
    def of(cls, root: Path) -> "Directory":
        """
        For those who can wait, as commands can: it is looked at in no thread.
        """
        return cls(root.resolve(), Clock(), maybeDeferred)

    def files(self, name: NormalizedName) -> "Deferred[Mapping[str, LocalFile]]":
        now = self._clock.seconds()
        epoch = self._changes.epoch(name)
        answer = self._answers.get(name)
        if answer is not None and now < answer.good_until and epoch == answer.epoch:
            return succeed(answer.files)
        looked: Deferred[_Answer] = self._in_thread(self._look, name, now, epoch)
        return looked.addCallback(self._remember, name, answer)

    def holds_until(self, name: NormalizedName) -> float:
        answer = self._answers.get(name)
        return answer.good_until if answer is not None else 0.0

    def projects(self) -> "Deferred[Sequence[NormalizedName]]":
        return self._in_thread(self._look_at_all, self._clock.seconds())

    def changed(self, name: NormalizedName) -> None:
        # Not forgotten: a look under way must find that its answer is not wanted.
        answer = self._answers.get(name, _Answer(0.0, 0, {}))
        self._keep(name, evolve(answer, good_until=float("-inf")))
        self._changes.changed(name)

    def look(self, name: NormalizedName) -> Mapping[str, LocalFile]:
        """
        What lies here of a project at this moment, by file name. Blocks.
        """
        return self._files_of(self._look_at_root(self._clock.seconds()), name)

    def walk(
        self, names: Collection[NormalizedName] | None = None
    ) -> Iterator[tuple[NormalizedName, Mapping[str, LocalFile]]]:
        """
        What lies here of each project at this moment, in order. Blocks at each step.

        :param names: of the projects; :obj:`None` for all.
        """
        root = self._look_at_root(self._clock.seconds())
        for name in sorted({*root.flat, *root.folders} if names is None else names):
            yield name, self._files_of(root, name)

    def _remember(
        self, answer: _Answer, name: NormalizedName, before: _Answer | None
    ) -> Mapping[str, LocalFile]:
        if before is not None and before.files == answer.files:
            answer = evolve(answer, files=before.files)  # so that `is` tells no change
        # Changed while we looked: this answer is for whoever asked, not for later.
        if self._answers.get(name) is before:
            self._keep(name, answer)
        return answer.files

    def _keep(self, name: NormalizedName, answer: _Answer) -> None:
        self._answers.pop(name, None)
        self._answers[name] = answer
        if len(self._answers) > _MOST_ANSWERS:
            del self._answers[next(iter(self._answers))]

    def _look(self, name: NormalizedName, now: float, epoch: int) -> _Answer:
        files = self._files_of(self._look_at_root(now), name)
        return _Answer(now + _HOLDS, epoch, files)

    def _files_of(self, root: _Root, name: NormalizedName) -> Mapping[str, LocalFile]:
        files: dict[str, LocalFile] = {}
        for filename, path in self._candidates(root, name):
            file = self._examine(filename, path) if filename not in files else None
            if file is not None:
                files[filename] = file
        return files

    def _candidates(
        self, root: _Root, name: NormalizedName
    ) -> Iterator[tuple[str, Path]]:
        for filename in root.flat.get(name, ()):
            yield filename, self._path / filename
        for folder in root.folders.get(name, ()):
            for filename in _names_in(self._path / folder):
                if is_distribution(filename):
                    yield filename, self._path / folder / filename

    def _examine(self, filename: str, path: Path) -> LocalFile | None:
        try:
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                if not self._contains(path):
                    return None
                status = os.stat(path)
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        return LocalFile(
            filename=filename,
            path=str(path),
            size=status.st_size,
            modified_at=status.st_mtime_ns,
            inode=status.st_ino,
            changed_at=status.st_ctime_ns,
        )

    def _look_at_root(self, now: float) -> _Root:
        with self._root_lock:
            modified_at = os.stat(self._path).st_mtime_ns
            if modified_at == self._root.modified_at:
                return self._root
            flat: dict[NormalizedName, list[str]] = {}
            folders: dict[NormalizedName, list[str]] = {}
            with os.scandir(self._path) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if _is_folder(entry):
                        if entry.is_symlink() and not self._contains(Path(entry.path)):
                            continue
                        try:
                            project = normalize(entry.name)
                        except BadName:
                            continue
                        folders.setdefault(project, []).append(entry.name)
                    elif is_distribution(entry.name):
                        owner = project_of(entry.name)
                        if owner is not None:
                            flat.setdefault(owner, []).append(entry.name)
            for project, names in folders.items():
                names.sort(key=lambda n, own=project: (n == own, n))  # type: ignore[misc]
            root = _Root(modified_at, flat, folders)
            if abs(now - modified_at / 1e9) > _GRAIN:
                self._root = root
            return root

    def _contains(self, link: Path) -> bool:
        try:
            target = link.resolve(strict=True)
        except (OSError, RuntimeError):  # leads nowhere, or round in circles
            return False
        if target.is_relative_to(self._path):
            return True
        if link not in self._told and len(self._told) < _MOST_ANSWERS:
            self._told.add(link)
            self._log.warn(
                "{link} leads out of the directory, and is left out", link=str(link)
            )
        return False

    def _look_at_all(self, now: float) -> Sequence[NormalizedName]:
        root = self._look_at_root(now)
        found = set(root.flat)
        for project, folders in root.folders.items():
            if project not in found and any(
                is_distribution(filename)
                for folder in folders
                for filename in _names_in(self._path / folder)
            ):
                found.add(project)
        return sorted(name for name in found if not self._is_hidden(name))


def look(root: Path, name: NormalizedName) -> Mapping[str, LocalFile]:
    """
    What lies there of a project at this moment, by file name. Blocks.
    """
    return Directory.of(root).look(name)


def look_around(
    root: Path, told: Callable[[int, int], None] = lambda done, all: None
) -> Iterator[tuple[NormalizedName, Mapping[str, LocalFile]]]:
    """
    What lies there at this moment, project by project, sorted. Blocks.

    :param told: is told how many projects are done, of how many.
    """
    directory = Directory.of(root)
    names = directory._look_at_all(0.0)
    for done, (name, files) in enumerate(directory.walk(names)):
        told(done, len(names))
        if files:
            yield name, files


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads round in circles, or where we must not look
        return False


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
