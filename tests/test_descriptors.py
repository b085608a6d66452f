"""
Tests for :mod:`proxypypi.descriptors`.
"""

import resource

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.descriptors import raise_limit


class RaiseLimitTests(SynchronousTestCase):
    def setUp(self) -> None:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        self.hard = before[1]

    def test_raised(self) -> None:
        """
        What the operator allows is made use of, within reason.
        """
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, self.hard))
        limit = raise_limit()
        self.assertEqual(limit, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        most = 65_536 if self.hard == resource.RLIM_INFINITY else self.hard
        self.assertEqual(min(most, 65_536), limit)

    def test_twice(self) -> None:
        """
        A second time changes nothing.
        """
        self.assertEqual(raise_limit(), raise_limit())
