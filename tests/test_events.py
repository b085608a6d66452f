"""
Tests for :mod:`proxypypi.events`: what has each of them noted.
"""

from collections.abc import Mapping

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.errors import NotAllowed, NotAuthenticated
from proxypypi.events import (
    EVICTED_BYTES,
    FAILED_LOG_INS,
    FILES_EVICTED,
    FILES_KEPT,
    FILES_NOT_KEPT,
    HELD_BACK,
    METRICS,
    MISMATCHES,
    REQUESTS,
    RESULTS,
    RESUMED,
    ROUTES,
    STREAMS,
    UNHEARD,
    UPLOADS,
    UPSTREAM_SECONDS,
    WITHHELD,
    IEvents,
    Metric,
)
from tests.cooldown_case import CooldownTestCase
from tests.distributions import make_wheel
from tests.eviction_case import EvictionTestCase
from tests.fake_index import Fault
from tests.passwords import write_users
from tests.proxy_case import Disk, ProxyTestCase
from tests.test_cache_removal import RemovalTestCase
from tests.upload_case import ANYBODY, UploadTestCase
from tests.uploads import form_of


class MetricTests(SynchronousTestCase):
    def test_keys(self) -> None:
        """
        There is a number for every value of one label with every value of the others.
        """
        keys = list(REQUESTS.keys([]))
        self.assertEqual(len(ROUTES) * len(RESULTS), len(keys))
        self.assertEqual(len(keys), len(set(keys)))
        self.assertEqual([("streams",)], list(STREAMS.keys(["pypi"])))

    def test_upstreams(self) -> None:
        """
        The names of upstreams are values like others, each of them once.
        """
        keys = list(UPSTREAM_SECONDS.keys(["pypi", "gpu", "pypi"]))
        self.assertEqual(["pypi", "gpu"], list(dict.fromkeys(key[1] for key in keys)))
        self.assertEqual([], list(UPSTREAM_SECONDS.keys([])))

    def test_names(self) -> None:
        """
        Names are what the field is used to, and each says in a sentence what it is.
        """
        for metric in METRICS:
            self.assertRegex(metric.name, "^[a-z]+(_[a-z]+)*$")
            self.assertFalse(metric.name.endswith(("_total", "_count")), metric.name)
            self.assertRegex(metric.doc, r"^[A-Z].*\.$")
        self.assertEqual(len(METRICS), len({metric.name for metric in METRICS}))

    def test_unheard(self) -> None:
        """
        Nobody need be told.
        """
        verifyObject(IEvents, UNHEARD)
        UNHEARD.note(REQUESTS, "simple", "hit", count=3)


def noted(case: ProxyTestCase, *metrics: Metric) -> Mapping[str, int]:
    """
    What is not zero, of metrics without labels.
    """
    totals = case.proxy.books.counts.totals()
    found = {metric.name: totals[(metric.name,)] for metric in metrics}
    return {name: count for name, count in found.items() if count}


