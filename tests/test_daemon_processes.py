"""
Tests for :mod:`proxypypi.daemon.processes`.
"""

import os
from pathlib import Path

from twisted.trial.unittest import SkipTest

from proxypypi.daemon.processes import has_open, is_alive
from tests.daemon_case import DaemonTestCase


class LifeTests(DaemonTestCase):
    def test_alive(self) -> None:
        """
        A process lives until it ends, whether or not its parent has looked at it.
        """
        child = self.spawn()
        self.assertTrue(is_alive(child.pid))
        self.assertFalse(is_alive(self.dead_pid()))
        if not Path("/proc/self/stat").is_file():
            raise SkipTest("this system does not show what a process does")
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        self.assertFalse(is_alive(child.pid))


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
