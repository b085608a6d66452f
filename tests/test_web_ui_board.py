"""
Tests for :mod:`proxypypi.web.ui.board`.
"""

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import proxypypi
from tests.listening import ListeningTestCase

_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import proxypypi.service, proxypypi.tap
print(*sorted(name for name in sys.modules if name.startswith("proxypypi.")))
"""
_LATER = ("cache.lookout", "cache.newcomers", "web.ui.listeners", "web.ui.report")


class MemoryTests(SynchronousTestCase):
    def test_not_before(self) -> None:
        """
        What it takes to tell what goes on is not loaded before somebody asks.
        """
        root = str(Path(proxypypi.__file__).parents[1])
        loaded = subprocess.run(
            [sys.executable, "-c", _PROGRAM, root],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        self.assertIn("proxypypi.web.ui.board", loaded)
        for name in _LATER:
            self.assertNotIn(f"proxypypi.{name}", loaded)


class BoardTests(ListeningTestCase):
    def test_same_for_all(self) -> None:
        """
        The page and those who listen are told the same, in all its forms.
        """
        self.proxy.core.health.worsen("disk", "it rains")
        self.assertIn(b"it rains", self.get("/").body)
        self.assertEqual(["it rains"], self.listen().state["troubles"])
        (page,) = self.listen(query="?format=html").data("page")
        self.assertIn("it rains", page)

    def test_end_before_anybody_asked(self) -> None:
        """
        Who listens first when all is over is told once.
        """
        self.proxy.board.end()
        listening = self.listen()
        self.assertEqual(1, len(listening.states))
        self.assertTrue(listening.wire.transport.disconnecting)
