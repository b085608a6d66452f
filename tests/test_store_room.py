"""
Tests for :mod:`proxypypi.store.room`: how much of a volume stays free.
"""

import errno
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.store.room import TooLittleRoom, check_room, usual


class RoomTests(SynchronousTestCase):
    def test_usual(self) -> None:
        """
        500 MB, or a tenth of the volume if that is less.
        """
        for volume, expected in (
            (10**12, 500_000_000),
            (5 * 10**9, 500_000_000),
            (5 * 10**9 - 10, 499_999_999),
            (20_000_000, 2_000_000),
            (0, 0),
        ):
            self.assertEqual(expected, usual(volume), volume)

    def test_a_real_volume(self) -> None:
        """
        There is room for nothing, and none for more than there is anywhere.
        """
        here = Path(self.mktemp())
        here.mkdir()
        check_room(here, 0, 1)
        error = self.assertRaises(TooLittleRoom, check_room, here, 1 << 62, None)
        self.assertEqual(errno.ENOSPC, error.errno)
        self.assertLess(1 << 61, error.short)
        self.assertLess(error.short, (1 << 62) + 500_000_000)
        self.assertIn("bytes are free", error.strerror)
