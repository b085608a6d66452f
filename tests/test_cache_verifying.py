"""
Tests for :mod:`proxypypi.cache.verifying`.
"""

import time

from attrs import evolve

from proxypypi.cache.verifying import Verified, verify_all
from proxypypi.names import normalize
from tests.stock_case import INDEX, StockTestCase


class VerifyingTests(StockTestCase):
    def verify(self, *names: str) -> Verified:
        return verify_all(
            self.directory,
            tuple(map(normalize, names)),
            lambda _: {INDEX},
            lambda done, planned: None,
            lambda: time.time() + 10.0,
            lambda _: None,
        )

    def test_all(self) -> None:
        """
        Files, records and what is left out are told together, sorted.
        """
        self.put("demo", evolve(self.sdist, content=b"cut"))
        (self.directory / "a.txt").touch()
        self.cache.joinpath("facts").mkdir(parents=True)
        (self.cache / "facts" / "other.json").touch()
        verified = self.verify()
        self.assertEqual(
            [
                ".proxypypi/cache/facts/other.json",
                "a.txt",
                f"demo/{self.sdist.filename}",
            ],
            [fault.finding.subject for fault in verified.faults],
        )
        size = len(self.wheel.content) + len(b"cut") + len(self.second.content)
        self.assertEqual((3, size), (verified.count, verified.size))
        self.assertEqual([], verified.missing)

    def test_named(self) -> None:
        """
        Of named projects, only what is theirs.
        """
        (self.directory / "a.txt").touch()
        (self.directory / "demo" / "b.txt").touch()
        (fault,) = self.verify("demo", "other").faults
        self.assertEqual("demo/b.txt", fault.finding.subject)
        self.assertEqual(["other"], self.verify("demo", "other").missing)
        self.assertEqual(0, self.verify("other").count)
