"""
Tests for :mod:`proxypypi.daemon.state`.
"""

import os

from proxypypi.daemon.state import State
from tests.daemon_case import DaemonTestCase


class StateTests(DaemonTestCase):
    def test_round_trip(self) -> None:
        """
        What is written is read, by whoever asks for the same process.
        """
        state = State(pid=7, addresses=("http://a:1", "unix:/b"), drain=0.5)
        state.save(self.path)
        self.assertEqual(["p.pid.json"], os.listdir(self.directory))
        self.assertEqual(state, State.load(self.path, 7))
        self.assertIsNone(State.load(self.path, 8))

    def test_damaged(self) -> None:
        """
        What is missing or damaged is not known.
        """
        self.assertIsNone(State.load(self.path, 7))
        for content in ("", "[]", "{}", '{"pid": 7}', '{"pid": []}', "7", "\0"):
            (self.directory / "p.pid.json").write_text(content)
            self.assertIsNone(State.load(self.path, 7), content)
