"""
Tests for :mod:`proxypypi.assembly`.
"""

from pathlib import Path

from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.assembly import build
from proxypypi.settings import Settings
from tests.proxy_case import make_list_here
from tests.scripted import ScriptedIndex


class BuildTests(SynchronousTestCase):
    def test_nothing_is_written(self) -> None:
        """
        To build the proxy touches nothing.
        """
        directory = Path(self.mktemp())
        directory.mkdir()
        settings = Settings(directory=directory)
        build(settings, Clock(), [ScriptedIndex()], maybeDeferred, make_list_here)
        self.assertEqual([], list(directory.iterdir()))
