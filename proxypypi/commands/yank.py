"""
``yank`` and ``unyank``: what only those get who ask for that very version (PEP 592).
"""

from collections.abc import Sequence

from twisted.python import usage

from proxypypi.commands.directory import parse
from proxypypi.commands.options import complain
from proxypypi.commands.project import KnownProject, ProjectOptions, check_filenames
from proxypypi.names import comparable, version_of
from proxypypi.store.marks import Yanks, change_yanks, load_yanks


class UnyankOptions(ProjectOptions):
    """
    :ivar version: of which project's release it is.
    :ivar files: names of its files; empty for the release as a whole.
    """

    operands = "PROJECT VERSION [FILE...]"
    longdesc = (
        "Take back what yank did to a release, or to some of its files. What an index "
        "yanked stays yanked. A running server notices at once."
    )
    version: str
    files: tuple[str, ...]

    def parseArgs(self, *operands: str) -> None:
        super().parseArgs(*operands)
        if not self.rest:
            raise usage.UsageError(f"{self.command} needs a PROJECT and a VERSION")
        self.version, *files = self.rest
        self.files = check_filenames(files)


class YankOptions(UnyankOptions):
    longdesc = (
        "Have a release, or some of its files, listed as yanked: installers take it "
        "only where that very version is asked for. Files that are added to a yanked "
        "release later are yanked, too. This goes for private files and for those of "
        "an index. A running server notices at once."
    )
    optParameters = [["reason", None, None, "What to tell people. [default: nothing]"]]


def yank(command: str, arguments: Sequence[str]) -> int:
    """
    Have a release or files of it listed as yanked.
    """
    options = parse(YankOptions, command, arguments)
    problem = _problem(options)
    if problem:
        complain(problem)
        return 1
    reason = options["reason"] or ""

    def change(yanks: Yanks) -> None:
        if options.files:
            yanks.files.update(dict.fromkeys(options.files, reason))
        else:
            yanks.versions[comparable(options.version)] = reason

    change_yanks(options.decisions, options.project, change)
    because = f": {reason}" if reason else ""
    _report(options, "yanked", because, reason=reason)
    return 0


def unyank(command: str, arguments: Sequence[str]) -> int:
    """
    Take that back.
    """
    options = parse(UnyankOptions, command, arguments)
    name, version = options.project, comparable(options.version)
    yanks = load_yanks(options.decisions, name)
    if options.files and version in yanks.versions:
        complain(f"all of {name} {options.version} is yanked: unyank that")
        return 1
    of_it = [
        filename
        for filename in yanks.files
        if comparable(version_of(filename, name) or "") == version
    ]
    unknown = [f for f in options.files if f not in of_it]
    if not options.files and version not in yanks.versions and not of_it:
        unknown = [f"{name} {options.version}"]
    for what in unknown:
        complain(f"{what} is not yanked here")
    if unknown:
        return 1

    def change(yanks: Yanks) -> None:
        for filename in options.files or of_it:
            yanks.files.pop(filename, None)
        if not options.files:
            yanks.versions.pop(version, None)

    change_yanks(options.decisions, name, change)
    _report(options, "no longer yanked", "")
    return 0


def _problem(options: UnyankOptions) -> str:
    """
    Why that cannot be yanked; empty if it can.
    """
    name, version = options.project, options.version
    project = KnownProject.find(options.root, name)
    if project is None:
        return options.unknown
    files = project.files_of(version)
    if not files:
        return f"there is no version {version} of {name} in {options.root}"
    for filename in options.files:
        if filename not in files:
            return f"{filename} is no file of {name} {version}"
    return ""


def _report(options: UnyankOptions, what: str, because: str, **more: str) -> None:
    release = f"{options.project} {options.version}"
    facts = {
        "project": options.project,
        "version": options.version,
        "files": list(options.files),
        **more,
    }
    lines = [f"{of} is {what}{because}" for of in options.files or (release,)]
    options.report(facts, lines)
