"""
Tests for :mod:`proxypypi.store.files`.
"""

import fcntl
import os
import time
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.store.files import (
    alone,
    edition_of,
    open_file,
    read_if_there,
    sync_directory,
    write_atomically,
)
from tests.leaks import nothing_left_open


class WriteAtomicallyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.path = self.folder / "deeper" / "record"

    def inside(self) -> list[str]:
        return sorted(os.listdir(self.path.parent))

    def test_contents(self) -> None:
        """
        What was written is there, whatever was before, and nothing beside it.
        """
        for durable in (False, True):
            for content in (b"a long first content", b"", b"x" * 100_000, b"short"):
                write_atomically(self.path, content, durable=durable)
                self.assertEqual(content, self.path.read_bytes(), durable)
                self.assertEqual(["record"], self.inside())

    def test_whole_before_it_is_seen(self) -> None:
        """
        When the file gets its name, all its content is in it, and its time.
        """
        rename = os.rename
        seen: list[tuple[bytes, float]] = []

        def look_first(old: str, new: Path) -> None:
            seen.append((Path(old).read_bytes(), os.stat(old).st_mtime))
            rename(old, new)

        self.patch(os, "rename", look_first)
        for content in (b"short", b"x" * 100_001):
            write_atomically(self.path, content, modified_at=1000.5)
            self.assertEqual((content, 1000.5), seen.pop())
            self.assertEqual(1000.5, self.path.stat().st_mtime)

    def test_failure(self) -> None:
        """
        Whatever goes wrong in the middle, the old content stays, and nothing beside it.
        """

        def fail(*arguments: Any, **options: Any) -> None:
            raise OSError(28, "No space left on device")

        write_atomically(self.path, b"old")
        for step in ("rename", "fsync", "utime"):
            with self.subTest(step):
                patched = self.patch(os, step, fail)
                with self.assertRaises(OSError, msg=step):
                    write_atomically(self.path, b"new", durable=True, modified_at=1.0)
                patched.restore()
                self.assertEqual(b"old", self.path.read_bytes(), step)
                self.assertEqual(["record"], self.inside(), step)

    def test_interrupted(self) -> None:
        """
        That holds even for what is no ordinary error.
        """

        def interrupt(old: str, new: Path) -> None:
            raise KeyboardInterrupt

        write_atomically(self.path, b"old")
        self.patch(os, "rename", interrupt)
        with self.assertRaises(KeyboardInterrupt):
            write_atomically(self.path, b"new")
        self.assertEqual(b"old", self.path.read_bytes())
        self.assertEqual(["record"], self.inside())

    def test_hidden_until_then(self) -> None:
        """
        The file beside it has a name that no directory would offer.
        """
        names: list[str] = []
        rename = os.rename

        def note(old: str, new: Path) -> None:
            names.append(os.path.basename(old))
            rename(old, new)

        self.patch(os, "rename", note)
        write_atomically(self.path, b"new")
        (name,) = names
        self.assertTrue(name.startswith(".") and name.endswith(".tmp"), name)

    def test_durable(self) -> None:
        """
        If asked to, it waits for the disk: for the content before the file gets its
        name, and for the name after that.
        """
        steps: list[str] = []
        fsync, rename = os.fsync, os.rename

        def note_fsync(fd: int) -> None:
            steps.append(os.readlink(f"/proc/self/fd/{fd}"))
            fsync(fd)

        def note_rename(old: str, new: Path) -> None:
            steps.append("rename")
            rename(old, new)

        self.patch(os, "fsync", note_fsync)
        self.patch(os, "rename", note_rename)
        write_atomically(self.path, b"new", durable=True)
        folder = self.path.parent.resolve()
        above = [str(folder.parents[1]), str(folder.parents[0])]
        self.assertEqual(above, steps[:2], "where new folders have their names")
        self.assertTrue(steps[2].endswith(".tmp"), steps)
        self.assertEqual(["rename", str(folder)], steps[3:])
        steps.clear()
        write_atomically(self.path, b"new")
        self.assertEqual(["rename"], steps)


class ReadIfThereTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        Its content, or none if there is no such file, but nothing or a folder.
        """
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "file").write_bytes(b"content\x00")
        (folder / "empty").write_bytes(b"")
        cases = [
            ("file", b"content\x00"),
            ("empty", b""),
            ("missing", None),
            ("missing/file", None),
            ("file/file", None),
            (".", None),
        ]
        for name, content in cases:
            self.assertEqual(content, read_if_there(folder / name), name)


class SyncDirectoryTests(SynchronousTestCase):
    def test_directory(self) -> None:
        """
        It leaves nothing open; what is no directory is an error.
        """
        folder = Path(self.mktemp())
        folder.mkdir()
        with nothing_left_open():
            sync_directory(folder)
        (folder / "file").write_bytes(b"")
        with self.assertRaises(NotADirectoryError):
            sync_directory(folder / "file")


class AloneTests(SynchronousTestCase):
    def test_somebody_holds_it_for_ever(self) -> None:
        """
        Others' changes are waited for, but not for ever: whoever was stopped in the
        middle of one holds nobody up for longer than a second.
        """
        folder = Path(self.mktemp())
        slept: list[float] = []
        self.patch(time, "sleep", slept.append)
        with alone(folder):
            self.assertEqual([], slept)
            with alone(folder):
                self.assertAlmostEqual(1.0, sum(slept))
        self.assertEqual(1.0, round(sum(slept), 3))

    def test_volume_without_locks(self) -> None:
        """
        Where there are no such locks, nobody waits.
        """

        def refuse(fd: int, operation: int) -> None:
            raise OSError(37, "No locks available")

        self.patch(fcntl, "flock", refuse)
        slept: list[float] = []
        self.patch(time, "sleep", slept.append)
        with alone(Path(self.mktemp())):
            self.assertEqual([], slept)


class EditionTests(SynchronousTestCase):
    def test_editions(self) -> None:
        """
        A file that is replaced, by one of the same size even, has another edition.
        """
        folder = Path(self.mktemp())
        path = folder / "record"
        self.assertIsNone(edition_of(path))
        seen = set()
        for content in (b"one", b"two", b"three"):
            write_atomically(path, content)
            self.assertEqual(edition_of(path), edition_of(path))
            seen.add(edition_of(path))
        self.assertEqual(3, len(seen))
        self.assertIsNone(edition_of(path / "below"))

    def test_unreadable(self) -> None:
        """
        Of what cannot be looked at nobody says that it is not there.
        """
        self.assertIsNotNone(edition_of(Path("x" * 1000)))


class OpenTests(SynchronousTestCase):
    def test_file(self) -> None:
        """
        A file is opened for reading.
        """
        path = Path(self.mktemp())
        path.write_bytes(b"content")
        with open_file(path) as opened:
            self.assertEqual(b"content", opened.read())

    def test_others(self) -> None:
        """
        Whatever else there is, is refused at once, and nothing stays open.
        """
        folder = Path(self.mktemp())
        folder.mkdir()
        os.mkfifo(folder / "fifo")
        with nothing_left_open():
            for path in (folder, folder / "fifo", folder / "nothing", "/dev/null"):
                with self.assertRaises(OSError):
                    open_file(path)
