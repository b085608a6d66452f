"""
Tests for :mod:`proxypypi.store.locked`.
"""

import os
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.store.locked import is_held, is_named, open_locked
from tests.leaks import nothing_left_open


class LockedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def open(self) -> int:
        fd = open_locked(self.path)
        self.addCleanup(os.close, fd)
        return fd

    def test_one_at_a_time(self) -> None:
        """
        Nobody else gets it, until it is closed or has lost its name.
        """
        first = open_locked(self.path)
        with self.assertRaises(BlockingIOError):
            open_locked(self.path)
        os.close(first)
        second = self.open()
        self.path.unlink()
        third = self.open()
        self.assertEqual(
            (False, True), (is_named(second, self.path), is_named(third, self.path))
        )

    def test_is_held(self) -> None:
        """
        Whether somebody has it is told, and nothing is made for that.
        """
        self.assertRaises(FileNotFoundError, is_held, self.path)
        with nothing_left_open():
            fd = open_locked(self.path)
            self.assertTrue(is_held(self.path))
            os.close(fd)
            self.assertFalse(is_held(self.path))

    def test_removed_between(self) -> None:
        """
        What is removed while we open it is not what we get.
        """
        opened = os.open

        def open_then_remove(*arguments: Any) -> int:
            fd = opened(*arguments)
            patched.restore()
            self.path.unlink()
            return fd

        patched = self.patch(os, "open", open_then_remove)
        self.assertTrue(is_named(self.open(), self.path))

    def test_no_file(self) -> None:
        """
        What cannot be locked is an error, and leaves nothing open.
        """
        with nothing_left_open():
            os.mkfifo(self.path)
            with self.assertRaises(OSError):
                open_locked(self.path)
            with self.assertRaises(OSError):
                open_locked(self.path / "nowhere")
            self.assertFalse(is_named(0, self.path / "nowhere"))
