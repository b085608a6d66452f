"""
Tests for :mod:`proxypypi.doctor.directory`.
"""

import errno
import fcntl
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from attrs import define
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.doctor.directory import examine_directory
from proxypypi.model import Finding, Grade
from proxypypi.settings import Settings

MODULE = sys.modules["proxypypi.doctor.directory"]


@define
class Elsewhere:
    """
    What is known of a folder on another volume.
    """

    st_dev: int = -1


class DirectoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).resolve()
        self.root.mkdir()

    def examine(self, **more: Any) -> dict[str, Finding]:
        settings = Settings(directory=self.root, **{"min_free": 0, **more})
        found = examine_directory(settings, time.time())
        return {finding.subject: finding for finding in found}

    def bad(self, **more: Any) -> Finding:
        """
        :returns: the only one that is not well.
        """
        found = self.examine(**more).values()
        (bad,) = (each for each in found if each.grade is not Grade.OK)
        return bad

    def test_well(self) -> None:
        """
        A directory on a local disk is good for all, and nothing is left there.
        """
        found = self.examine()
        self.assertEqual({Grade.OK}, {each.grade for each in found.values()})
        self.assertEqual(
            {"directory", "volume's clock", "locks", "fsync", "hard links", "room",
             "open files"},
            set(found),
        )  # fmt: skip
        self.assertEqual([], list(self.root.iterdir()))

    def test_not_writable(self) -> None:
        """
        What access rights promise and the disk does not keep is an error.
        """

        def fail(*_: Any, **__: Any) -> None:
            raise OSError(errno.EROFS, "Read-only file system")

        self.patch(MODULE, "TemporaryDirectory", fail)
        bad = self.bad()
        self.assertEqual((Grade.ERROR, "directory"), (bad.grade, bad.subject))
        self.assertIn("cannot be written: Read-only file system", bad.what)

    def test_read_only(self) -> None:
        """
        A directory that is only read from need not be written to.
        """
        self.patch(os, "access", lambda path, mode: False)
        found = self.examine(upstreams=())
        self.assertEqual({"directory", "open files"}, set(found))
        self.assertIs(Grade.OK, found["directory"].grade)
        self.assertIn("read-only", found["directory"].what)

    def test_no_locks(self) -> None:
        """
        A volume that has no locks, or gives each to everybody, is no good.
        """

        def fail(fd: Any, flags: int) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        for flock, word in (
            (fail, "the volume has none: No locks available"),
            (lambda fd, flags: None, "gives one to two at the same time"),
        ):
            self.patch(fcntl, "flock", flock)
            bad = self.bad()
            self.assertEqual((Grade.ERROR, "locks"), (bad.grade, bad.subject))
            self.assertIn(word, bad.what)

    def test_no_fsync(self) -> None:
        """
        So is one that does not keep what it is told to.
        """

        def fail(fd: int) -> None:
            raise OSError(errno.EINVAL, "Invalid argument")

        self.patch(os, "fsync", fail)
        bad = self.bad()
        self.assertEqual((Grade.ERROR, "fsync"), (bad.grade, bad.subject))

    def test_no_links(self) -> None:
        """
        One without hard links will do.
        """

        def fail(*_: Any) -> None:
            raise PermissionError(errno.EPERM, "Operation not permitted")

        self.patch(os, "link", fail)
        bad = self.bad()
        self.assertEqual((Grade.WARNING, "hard links"), (bad.grade, bad.subject))
        self.assertEqual([], list(self.root.iterdir()))

    def test_clock(self) -> None:
        """
        A file server whose clock is another is worth a warning.
        """
        settings = Settings(directory=self.root, min_free=0)
        found = examine_directory(settings, time.time() - 60)
        (bad,) = (each for each in found if each.grade is not Grade.OK)
        self.assertEqual((Grade.WARNING, "volume's clock"), (bad.grade, bad.subject))
        self.assertIn("by +60 s", bad.what)

    def test_not_ours(self) -> None:
        """
        What another user's server has left is an error if it cannot be used.
        """
        (self.root / ".proxypypi" / "cache").mkdir(parents=True)
        access = os.access
        locked = self.root / ".proxypypi" / "cache"
        self.patch(os, "access", lambda p, mode: p != locked and access(p, mode))
        bad = self.bad()
        self.assertEqual((Grade.ERROR, ".proxypypi/cache"), (bad.grade, bad.subject))

    def test_elsewhere(self) -> None:
        """
        Files on their way have to be on the volume that they are on their way to.
        """
        folder = self.root / ".proxypypi" / "cache"
        folder.mkdir(parents=True)
        stat = Path.stat

        def told(path: Path, **more: Any) -> Any:
            return Elsewhere() if path == folder else stat(path, **more)

        self.patch(Path, "exists", lambda path: True)
        self.patch(Path, "stat", told)
        found = self.examine()
        self.assertIs(Grade.ERROR, found[".proxypypi/cache"].grade)
        self.assertIn("on another volume", found[".proxypypi/cache"].what)

    def test_no_room(self) -> None:
        """
        Too little room is worth a warning: all goes on, but nothing is kept.
        """
        bad = self.bad(min_free=1 << 62)
        self.assertEqual((Grade.WARNING, "room"), (bad.grade, bad.subject))
        self.assertIn("streamed, and not kept", bad.what)

    def test_few_files(self) -> None:
        """
        So are few open files.
        """
        self.patch(resource, "getrlimit", lambda _: (200, 200))
        bad = self.bad()
        self.assertEqual((Grade.WARNING, "open files"), (bad.grade, bad.subject))
        self.assertIn("200", bad.what)
