"""
Tests for :mod:`proxypypi.commands.progress`.
"""

import io

from rich.console import Console
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.commands.progress import bar, bar_of_bytes


class BarTests(SynchronousTestCase):
    def test_shown(self) -> None:
        """
        The bar tells how many are done, and of how many, on a terminal.
        """
        out = io.StringIO()
        console = Console(file=out, force_terminal=True, width=80)
        with bar("files", console) as told:
            told(3, 17)
        self.assertIn("3/17", out.getvalue())
        self.assertIn("files", out.getvalue())

    def test_bytes(self) -> None:
        """
        Bytes are told in units that people read.
        """
        out = io.StringIO()
        console = Console(file=out, force_terminal=True, width=80)
        with bar_of_bytes(console) as told:
            told(3_000_000, 17_000_000)
        self.assertIn("3.0/17.0 MB", out.getvalue())

    def test_no_terminal(self) -> None:
        """
        Elsewhere nothing is left of it.
        """
        out = io.StringIO()
        with bar("files", Console(file=out)) as told:
            told(3, 17)
        self.assertEqual("", out.getvalue().strip())
