"""
Tests for :mod:`proxypypi.web.steps`.
"""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.web.steps import Step, next_step
from tests.test_web_sender import Growing

ENDED, FAILED = {"ended": True}, {"ended": True, "failed": True}
OVERFLOWED = {"ended": True, "overflowed": True}


class NextStepTests(SynchronousTestCase):
    def test_table(self) -> None:
        """
        By how far the file is, what is wanted of it, and how far the client has come.
        """
        cases: list[tuple[int, dict[str, bool], int, int | None, tuple[Step, int]]] = [
            (0, {}, 0, None, (Step.WAIT, 0)),
            (5, {}, 0, None, (Step.SEND, 5)),
            (5, {}, 4, None, (Step.SEND, 5)),
            (5, {}, 5, None, (Step.WAIT, 5)),
            (5, {}, 7, None, (Step.WAIT, 5)),
            (5, {}, 0, 3, (Step.SEND, 3)),
            (5, {}, 3, 3, (Step.FINISH, 3)),
            (5, {}, 0, 9, (Step.SEND, 5)),
            (5, {}, 5, 9, (Step.WAIT, 5)),
            (0, {}, 0, 0, (Step.FINISH, 0)),
            (0, ENDED, 0, None, (Step.FINISH, 0)),
            (5, ENDED, 0, None, (Step.SEND, 5)),
            (5, ENDED, 5, None, (Step.FINISH, 5)),
            (5, ENDED, 0, 3, (Step.SEND, 3)),
            (5, ENDED, 3, 3, (Step.FINISH, 3)),
            (5, FAILED, 0, None, (Step.CUT, 5)),
            (5, FAILED, 5, None, (Step.CUT, 5)),
            (5, FAILED, 0, 3, (Step.CUT, 3)),
            (5, OVERFLOWED, 0, None, (Step.SEND, 5)),
            (5, OVERFLOWED, 5, None, (Step.HAND_OVER, 5)),
            (5, OVERFLOWED, 0, 3, (Step.SEND, 3)),
            (5, OVERFLOWED, 3, 3, (Step.FINISH, 3)),
            (5, OVERFLOWED, 5, 5, (Step.FINISH, 5)),
            (5, OVERFLOWED, 5, 9, (Step.HAND_OVER, 5)),
            (5, OVERFLOWED, 7, 9, (Step.HAND_OVER, 5)),
            (5, {**OVERFLOWED, "failed": True}, 5, None, (Step.CUT, 5)),
        ]
        for released, state, offset, stop, expected in cases:
            growing: Any = Growing
            source = growing(-1, released=released, **state)
            case = released, state, offset, stop
            self.assertEqual(expected, next_step(source, offset, stop), case)
