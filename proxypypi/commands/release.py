"""
``release``: has withheld files given out after all.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import NoReturn

from attrs import asdict, frozen
from twisted.python import usage

from proxypypi import __version__
from proxypypi.commands.options import complain
from proxypypi.errors import BadName
from proxypypi.names import NormalizedName, check_filename, normalize
from proxypypi.store.archives import sha256_of
from proxypypi.store.releases import add_release


class ReleaseOptions(usage.Options):
    """
    Which files, and where they are.
    """

    synopsis = "Usage: proxypypi release [options] FILE..."
    longdesc = (
        "Have files given out that were withheld, as they vanished upstream when "
        "they were young. FILE is a file's name. A running server notices at once."
    )
    optParameters = [["dir", "d", ".", "The cache directory."]]
    optFlags = [["json", None, "Report in JSON."]]

    def opt_version(self) -> NoReturn:
        """
        Print the version and exit.
        """
        print(f"proxypypi {__version__}")
        raise SystemExit(0)

    def parseArgs(self, *files: str) -> None:
        if not files:
            raise usage.UsageError("release needs the name of a file")
        self["files"] = [check_filename(name) for name in files]

    def postOptions(self) -> None:
        if not Path(self["dir"]).is_dir():
            raise usage.UsageError(f"--dir {self['dir']!r}: there is no such directory")


@frozen
class _Released:
    project: NormalizedName
    filename: str
    sha256: str


def release(command: str, arguments: Sequence[str]) -> int:
    """
    Remember of each file that it may be given out.
    """
    options = ReleaseOptions()
    options.parseOptions(list(arguments))
    root = Path(options["dir"])
    released, missing = [], []
    for filename in options["files"]:
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
    if options["json"]:
        report = {"released": [asdict(r) for r in released], "missing": missing}
        print(json.dumps(report))
    else:
        for freed in released:
            print(f"{freed.filename} of {freed.project} is released")
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
