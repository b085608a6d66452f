"""
Tests for :mod:`proxypypi.auth.failures`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.auth.failures import Failures


class FailuresTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.failures = Failures()

    def test_later_each_time(self) -> None:
        """
        Every failure doubles the wait, up to what clients put up with.
        """
        late = [self.failures.note("a", f"user {i}", 0.0) for i in range(70)]
        self.assertEqual([0.25, 0.5, 1.0, 2.0, 4.0, 4.0], late[:6])
        self.assertEqual(4.0, late[-1])
        self.assertEqual(70, self.failures.count)

    def test_by_client_and_by_user(self) -> None:
        """
        It helps neither to try many users from one address, nor one from many; others
        are not concerned.
        """
        for i in range(4):
            self.failures.note("a", f"user {i}", 0.0)
            self.failures.note(f"client {i}", "bob", 0.0)
        self.assertEqual(4.0, self.failures.note("a", "new", 0.0))
        self.assertEqual(4.0, self.failures.note("new", "bob", 0.0))
        self.assertEqual(0.25, self.failures.note("else", "somebody", 0.0))

    def test_forgotten(self) -> None:
        """
        A quarter of an hour after the last one, it begins anew.
        """
        for _ in range(9):
            self.failures.note("a", "bob", 0.0)
        self.assertEqual(4.0, self.failures.note("a", "bob", 899.0))
        self.assertEqual(4.0, self.failures.note("a", "bob", 1799.0))
        self.assertEqual(0.25, self.failures.note("a", "bob", 2700.0))

    def test_bounded(self) -> None:
        """
        However many there are, those that come again and again are not forgotten.
        """
        for i in range(15_000):
            self.failures.note("a", f"user {i}", 0.0)
        self.assertLessEqual(len(self.failures._recent), 10_000)
        self.assertEqual(4.0, self.failures.note("a", "bob", 0.0))