class FileTests(ProxyTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("demo", "1.0", payload=100_000)
        self.path = self.index.add(self.wheel)
        self.url = f"/files/demo/{self.wheel.filename}"

    @property
    def noted(self) -> Mapping[str, int]:
        return noted(
            self, FILES_KEPT, FILES_NOT_KEPT, MISMATCHES, RESUMED, STREAMS, WITHHELD
        )

    def test_kept(self) -> None:
        """
        A file that has come and is kept, once for all who wait for it.
        """
        self.index.fail(self.path, Fault(stall_at=9_000, stall=1))
        self.start(self.url)
        self.start(self.url)
        self.advance(2)
        self.settle()
        self.get(self.url)
        self.assertEqual({FILES_KEPT.name: 1}, self.noted)

    def test_mismatch(self) -> None:
        """
        A file that is not what the index says.
        """
        self.index.fail(self.path, Fault(wrong_bytes=True))
        self.start(self.url)
        self.assertEqual({MISMATCHES.name: 1}, self.noted)

    def test_resumed(self) -> None:
        """
        A transfer that has gone on where it broke.
        """
        self.index.fail(self.path, Fault(truncate_at=40_000))
        transfer = self.start(self.url)
        self.advance_slowly(1)
        self.assertEqual(self.wheel.content, transfer.body)
        self.assertEqual({FILES_KEPT.name: 1, RESUMED.name: 1}, self.noted)

    def test_resumed_after_a_crash(self) -> None:
        """
        So has one that another process left.
        """
        self.index.fail(self.path, Fault(stall_at=40_000))
        self.start(self.url)
        self.crash()
        self.start(self.url)
        self.advance_slowly(1)
        self.assertEqual({FILES_KEPT.name: 1, RESUMED.name: 1}, self.noted)

    def test_not_kept(self) -> None:
        """
        A file that finds no room, and each transfer for one client alone.
        """
        disk = Disk()
        self.addCleanup(disk.restore)
        disk.is_full = True
        self.assertEqual(self.wheel.content, self.get(self.url).body)
        self.assertEqual({FILES_NOT_KEPT.name: 1, STREAMS.name: 1}, self.noted)

    def test_range(self) -> None:
        """
        A range of a file that is not here is such a transfer.
        """
        self.assertEqual(206, self.get(self.url, Range="bytes=5-9").code)
        self.assertEqual({STREAMS.name: 1}, self.noted)


class WithheldTests(RemovalTestCase):
    def test_withheld(self) -> None:
        """
        Each request for a file that is withheld.
        """
        self.withhold_young()
        before = noted(self, WITHHELD)[WITHHELD.name]
        self.code(self.young.filename)
        self.code(self.old.filename)
        self.assertEqual(before + 1, noted(self, WITHHELD)[WITHHELD.name])


class HeldBackTests(CooldownTestCase):
    def test_held_back(self) -> None:
        """
        Each request for a file that is held back.
        """
        self.get("/simple/demo/")
        self.get(f"/files/demo/{self.old.filename}")
        self.assertEqual({}, noted(self, HELD_BACK))
        self.get(f"/files/demo/{self.wheel.filename}", "HEAD")
        self.get(f"/files/demo/{self.wheel.filename}.metadata")
        self.assertEqual({HELD_BACK.name: 2}, noted(self, HELD_BACK))


class EvictedTests(EvictionTestCase):
    def test_evicted(self) -> None:
        """
        Files that were removed, and their bytes.
        """
        self.allow(2.5)
        self.fetch("1234")
        self.assertEqual("34", self.here())
        self.assertEqual(
            {FILES_EVICTED.name: 2, EVICTED_BYTES.name: 2 * self.size},
            noted(self, FILES_EVICTED, EVICTED_BYTES),
        )


class LogInTests(ProxyTestCase):
    def test_failed(self) -> None:
        """
        A log-in that fails; to say nothing is none.
        """
        users = write_users(self.directory.with_suffix(".read"), eve="two")
        self.start_proxy(read_auth=users)
        self.get("/simple/")
        self.assertEqual({}, noted(self, FAILED_LOG_INS))
        self.start("/simple/", Authorization="Basic ZXZlOm9uZQ==")
        self.advance(5)
        self.assertEqual({FAILED_LOG_INS.name: 1}, noted(self, FAILED_LOG_INS))


class UploadTests(UploadTestCase):
    def noted(self) -> Mapping[str, int]:
        totals = self.proxy.books.counts.totals()
        return {k[1]: n for k, n in totals.items() if k[0] == UPLOADS.name and n}

    def test_uploads(self) -> None:
        """
        What becomes of each file that is sent.
        """
        wheel, other = make_wheel("demo"), make_wheel("demo", payload=10)
        self.upload(form_of(wheel))
        self.assertEqual({"accepted": 1}, self.noted())
        self.upload(form_of(wheel), "/")
        self.assertEqual({"accepted": 2}, self.noted())
        self.upload(form_of(other))
        self.upload(form_of(other, {"name": "else"}))
        for user in (NotAuthenticated(reason="who?"), NotAllowed(reason="no")):
            self.user = user
            self.upload(form_of(other))
        expected = {"accepted": 2, "exists": 1, "malformed": 1}
        expected.update({"unauthenticated": 1, "forbidden": 1})
        self.assertEqual(expected, self.noted())

    def test_too_large(self) -> None:
        """
        One that is larger than it may be.
        """
        self.start_proxy(max_upload=100)
        self.user = ANYBODY
        self.upload(form_of(make_wheel("demo", payload=3_000_000)))
        self.assertEqual({"too_large": 1}, self.noted())
