"""
Whether the directory is good for what a server does with it. Blocks.
"""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from proxypypi.descriptors import raise_limit
from proxypypi.model import Finding, Grade
from proxypypi.rules.checkup import grade_open_files
from proxypypi.settings import Settings
from proxypypi.store.files import sync_directory
from proxypypi.store.room import check_room

_SKEW = 2.0  # seconds that the volume's clock may differ
_OURS = (".proxypypi", ".proxypypi/cache", ".proxypypi/decisions")


def examine_directory(settings: Settings, now: float) -> list[Finding]:
    """
    :param now: POSIX seconds.
    """
    root = settings.directory
    if not os.access(root, os.W_OK | os.X_OK):  # only --no-proxy gets as far as here
        what = f"{root} is read-only: what is there is served, and nothing is kept"
        return [Finding.ok("directory", what), _open_files()]
    return [*_try(root, now), *_ours(root), _room(settings), _open_files()]


def _try(root: Path, now: float) -> Iterator[Finding]:
    """
    Do what a server does, in a folder that goes away again.
    """
    try:
        with TemporaryDirectory(prefix=".proxypypi-doctor-", dir=root) as folder:
            path = Path(folder) / "file"
            path.write_bytes(b"x")
            yield Finding.ok("directory", f"{root} can be written")
            yield _clock(path, now)
            yield _locks(path)
            yield _sync(path)
            yield _links(path)
    except OSError as e:
        advice = "run this, and the server, as a user that may write there"
        what = f"{root} cannot be written: {_why(e)}"
        yield Finding.error("directory", what, advice)


def _clock(path: Path, now: float) -> Finding:
    skew = path.stat().st_mtime - now
    if abs(skew) <= _SKEW:
        return Finding.ok("volume's clock", "it agrees with ours")
    what = f"it differs from ours by {skew:+.0f} s, so that files that are dropped in "
    what += "are seen too early or too late"
    return Finding.warning("volume's clock", what, "set both by the same time server")


def _locks(path: Path) -> Finding:
    advice = "use a local disk, or mount the volume with locks"
    flags = fcntl.LOCK_EX | fcntl.LOCK_NB
    with path.open("rb") as first, path.open("rb") as second:
        try:
            fcntl.flock(first, flags)
        except OSError as e:
            return Finding.error("locks", f"the volume has none: {_why(e)}", advice)
        try:
            fcntl.flock(second, flags)
        except BlockingIOError:
            return Finding.ok("locks", "the volume has them")
    what = "the volume gives one to two at the same time"
    return Finding.error("locks", what, advice)


def _sync(path: Path) -> Finding:
    try:
        with path.open("r+b") as file:
            os.fsync(file.fileno())
        sync_directory(path.parent)
    except OSError as e:
        advice = "use another volume: a power cut would lose files, or cut them"
        return Finding.error("fsync", f"the volume does not do it: {_why(e)}", advice)
    return Finding.ok("fsync", "the volume does it")


def _links(path: Path) -> Finding:
    other = path.with_name("other")
    try:
        os.link(path, other)
    except OSError as e:
        os.rename(path, other)
        what = f"the volume has none: {_why(e)}"
        advice = "put no file in the place of one that is just being fetched"
        return Finding.warning("hard links", what, advice)
    os.rename(path, path.with_name("another"))
    return Finding.ok("hard links", "the volume has them")


def _ours(root: Path) -> Iterator[Finding]:
    """
    What an earlier server has left may be another user's, or elsewhere.
    """
    for name in _OURS:
        folder = root / name
        if not folder.exists():
            continue
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            advice = "run the server as the user whose it is, or change that"
            yield Finding.error(name, "it is not ours to read and write", advice)
        elif name.endswith("cache") and folder.stat().st_dev != root.stat().st_dev:
            what = "it is on another volume, from which files cannot be moved here"
            yield Finding.error(name, what, "have it on the volume of the directory")


def _room(settings: Settings) -> Finding:
    status = os.statvfs(settings.directory)
    free = f"{status.f_bavail * status.f_frsize:,} bytes are free"
    if settings.min_free != 0:
        try:
            check_room(settings.directory, 0, settings.min_free)
        except OSError as e:
            what = f"files are streamed, and not kept: {_why(e)}"
            return Finding.warning("room", what, "make room, or lower --min-free")
    return Finding.ok("room", free)


def _open_files() -> Finding:
    limit = raise_limit()
    what = f"a process may have {limit:,} open"
    if grade_open_files(limit) is Grade.OK:
        return Finding.ok("open files", what)
    return Finding.warning("open files", what, "raise that (ulimit -Hn, LimitNOFILE=)")


def _why(error: OSError) -> str:
    return error.strerror or str(error)
