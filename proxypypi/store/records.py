"""
Whether all that lies below ``.proxypypi/`` can be read, and is of use. Blocks.
"""

import os
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path

from attrs import frozen

from proxypypi.errors import BadName, DamagedRecord
from proxypypi.model import Finding, Grade
from proxypypi.names import NormalizedName, normalize
from proxypypi.store.attestations import load_attestations
from proxypypi.store.claims import load_claim
from proxypypi.store.facts import load_facts, load_first_seen
from proxypypi.store.lists import check_list
from proxypypi.store.locked import is_held
from proxypypi.store.marks import load_status, load_yanks
from proxypypi.store.mending import Fault, remove_unchanged, remove_unheld
from proxypypi.store.pages import load_doubt, load_page, load_project_page
from proxypypi.store.pins import PinStore
from proxypypi.store.publishing import local_file
from proxypypi.store.releases import load_releases
from proxypypi.store.removed import load_removed
from proxypypi.store.tokens import TokenStore

_FORGOTTEN = 3600.0  # seconds after which nobody writes to a temporary file any more
_DECIDE_ANEW = "bring it back from a backup, or decide anew"
_NOT_OURS = "the record is not ours to read"
_LET_US_READ = "run this as the user that the server runs as"


@frozen(kw_only=True)
class _Kind:
    """
    :ivar places: where records of a kind lie, a pattern below ``.proxypypi/``.
    :ivar check: reads the record at a path; raises :exc:`DamagedRecord`.
    :ivar in_folder: is each in a folder that is named like its project?
    """

    places: str
    check: Callable[[Path], object]
    in_folder: bool = False

    @property
    def is_decision(self) -> bool:
        return self.places.startswith("decisions/")


def _of_project(
    load: Callable[[Path, NormalizedName], object],
) -> Callable[..., object]:
    """
    :param load: is given the folder that has one for each kind, and the project.
    """
    return lambda path: load(path.parents[1], NormalizedName(path.stem))


def _in_folder(
    load: Callable[[Path, NormalizedName], object],
) -> Callable[[Path], object]:
    """
    :param load: is given the folder that it is in, and its name.
    """
    return lambda path: load(path.parent, NormalizedName(path.stem))


_KINDS = (
    _Kind(places="cache/facts/*.json", check=_of_project(load_facts)),
    _Kind(places="cache/pages/*.page", check=_in_folder(load_project_page)),
    _Kind(places="cache/pages/*.doubt", check=_in_folder(load_doubt)),
    _Kind(places="cache/documents/*.page", check=_in_folder(load_page)),
    _Kind(places="cache/lists/*.list", check=check_list),
    _Kind(places="decisions/claims/*.json", check=_of_project(load_claim)),
    _Kind(places="decisions/yanks/*.json", check=_of_project(load_yanks)),
    _Kind(places="decisions/status/*.json", check=_of_project(load_status)),
    _Kind(places="decisions/releases/*.json", check=_of_project(load_releases)),
    _Kind(places="decisions/removed/*.json", check=_of_project(load_removed)),
    _Kind(places="decisions/first-seen/*.json", check=_of_project(load_first_seen)),
    _Kind(
        places="decisions/attestations/*/*.json",
        check=load_attestations,
        in_folder=True,
    ),
)

_PINS = _Kind(
    places="decisions/pins/pins.json", check=lambda path: PinStore(path).all()
)


def check_records(
    root: Path, names: Collection[NormalizedName], now: float
) -> Iterator[Fault]:
    """
    :param names: of the projects that are meant; empty for all, and for what is no
        project's.
    :param now: POSIX seconds.
    """
    ours = root / ".proxypypi"
    for fault in _all(root, ours, now):
        if not names or fault.project in names:
            yield fault


