"""
Tests for :mod:`proxypypi.store.uploads` and :mod:`proxypypi.store.publishing`.
"""

import os
from pathlib import Path

from twisted.internet.defer import maybeDeferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.interfaces import IUpload, IUploadStore
from proxypypi.names import normalize
from proxypypi.store.publishing import give_name, local_file
from proxypypi.store.uploads import UploadStore

NAME = normalize("demo")


class UploadStoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).resolve()
        self.root.mkdir()
        self.uploads = self.root / ".uploads"
        self.store = UploadStore(self.uploads, self.root, maybeDeferred)

    def left(self) -> list[str]:
        return os.listdir(self.uploads)

    def test_interfaces(self) -> None:
        verifyObject(IUploadStore, self.store)
        upload = self.store.open()
        verifyObject(IUpload, upload)
        upload.discard()

    def test_published(self) -> None:
        """
        What was written gets its name, and nothing else is left.
        """
        upload = self.store.open()
        upload.write(b"con")
        upload.write(b"tent")
        self.successResultOf(upload.sync())
        file = self.successResultOf(upload.publish(NAME, "a.zip"))
        assert file is not None
        self.assertEqual(file, local_file(self.root / "demo" / "a.zip"))
        self.assertEqual(b"content", Path(file.path).read_bytes())
        upload.discard()
        self.assertEqual(b"content", Path(file.path).read_bytes())
        self.assertEqual([], self.left())

    def test_survives_a_power_cut(self) -> None:
        """
        Also if it is the first file of its project, whose folder is new.
        """
        synced: list[str] = []
        fsync = os.fsync

        def note(fd: int) -> None:
            synced.append(os.readlink(f"/proc/self/fd/{fd}"))
            fsync(fd)

        self.patch(os, "fsync", note)
        upload = self.store.open()
        self.successResultOf(upload.publish(NAME, "a.zip"))
        self.assertEqual([str(self.root), str(self.root / "demo")], synced)

    def test_never_over_another(self) -> None:
        """
        A file that is there already stays, be it a link or a directory.
        """
        folder = self.root / "demo"
        folder.mkdir()
        (folder / "a.zip").write_bytes(b"mine")
        (folder / "b.zip").symlink_to("nowhere")
        (folder / "c.zip").mkdir()
        for filename in ("a.zip", "b.zip", "c.zip"):
            upload = self.store.open()
            upload.write(b"other")
            published = self.successResultOf(upload.publish(NAME, filename))
            self.assertIsNone(published, filename)
            upload.discard()
        self.assertEqual(b"mine", (folder / "a.zip").read_bytes())
        self.assertEqual([], self.left())

    def test_no_way_out(self) -> None:
        """
        Nothing is published through a link that leads out of the directory.
        """
        outside = Path(self.mktemp()).resolve()
        outside.mkdir()
        (self.root / "demo").symlink_to(outside)
        upload = self.store.open()
        self.failureResultOf(upload.publish(NAME, "a.zip"), OSError)
        upload.discard()
        self.assertEqual([], os.listdir(outside))

    def test_discarded(self) -> None:
        upload = self.store.open()
        upload.write(b"x")
        upload.discard()
        upload.discard()
        self.assertEqual([], self.left())

    def test_sweep(self) -> None:
        """
        What crashes left is removed, but not what somebody works on.
        """
        self.assertEqual(0, self.store.sweep())
        upload = self.store.open()
        (self.uploads / "left.part").write_bytes(b"x")
        self.assertEqual(1, self.store.sweep())
        self.assertEqual([Path(upload.path).name], self.left())
        upload.discard()

    def test_room(self) -> None:
        self.assertIsNone(self.successResultOf(self.store.check_room(1 << 60)))
        store = UploadStore(self.uploads, self.root, maybeDeferred, 1)
        self.failureResultOf(store.check_room(1 << 60), OSError)


class GiveNameTests(SynchronousTestCase):
    def test_without_links(self) -> None:
        """
        On a volume without hard links a file is renamed, if there is none of the name.
        """

        def link(source: object, target: object) -> None:
            raise PermissionError(1, "no links")

        self.patch(os, "link", link)
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "a").write_bytes(b"a")
        (folder / "b").write_bytes(b"b")
        self.assertRaises(FileExistsError, give_name, folder / "a", folder / "b")
        give_name(folder / "a", folder / "c")
        self.assertEqual({"b", "c"}, set(os.listdir(folder)))
