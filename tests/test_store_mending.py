"""
Tests for :mod:`proxypypi.store.mending`.
"""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.store.locked import open_locked
from proxypypi.store.mending import remove_unchanged, remove_unheld
from proxypypi.store.publishing import local_file
from tests.leaks import nothing_left_open
from tests.store_contract import note_fsyncs


class MendingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).resolve()
        self.path.write_bytes(b"content")

    def test_unchanged(self) -> None:
        """
        A file that is as it was is removed, for good.
        """
        file = local_file(self.path)
        synced = note_fsyncs(self)
        self.assertTrue(remove_unchanged(file))
        self.assertFalse(self.path.exists())
        self.assertEqual(1, len(synced))

    def test_changed(self) -> None:
        """
        One that was replaced, written into or removed meanwhile is left alone.
        """
        file = local_file(self.path)
        other = self.path.with_name("other")
        other.write_bytes(b"content")
        os.utime(other, ns=(file.modified_at, file.modified_at))
        os.replace(other, self.path)
        self.assertFalse(remove_unchanged(file))
        file = local_file(self.path)
        self.path.write_bytes(b"another")
        os.utime(self.path, ns=(0, 1))
        self.assertFalse(remove_unchanged(file))
        self.assertTrue(self.path.exists())
        self.path.unlink()
        self.assertFalse(remove_unchanged(file))

    def test_cannot(self) -> None:
        """
        If it cannot be removed, that is an error.
        """
        file = local_file(self.path)

        def fail(path: object) -> None:
            raise PermissionError(13, "Permission denied")

        self.patch(os, "unlink", fail)
        self.assertRaises(PermissionError, remove_unchanged, file)
        self.assertTrue(self.path.exists())

    def test_unheld(self) -> None:
        """
        An unfinished file is removed if nobody has it.
        """
        with nothing_left_open():
            fd = open_locked(self.path)
            self.assertFalse(remove_unheld(self.path))
            os.close(fd)
            self.assertTrue(remove_unheld(self.path))
        self.assertFalse(self.path.exists())
