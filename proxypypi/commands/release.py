"""
``release``: has withheld files given out after all.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from glob import escape
from pathlib import Path

from attrs import asdict, frozen
from twisted.python import usage

from proxypypi.commands.directory import DirectoryOptions, parse
from proxypypi.commands.options import complain
from proxypypi.errors import BadName
from proxypypi.names import NormalizedName, check_filename, normalize
from proxypypi.store.archives import sha256_of
from proxypypi.store.releases import add_release


class ReleaseOptions(DirectoryOptions):
    """
    :ivar files: their names.
    """

    operands = "FILE..."
    longdesc = (
        "Have files given out that were withheld, as they vanished upstream when "
        "they were young. FILE is a file's name. A running server notices at once."
    )
    files: tuple[str, ...]

    def parseArgs(self, *files: str) -> None:
        if not files:
            raise usage.UsageError(f"{self.command} needs the name of a FILE")
        try:
            self.files = tuple(dict.fromkeys(map(check_filename, files)))
        except BadName as e:
            raise usage.UsageError(str(e)) from e


@frozen
class _Released:
    project: NormalizedName
    filename: str
    sha256: str


def release(command: str, arguments: Sequence[str]) -> int:
    """
    Remember of each file that it may be given out.
    """
    options = parse(ReleaseOptions, command, arguments)
    root = options.settings.directory
    released, missing = [], []
    for filename in options.files:
        found = list(_find(root, filename))
        if not found:
            missing.append(filename)
            complain(f"there is no file {filename!r} in {root}")
        for freed in found:
            trouble = add_release(
                root / ".proxypypi" / "decisions",
                freed.project,
                freed.filename,
                freed.sha256,
            )
            if trouble:
                complain(trouble)
            released.append(freed)
    options.report(
        {"released": [asdict(freed) for freed in released], "missing": missing},
        [f"{freed.filename} of {freed.project} is released" for freed in released],
    )
    return 1 if missing else 0


def _find(root: Path, filename: str) -> Iterator[_Released]:
    """
    The files of that name: cached ones lie under their project's.
    """
    for path in sorted(root.glob(f"*/{escape(filename)}")):
        folder = path.parent.name
        if folder.startswith("."):
            continue
        sha256 = sha256_of(str(path))
        with suppress(BadName):
            project = normalize(folder)
            if sha256:
                yield _Released(project, filename, sha256)
