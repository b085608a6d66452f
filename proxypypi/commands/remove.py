"""
``remove``: deletes files of a project, with a record of what they were.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from getpass import getuser
from time import time

import msgspec
from twisted.python import usage

from proxypypi.commands.directory import parse
from proxypypi.commands.options import complain
from proxypypi.commands.project import KnownProject, ProjectOptions, check_filenames
from proxypypi.model import FileFacts, LocalFile
from proxypypi.names import is_distribution
from proxypypi.rules.integrity import agree
from proxypypi.store.archives import sha256_of
from proxypypi.store.directory import look
from proxypypi.store.facts import sound_facts
from proxypypi.store.removed import Removed, remove_file


class RemoveOptions(ProjectOptions):
    """
    :ivar version: whose files are meant; empty for all, or for those of *files*.
    :ivar files: their names; empty for all of the version, or of the project.
    """

    operands = "PROJECT [VERSION | FILE...]"
    longdesc = (
        "Delete private files: all of a project, those of a version, or those that are "
        "named; cached files only if they are named. What was removed, when, by whom "
        "and why is kept on record. A claimed name stays claimed. To replace a file, "
        "remove it, and then drop it in or upload it anew. A running server notices "
        "within two seconds."
    )
    optParameters = [["reason", None, None, "For the record. [default: nothing]"]]
    optFlags = [
        ["yes", "y", "Do not ask, on a terminal, whether that is meant."],
        ["dry-run", None, "Only say what would be removed."],
    ]
    version = ""
    files: tuple[str, ...] = ()

    def parseArgs(self, *operands: str) -> None:
        super().parseArgs(*operands)
        for name in self.rest:
            if set(name) & set("*?["):
                raise usage.UsageError(f"{name!r} is a pattern: name each file")
        if len(self.rest) == 1 and not is_distribution(self.rest[0]):
            self.version = self.rest[0]
        else:
            self.files = check_filenames(self.rest)


def remove(command: str, arguments: Sequence[str]) -> int:
    """
    Delete files, and remember what they were.
    """
    options = parse(RemoveOptions, command, arguments)
    project = KnownProject.find(options.root, options.project)
    if project is None:
        complain(f"there is no project {options.project} in {options.root}")
        return 1
    files, problem = _meant(options, project)
    if problem:
        complain(problem)
        return 1
    if options["dry-run"]:
        _report(options, [_entry(options, file) for file in files], "would be removed")
        return 0
    if not options["yes"] and not _is_meant(options, files):
        complain("nothing was removed")
        return 1
    removed, failed = [], False
    for file in files:
        entry = _entry(options, file)
        try:
            trouble = remove_file(
                options.root.resolve(), options.decisions, options.project, entry
            )
        except OSError as e:
            complain(f"{entry.path} cannot be removed: {e.strerror or e}")
            failed = True
            continue
        if trouble:
            complain(trouble)
        removed.append(entry)
    still = look(options.root, options.project)
    for entry in removed:
        if entry.filename in still:
            complain(f"there is another {still[entry.filename].path}: remove it, too")
            failed = True
    _report(options, removed, "is removed")
    return 1 if failed else 0


def _meant(
    options: RemoveOptions, project: KnownProject
) -> tuple[list[LocalFile], str]:
    """
    The files to be removed, and what is wrong with that; empty for nothing.
    """
    root = options.root
    missing = [f for f in options.files if f not in project.here]
    if missing:
        return [], f"there is no file {missing[0]!r} of {project.name} in {root}"
    if options.files:
        return [project.here[f] for f in options.files], ""
    facts = sound_facts(root / ".proxypypi" / "cache", project.name)
    wanted = project.files_of(options.version) if options.version else project.here
    files = [
        file
        for filename, file in sorted(project.here.items())
        if filename in wanted and not _is_cached(file, facts, project)
    ]
    of = f"{project.name} {options.version}".rstrip()
    return files, "" if files else f"there is no private file of {of} in {root}"


def _is_cached(
    file: LocalFile, facts: Mapping[str, FileFacts], project: KnownProject
) -> bool:
    """
    Is it from an index, as is remembered, or as the page of it says?
    """
    known = facts.get(file.filename)
    if known is not None and known.describe(file):
        return known.cached
    listed = project.page.by_filename.get(file.filename) if project.page else None
    if listed is None:
        return False
    return agree({"sha256": sha256_of(file.path)}, listed.hashes)


def _is_meant(options: RemoveOptions, files: Sequence[LocalFile]) -> bool:
    """
    Who sits at a terminal is asked.
    """
    if not sys.stdin.isatty():
        return True
    for file in files:
        print(file.path, file=sys.stderr)
    print("Remove these files? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _entry(options: RemoveOptions, file: LocalFile) -> Removed:
    root = options.root.resolve()
    return Removed(
        filename=file.filename,
        path=file.path.removeprefix(f"{root}/"),
        sha256=sha256_of(file.path),
        size=file.size,
        removed_at=time(),
        by=_account(),
        reason=options["reason"] or "",
    )


def _account() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # there is no name for it
        return ""


def _report(options: RemoveOptions, entries: Iterable[Removed], what: str) -> None:
    entries = list(entries)
    options.report(
        {
            "project": options.project,
            "removed": [msgspec.to_builtins(entry) for entry in entries],
            "dry-run": bool(options["dry-run"]),
        },
        [f"{entry.path} {what}" for entry in entries],
    )
