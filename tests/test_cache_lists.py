"""
Tests for :mod:`proxypypi.cache.lists`, over HTTP.
"""

import shutil

from tests.distributions import make_wheel
from tests.fake_index import Fault
from tests.test_cache_catalogue import LIST, NEW, OLD, CatalogueTestCase


class ListSourceTests(CatalogueTestCase):
    def test_confirmed(self) -> None:
        """
        Upstream is asked whether the list has changed; if not, it is fresh again, also
        after a restart, and is not made again.
        """
        self.start_list()
        self.advance(901)
        self.check(self.start_list(), OLD, "fwd=stale; fwd-status=304", 2)
        self.start_proxy()
        self.check(self.start_list(), OLD, "hit", 2)

    def test_no_list(self) -> None:
        """
        An index without a list contributes nothing, and is not asked again for a while.
        """
        self.drop(make_wheel("ours"))
        self.index.fail(LIST, Fault(status=403))
        self.index.fail(LIST, Fault(status=404))
        self.check(self.start_list(), ["ours"], "fwd=miss", 1)
        self.check(self.start_list(), ["ours"], "hit", 1)
        self.advance(601)
        self.index.delay = 1.0
        self.check(self.start_list(), ["ours"], "hit; ttl=-1", 2)
        self.advance(1.0)
        self.check(self.start_list(), ["ours"], "hit", 2)
        self.advance(901)
        answer = self.start_list()
        self.advance(1.0)
        self.check(answer, [*OLD, "ours"], "fwd=miss; stored", 3)

    def test_list_went(self) -> None:
        """
        An index that no longer has a list has none, after a restart too.
        """
        self.start_list()
        self.advance(901)
        self.index.fail(LIST, Fault(status=404))
        self.check(self.start_list(), [], "fwd=stale", 2)
        self.start_proxy()
        self.index.fail(LIST, Fault(status=404))
        self.check(self.start_list(), [], "fwd=miss", 3)

    def test_nonsense(self) -> None:
        """
        A list that is none does not take the place of one that was.
        """
        self.start_list()
        for body in (b"{", b"[]", b""):
            self.advance(901)
            self.index.fail(LIST, Fault(body=body))
            self.assertEqual(OLD, self.names(self.start_list()), body)
            self.assertEqual(OLD, self.names(self.start_list()), body)
        self.advance(901)
        self.index.add_project("new")
        self.assertEqual(NEW, self.names(self.start_list()))

    def test_cache_removed(self) -> None:
        """
        Everything kept may be removed at any time.
        """
        self.start_list()
        shutil.rmtree(self.directory / ".proxypypi")
        self.check(self.start_list(), OLD, "hit", 1)
        self.advance(901)
        self.check(self.start_list(), OLD, "fwd=stale; stored", 2)
        shutil.rmtree(self.directory / ".proxypypi")
        self.start_proxy()
        self.check(self.start_list(), OLD, "fwd=miss; stored", 3)

    def test_damaged(self) -> None:
        """
        A kept list that was damaged is asked for anew at once.
        """
        self.start_list()
        lists = self.directory / ".proxypypi" / "cache" / "lists"
        (record,) = lists.glob("*.list")
        content = record.read_bytes()
        record.write_bytes(content[:8192] + b"x" * (len(content) - 8192))
        shutil.rmtree(lists / "made")
        self.start_proxy()
        self.check(self.start_list(), OLD, "fwd=miss; stored", 2)
