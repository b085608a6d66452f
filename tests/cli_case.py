"""
The shell's door, opened by a test.
"""

import io
import sys
from typing import Any

from twisted.scripts import twistd
from twisted.trial.unittest import SynchronousTestCase

from proxypypi import cli


class CliTestCase(SynchronousTestCase):
    """
    :ivar ran: the configurations of servers that would have been run.
    """

    def setUp(self) -> None:
        self.ran: list[Any] = []
        self.patch(twistd, "runApp", self.ran.append)
        self.stdout, self.stderr = io.StringIO(), io.StringIO()
        for name, stream in (
            *(("stdout", self.stdout), ("stderr", self.stderr)),
            ("__stderr__", self.stderr),
        ):
            self.patch(sys, name, stream)

    def run_main(self, *arguments: str) -> tuple[object, str, str]:
        """
        :returns: exit status, stdout and stderr.
        """
        self.patch(sys, "argv", ["proxypypi", *arguments])
        for stream in (self.stdout, self.stderr):
            stream.seek(0)
            stream.truncate()
        status: object = None
        try:
            cli.main()
        except SystemExit as e:
            status = e.code
        return status, self.stdout.getvalue(), self.stderr.getvalue()