def _all(root: Path, ours: Path, now: float) -> Iterator[Fault]:
    closed = [folder for folder in sorted(ours.glob("**/")) if _is_closed(folder)]
    for folder in closed:
        yield _fault(root, folder, "it cannot be looked into", _LET_US_READ)
    for kind in _KINDS:
        for path in sorted(ours.glob(kind.places)):
            if path.parent in closed:
                continue
            named_like = path.parent.name if kind.in_folder else path.stem
            yield from _check(root, path, kind, _project(named_like))
    for path in sorted(ours.glob(_PINS.places)):
        yield from _check(root, path, _PINS, None)
    yield from _tokens(root)
    for path in sorted(ours.glob("cache/partial/*/*")):
        yield from _left_over(root, path, "a download", _project(path.parent.name))
    for path in sorted(ours.glob("cache/uploads/*.part")):
        yield from _left_over(root, path, "an upload", None)
    for path in sorted(ours.glob("decisions/**/*.damaged")):
        what, advice = "a damaged record was set aside", "see what it says; delete it"
        yield _fault(root, path, what, advice, Grade.WARNING)
    for path in sorted(ours.glob("cache/**/.*.tmp")):
        yield from _forgotten(root, path, now)


def _is_closed(folder: Path) -> bool:
    """
    May we not look into a folder, or at what is in it?
    """
    return os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK)


def _check(
    root: Path, path: Path, kind: _Kind, project: NormalizedName | None
) -> Iterator[Fault]:
    try:
        file = local_file(path)
        kind.check(path)
    except FileNotFoundError:
        return  # it went meanwhile
    except OSError as e:
        what = f"the record cannot be looked at: {e.strerror or e}"
        yield _fault(root, path, what, "see what is there", project=project)
    except DamagedRecord as e:
        if isinstance(e.__cause__, PermissionError):
            yield _fault(root, path, _NOT_OURS, _LET_US_READ, project=project)
            return
        what = f"the record is damaged, so {e.so}: {e.reason}"
        if kind.is_decision:
            yield _fault(root, path, what, _DECIDE_ANEW, project=project)
        else:
            mend = partial(remove_unchanged, file)
            yield _fault(root, path, what, "delete it", project=project, mend=mend)


def _tokens(root: Path) -> Iterator[Fault]:
    try:
        damaged = TokenStore.of(root).all().damaged
    except OSError:  # they are in a folder that cannot be looked into
        return
    for trouble in damaged:
        path = Path(trouble.path)
        if isinstance(trouble.__cause__, PermissionError):
            yield _fault(root, path, _NOT_OURS, _LET_US_READ)
            continue
        advice = "make another by token create, and delete it"
        what = f"the token is damaged, and grants nothing: {trouble.reason}"
        yield _fault(root, path, what, advice)


def _left_over(
    root: Path, path: Path, what: str, project: NormalizedName | None
) -> Iterator[Fault]:
    try:
        if not path.is_file() or is_held(path):
            return
    except OSError:  # it went, or is not ours to open
        return
    what = f"{what} was left unfinished, and nobody is at it"
    mend = partial(remove_unheld, path)
    yield _fault(root, path, what, "delete it", project=project, mend=mend)


def _forgotten(root: Path, path: Path, now: float) -> Iterator[Fault]:
    try:
        file = local_file(path)
    except OSError:
        return
    if now - file.modified_at / 1e9 >= _FORGOTTEN:
        what, mend = "a record was left unwritten", partial(remove_unchanged, file)
        yield _fault(root, path, what, "delete it", mend=mend)


def _fault(
    root: Path,
    path: Path,
    what: str,
    advice: str,
    grade: Grade = Grade.ERROR,
    project: NormalizedName | None = None,
    mend: Callable[[], bool] | None = None,
) -> Fault:
    finding = Finding(
        grade=grade, subject=os.path.relpath(path, root), what=what, advice=advice
    )
    return Fault(finding=finding, project=project, mend=mend)


def _project(text: str) -> NormalizedName | None:
    try:
        return normalize(text)
    except BadName:
        return None
