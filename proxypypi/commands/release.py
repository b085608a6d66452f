"""
``release``: has files given out that are withheld or held back.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from glob import escape
from pathlib import Path
from time import time

from attrs import asdict, frozen
from twisted.python import usage

from proxypypi.commands.directory import DirectoryOptions, parse
from proxypypi.commands.options import complain
from proxypypi.commands.project import kept_page
from proxypypi.errors import BadName
from proxypypi.names import NormalizedName, check_filename, normalize, project_of
from proxypypi.rules.cooldown import MinAges, held_back_until, upload_of
from proxypypi.rules.merge import Held
from proxypypi.settings import Settings
from proxypypi.store.archives import sha256_of
from proxypypi.store.directory import look
from proxypypi.store.facts import sound_facts
from proxypypi.store.releases import add_release

_PERHAPS = 30 * 86_400.0  # seconds: a --min-age that only the server was told of


class ReleaseOptions(DirectoryOptions):
    """
    :ivar files: their names.
    """

    operands = "FILE..."
    longdesc = (
        "Have files given out that are withheld, as they vanished upstream when they "
        "were young, or held back, as they are younger than --min-age. FILE is a "
        "file's name. A running server notices at once."
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
    root, now = options.settings.directory, time()
    released, missing = [], []
    for filename in options.files:
        found = [*_find_here(root, filename)] or [*_find_listed(root, filename)]
        if not found:
            missing.append(filename)
            complain(
                f"there is no file {filename!r} in {root}, and no page that is kept "
                "there lists it with a sha256"
            )
        for freed in found:
            trouble = add_release(
                root / ".proxypypi" / "decisions",
                freed.project,
                freed.filename,
                freed.sha256,
                now,
            )
            if trouble:
                complain(trouble)
            if _is_free(freed, options.settings, now):
                complain(
                    f"{filename} is neither withheld nor held back, as far as can be "
                    "told here; now it will not be"
                )
            released.append(freed)
    options.report(
        {"released": [asdict(freed) for freed in released], "missing": missing},
        [f"{freed.filename} of {freed.project} is released" for freed in released],
    )
    return 1 if missing else 0


def _find_here(root: Path, filename: str) -> Iterator[_Released]:
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


def _find_listed(root: Path, filename: str) -> Iterator[_Released]:
    """
    The file of that name on the last page of its project.
    """
    project = project_of(filename)
    page = kept_page(root, project) if project is not None else None
    listed = page.by_filename.get(filename) if page is not None else None
    if project is not None and listed is not None and "sha256" in listed.hashes:
        yield _Released(project, filename, listed.hashes["sha256"])


def _is_free(file: _Released, settings: Settings, now: float) -> bool:
    """
    Is it certain that the file is given out anyway?

    :param settings: as far as they can be read here.
    """
    root, name, filename = settings.directory, file.project, file.filename
    facts = sound_facts(root / ".proxypypi" / "cache", name).get(filename)
    page = kept_page(root, name)
    here, held = look(root, name).get(filename), None
    if here is not None and facts is not None:
        held = Held(file=here, facts=facts)
    elif here is not None or page is None or filename not in page.by_filename:
        return False  # the server has yet to see what it is
    if facts is not None and facts.missed_at is not None:
        return False
    upload = upload_of(name, filename, held, page)
    if upload is None:
        return True  # private
    min_age = MinAges.said_by(settings).of(upload.origin) or _PERHAPS
    exemptions = settings.cooldown_exemptions
    return held_back_until(upload, min_age, exemptions, {}, now) is None
