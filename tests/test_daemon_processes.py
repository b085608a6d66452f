"""
Tests for :mod:`proxypypi.daemon.processes`.
"""

import os
from pathlib import Path

from twisted.trial.unittest import SkipTest

from proxypypi.daemon.processes import has_open
from tests.daemon_case import DaemonTestCase


class SightTests(DaemonTestCase):
    def test_seen(self) -> None:
        """
        A file that we have open is seen, one that we have not is not.
        """
        if not Path("/proc/self/fd").is_dir():
            raise SkipTest("this system does not show what a process has open")
        path = Path(self.mktemp())
        path.touch()
        fd = os.open(path, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        self.assertIs(True, has_open(os.getpid(), fd))
        self.assertIs(False, has_open(self.spawn().pid, fd))
        self.assertIs(False, has_open(self.dead_pid(), fd))
