"""
Tests for :mod:`proxypypi.commands.watching`.
"""

import io
import sys

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.commands.watching import bar_if_watched


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class WatchingTests(SynchronousTestCase):
    def test_terminal(self) -> None:
        """
        Who sits at a terminal sees a bar.
        """
        screen = Terminal()
        self.patch(sys, "stderr", screen)
        with bar_if_watched("files") as told:
            told(3, 17)
        self.assertIn("files", screen.getvalue())

    def test_nobody(self) -> None:
        """
        Elsewhere nothing is written.
        """
        screen = io.StringIO()
        self.patch(sys, "stderr", screen)
        with bar_if_watched("files") as told:
            told(3, 17)
        self.assertEqual("", screen.getvalue())
