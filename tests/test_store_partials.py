"""
Tests for :mod:`proxypypi.store.partials`.
"""

import errno
import fcntl
import os
import shutil
from pathlib import Path
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.interfaces import IPartial
from proxypypi.model import Fate, Fetching
from proxypypi.store import partials
from proxypypi.store.partials import PartialStore
from tests.leaks import nothing_left_open
from tests.store_contract import DEMO, OTHER, PartialStoreContract


def refuse(code: int) -> Any:
    def link(*arguments: Any, **options: Any) -> None:
        raise OSError(code, os.strerror(code))

    return link


class PartialStoreTests(PartialStoreContract, SynchronousTestCase):
    def make_store(self) -> PartialStore:
        self.root = Path(self.mktemp()).resolve()
        self.root.mkdir()
        self.partials = self.root / ".proxypypi" / "cache" / "partial"
        self.opened: list[IPartial] = []
        self.concrete = PartialStore(self.partials, self.root, maybeDeferred)
        return self.concrete

    def open(self, filename: str = "demo-1.zip", tag: str = "5f") -> IPartial:
        self.opened.append(super().open(filename, tag))
        return self.opened[-1]

    def offered(self) -> dict[str, bytes]:
        folder = self.root / "demo"
        if not folder.exists():
            return {}
        return {p.name: p.read_bytes() for p in folder.iterdir()}

    def left(self) -> list[str]:
        return sorted(p.name for p in self.partials.rglob("*") if p.is_file())

    def test_published_file(self) -> None:
        """
        The file published is the very file that was written, as the directory sees it.
        """
        partial = self.open()
        partial.write(b"whole")
        file = self.successResultOf(partial.publish())
        assert file is not None
        path = self.root / "demo" / "demo-1.zip"
        status = path.stat()
        self.assertEqual(os.fstat(partial.fd).st_ino, status.st_ino)
        self.assertEqual(
            (str(path), 5, status.st_mtime_ns, status.st_ino, status.st_ctime_ns),
            (file.path, file.size, file.modified_at, file.inode, file.changed_at),
        )
        self.assertEqual([], self.left())

    def test_under_way(self) -> None:
        """
        All files that somebody fetches can be told, with what has come; those that were
        left, or are whole, cannot.
        """
        self.assertEqual([], list(self.concrete.under_way()))
        first = self.open()
        first.write(b"half")
        told = Fetching(project="demo", filename="demo-1.zip", got=4)
        self.assertEqual([told], list(self.concrete.under_way()))
        left = self.open("demo-2.zip")
        left.write(b"left")
        left.close()
        (self.partials / "demo" / "demo-3.zip.5f").mkdir()
        self.assertEqual([told], list(self.concrete.under_way()))
        self.successResultOf(first.publish())
        self.assertEqual([], list(self.concrete.under_way()))
        self.assertEqual(["demo-2.zip.5f"], self.left())

    def test_read_until_close(self) -> None:
        """
        What was fetched can be read on, published or beaten to it.
        """
        for expected in (True, False):
            partial = self.open()
            partial.write(b"whole")
            file = self.successResultOf(partial.publish())
            self.assertIs(expected, file is not None)
            self.assertEqual(b"whole", os.pread(partial.fd, 10, 0))
            partial.close()

    def test_durable(self) -> None:
        """
        The content is on disk before the file gets its name, and the name after that.
        """
        steps: list[str] = []
        fsync, link = os.fsync, os.link

        def note_fsync(fd: int) -> None:
            steps.append(os.readlink(f"/proc/self/fd/{fd}"))
            fsync(fd)

        def note_link(old: Path, new: Path) -> None:
            steps.append("link")
            link(old, new)

        self.patch(os, "fsync", note_fsync)
        self.patch(os, "link", note_link)
        partial = self.open()
        partial.write(b"whole")
        self.successResultOf(partial.publish())
        root = str(self.root.resolve())
        self.assertEqual(
            [
                f"{root}/.proxypypi/cache/partial/demo/demo-1.zip.5f",
                "link",
                f"{root}/demo",
            ],
            steps,
        )

    def test_publish_twice(self) -> None:
        """
        The second time there is a file already, to which it does no harm.
        """
        partial = self.open()
        partial.write(b"whole")
        self.successResultOf(partial.publish())
        self.assertIsNone(self.successResultOf(partial.publish()))
        self.assertEqual({"demo-1.zip": b"whole"}, self.offered())
        self.assertEqual([], self.left())

    def test_discard_after_publish(self) -> None:
        """
        What was published stays.
        """
        partial = self.open()
        partial.write(b"whole")
        self.successResultOf(partial.publish())
        partial.discard()
        self.assertEqual({"demo-1.zip": b"whole"}, self.offered())

    def test_never_over_anything(self) -> None:
        """
        Whatever stands in the way, a folder or a link that leads nowhere, stays; with
        hard links or without.
        """
        path = self.root / "demo" / "demo-1.zip"
        path.parent.mkdir()
        obstacles: list[tuple[str, Any, Any]] = [
            ("file", lambda: path.write_bytes(b"theirs"), path.unlink),
            ("folder", path.mkdir, path.rmdir),
            ("link", lambda: path.symlink_to("nowhere"), path.unlink),
        ]
        for name, make, remove in obstacles:
            for code in (0, errno.EPERM):
                make()
                before = path.lstat()
                patched = self.patch(os, "link", refuse(code) if code else os.link)
                partial = self.open()
                partial.write(b"ours")
                published = self.successResultOf(partial.publish())
                self.assertIsNone(published, (name, code))
                patched.restore()
                partial.close()
                after = path.lstat()
                self.assertEqual(
                    (before.st_ino, before.st_size),
                    (after.st_ino, after.st_size),
                    (name, code),
                )
                self.assertEqual([], self.left(), (name, code))
                remove()

    def test_no_hard_links(self) -> None:
        """
        On a volume that knows no hard links, files are published all the same, and
        never over another.
        """
        for code in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            filename = f"demo-{code}.zip"
            patched = self.patch(os, "link", refuse(code))
            for content in (b"first", b"second"):
                partial = self.open(filename)
                partial.write(content)
                file = self.successResultOf(partial.publish())
                partial.close()
                self.assertIs(content == b"first", file is not None, code)
                self.assertEqual(b"first", self.offered()[filename], code)
                self.assertEqual([], self.left(), code)
            patched.restore()

    def test_cannot_publish(self) -> None:
        """
        Any other error is the system's own, and nothing is offered nor left behind.
        """
        for code in (errno.ENOSPC, errno.EACCES, errno.EDQUOT, errno.EXDEV):
            patched = self.patch(os, "link", refuse(code))
            partial = self.open()
            partial.write(b"whole")
            failure = self.failureResultOf(partial.publish(), OSError)
            patched.restore()
            partial.close()
            self.assertEqual(code, failure.value.errno)
            self.assertEqual(({}, []), (self.offered(), self.left()), code)

    def test_file_in_the_way(self) -> None:
        """
        If a file has taken the place of the project's folder meanwhile, that is an
        error, and the file stays.
        """
        partial = self.open()
        partial.write(b"ours")
        (self.root / "demo").write_bytes(b"theirs")
        self.failureResultOf(partial.publish(), OSError)
        partial.discard()
        self.assertEqual(b"theirs", (self.root / "demo").read_bytes())
        self.assertEqual([], self.left())

    def test_cache_emptied(self) -> None:
        """
        If the partial has been removed, the file is published nonetheless, the whole of
        it, and never over another.
        """
        content = b"whole" * 500_000
        for filename, code in (("demo-1.zip", 0), ("demo-2.zip", errno.EPERM)):
            patched = self.patch(os, "link", refuse(code) if code else os.link)
            for published in (True, False):
                partial = self.open(filename)
                partial.write(content)
                shutil.rmtree(self.partials)
                file = self.successResultOf(partial.publish())
                partial.close()
                self.assertIs(published, file is not None, code)
                self.assertEqual(content, self.offered()[filename], code)
                self.assertEqual([], self.left(), code)
                if file is not None:
                    status = os.stat(file.path)
                    self.assertEqual(
                        (len(content), status.st_ino, status.st_ctime_ns),
                        (file.size, file.inode, file.changed_at),
                    )
            patched.restore()

    def test_no_room(self) -> None:
        """
        Where nothing could be published, nothing need be fetched.
        """
        outside = Path(self.mktemp()).resolve()
        outside.mkdir()
        (self.root / "pool").mkdir()
        (self.root / "file").write_bytes(b"")
        folder = self.root / "demo"
        cases: list[tuple[str, Path | str, type[OSError]]] = [
            ("outside", outside, PermissionError),
            ("file", "file", NotADirectoryError),
            ("circle", "demo", OSError),
        ]
        for case, target, error in cases:
            folder.symlink_to(target)
            with self.assertRaises(error, msg=case):
                self.store.open(DEMO, "demo-1.zip", "5f")
            folder.unlink()
        folder.symlink_to("pool")
        partial = self.open()
        self.successResultOf(partial.publish())
        self.assertEqual(["demo-1.zip"], os.listdir(self.root / "pool"))
        self.assertEqual(([], []), (os.listdir(outside), self.left()))

    def test_not_writable(self) -> None:
        """
        Nor where one may only read.
        """
        refused: list[str] = []
        self.patch(os, "access", lambda path, mode: str(path) not in refused)
        refused.append(str(self.root))
        with self.assertRaises(PermissionError):
            self.store.open(DEMO, "demo-1.zip", "5f")
        (self.root / "demo").mkdir()
        self.open().close()
        refused.append(str(self.root / "demo"))
        with self.assertRaises(PermissionError):
            self.store.open(DEMO, "demo-1.zip", "5f")

    def test_cannot_be_opened(self) -> None:
        """
        Where there is no room for it, the error is the system's own.
        """
        self.partials.parent.mkdir(parents=True)
        self.partials.write_bytes(b"")
        with self.assertRaises(OSError):
            self.store.open(DEMO, "demo-1.zip", "5f")

    def test_cannot_be_written(self) -> None:
        """
        A full disk is an error of the write.
        """
        partial = self.open()
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, partial.fd)
        os.close(full)
        with self.assertRaises(OSError) as caught:
            partial.write(b"whole")
        self.assertEqual(errno.ENOSPC, caught.exception.errno)

    def test_written_in_pieces(self) -> None:
        """
        If the system takes only a part at a time, all of it is written, in order.
        """
        write = os.write
        self.patch(os, "write", lambda fd, data: write(fd, data[:3]))
        partial = self.open()
        partial.write(b"0123456789")
        self.assertEqual(b"0123456789", os.pread(partial.fd, 100, 0))

    def test_free_though_followed(self) -> None:
        """
        A client that still reads from a duplicate of the descriptor holds nobody up.
        """
        for let_go in ("close", "discard"):
            partial = self.open()
            partial.write(b"whole")
            duplicate = os.dup(partial.fd)
            self.addCleanup(os.close, duplicate)
            getattr(partial, let_go)()
            self.open().discard()
            self.assertEqual(b"whole", os.pread(duplicate, 10, 0), let_go)

    def test_nothing_left_open(self) -> None:
        """
        However it began and ended, no descriptor stays open.
        """
        with nothing_left_open():
            for end in ("close", "discard", "restart"):
                partial = self.store.open(DEMO, "demo-1.zip", "5f")
                other = self.store.open(DEMO, "demo-1.zip", "5f")
                getattr(partial, end)()
                other.look()
                other.close()
                partial.close()
            self.concrete.sweep(float("inf"))

    def test_removed_between(self) -> None:
        """
        What its holder throws away while we open it is not ours: a new one is.
        """
        holder = self.store.open(DEMO, "demo-1.zip", "5f")
        holder.write(b"theirs")
        open_file = os.open

        def open_then_discard(*arguments: Any, **options: Any) -> int:
            fd = open_file(*arguments, **options)
            patched.restore()
            holder.discard()
            return fd

        patched = self.patch(os, "open", open_then_discard)
        partial = self.open()
        self.assertEqual(0, partial.size)
        partial.write(b"ours")
        self.successResultOf(partial.publish())
        self.assertEqual({"demo-1.zip": b"ours"}, self.offered())

    def test_replaced_between(self) -> None:
        """
        Nor if somebody has begun a new one by then: that one is theirs.
        """
        holder = self.store.open(DEMO, "demo-1.zip", "5f")
        open_file = os.open

        def open_then_replace(*arguments: Any, **options: Any) -> int:
            fd = open_file(*arguments, **options)
            patched.restore()
            holder.discard()
            self.open()
            return fd

        patched = self.patch(os, "open", open_then_replace)
        partial = self.open()
        self.assertEqual((False, Fate.GROWING), (partial.is_ours, partial.look()))

    def test_gone_between(self) -> None:
        """
        If it turns out to be another's, but is no more when we want to read it, a new
        one is ours.
        """
        holder = self.store.open(DEMO, "demo-1.zip", "5f")
        open_file = os.open

        def open_or_discard(path: Path, flags: int, *mode: int) -> int:
            if not flags & os.O_CREAT:
                patched.restore()
                holder.discard()
            return open_file(path, flags, *mode)

        patched = self.patch(os, "open", open_or_discard)
        self.assertTrue(self.open().is_ours)

    def die_after_the_link(self) -> None:
        """
        The one that was opened first.
        """
        path = self.partials / "demo" / "demo-1.zip.5f"
        (self.root / "demo").mkdir()
        os.link(path, self.root / "demo" / "demo-1.zip")
        fcntl.flock(self.opened[0].fd, fcntl.LOCK_UN)

    def test_died_after_the_link(self) -> None:
        """
        If the one who fetched it died when it had both its names, it is published, and
        no more a partial.
        """
        self.open().write(b"whole")
        other = self.open()
        self.die_after_the_link()
        self.assertEqual(Fate.PUBLISHED, other.look())
        self.assertEqual(([], {"demo-1.zip": b"whole"}), (self.left(), self.offered()))

    def test_begun_anew_beside_its_file(self) -> None:
        """
        What was published stays as it is, if its partial was left and is begun anew.
        """
        self.open().write(b"whole")
        self.die_after_the_link()
        other = self.open()
        other.restart()
        other.write(b"x")
        self.assertEqual({"demo-1.zip": b"whole"}, self.offered())

    def test_given_up_with_its_name(self) -> None:
        """
        What was published, but perhaps not for good, stays as it is.
        """
        partial = self.open()
        partial.write(b"whole")
        other = self.open()
        patched = self.patch(partials, "sync_directory", refuse(errno.EIO))
        self.failureResultOf(partial.publish(), OSError)
        patched.restore()
        path = self.root / "demo" / "demo-1.zip"
        before = path.stat().st_mode
        partial.give_up()
        self.assertEqual(before, path.stat().st_mode)
        self.assertEqual(Fate.PUBLISHED, other.look())

    def test_cannot_restart(self) -> None:
        """
        Where there is no room for a new file, the old one stays, and nothing else.
        """
        partial = self.open()
        partial.write(b"first")

        def refuse_rename(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        patched = self.patch(os, "rename", refuse_rename)
        with self.assertRaises(OSError):
            partial.restart()
        patched.restore()
        self.assertEqual(["demo-1.zip.5f"], self.left())
        self.assertEqual(b"first", os.pread(partial.fd, 99, 0))

    def test_is_there(self) -> None:
        """
        A file of its name is seen as soon as it is there, and nothing else that is.
        """
        path = self.root / "demo" / "demo-1.zip"
        self.assertFalse(self.store.is_there(DEMO, "demo-1.zip"))
        path.mkdir(parents=True)
        self.assertFalse(self.store.is_there(DEMO, "demo-1.zip"))
        path.rmdir()
        path.symlink_to(__file__)
        self.assertFalse(self.store.is_there(DEMO, "demo-1.zip"))
        path.unlink()
        self.successResultOf(self.open().publish())
        self.assertTrue(self.store.is_there(DEMO, "demo-1.zip"))

    def test_not_ours_to_remove(self) -> None:
        """
        If the cache was emptied and another has begun anew, that is not removed.
        """
        partial = self.open()
        shutil.rmtree(self.partials)
        other = self.open()
        self.assertTrue(other.is_ours)
        partial.discard()
        self.assertEqual(["demo-1.zip.5f"], self.left())


class SweepTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).resolve()
        self.root.mkdir()
        self.partials = self.root / "partial"
        self.store = PartialStore(self.partials, self.root, maybeDeferred)

    def leave(self, filename: str, modified_at: float) -> Path:
        partial = self.store.open(DEMO, filename, "5f")
        partial.write(b"part")
        partial.close()
        path = self.partials / "demo" / f"{filename}.5f"
        os.utime(path, (modified_at, modified_at))
        return path

    def test_nothing_there(self) -> None:
        """
        Without any partials, without even a place for them, none are removed.
        """
        self.assertEqual(0, self.store.sweep(1e12))

    def test_old_ones(self) -> None:
        """
        Only those are removed that nobody has touched since then.
        """
        cases = [(self.leave(f"demo-{at}.zip", at), at) for at in (0, 999, 1000, 1001)]
        other = self.store.open(OTHER, "demo_extras-1.zip", "af")
        other.close()
        os.utime(self.partials / OTHER / "demo_extras-1.zip.af", (0, 0))
        self.assertEqual(3, self.store.sweep(1000.0))
        for path, modified_at in cases:
            self.assertEqual(modified_at >= 1000, path.exists(), modified_at)
        self.assertFalse((self.partials / OTHER / "demo_extras-1.zip.af").exists())

    def test_held(self) -> None:
        """
        One that is being fetched stays, however slowly that goes.
        """
        path = self.leave("demo-1.zip", 0)
        partial = self.store.open(DEMO, "demo-1.zip", "5f")
        self.assertEqual(0, self.store.sweep(1000.0))
        self.assertTrue(path.exists())
        partial.close()
        self.assertEqual(1, self.store.sweep(1000.0))
        self.assertFalse(path.exists())

    def test_gone_meanwhile(self) -> None:
        """
        One that somebody else removes meanwhile is no error, and keeps none from being
        removed.
        """
        paths = [self.leave(f"demo-{n}.zip", 0) for n in range(3)]
        stat = Path.stat

        def stat_too_late(path: Path, **options: Any) -> os.stat_result:
            if path == paths[1]:
                raise FileNotFoundError(errno.ENOENT, "gone", str(path))
            return stat(path, **options)

        self.patch(Path, "stat", stat_too_late)
        self.assertEqual(2, self.store.sweep(1000.0))
        self.assertEqual([False, False], [os.path.exists(p) for p in paths[::2]])
