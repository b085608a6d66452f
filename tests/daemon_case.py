"""
Where a daemon's files are tested, and other programs beside it.
"""

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase


class DaemonTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.path = self.directory / "p.pid"

    def spawn(self) -> "subprocess.Popen[bytes]":
        """
        A program that has nothing to do with us, and ends when the test does.
        """
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=-1
        )

        def end() -> None:
            child.kill()
            child.communicate()

        self.addCleanup(end)
        return child

    def dead_pid(self) -> int:
        child = self.spawn()
        child.kill()
        child.wait()
        return child.pid
