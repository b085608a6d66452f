"""
Tests for :mod:`proxypypi.store.census`.
"""

import os
from pathlib import Path
from typing import NoReturn

from proxypypi.store.census import CACHED, PRIVATE, UNREAD, Census
from tests.distributions import make_sdist, make_wheel
from tests.proxy_case import ProxyTestCase


class CensusTests(ProxyTestCase):
    def take(self) -> Census:
        self.told: list[tuple[int, int]] = []
        return Census.take(
            self.directory, lambda done, all: self.told.append((done, all))
        )

    def test_empty(self) -> None:
        """
        In an empty directory there is nothing.
        """
        census = self.take()
        self.assertEqual((0, 0), (census.projects, census.files.total()))

    def test_whose(self) -> None:
        """
        Files are cached, private, or not looked at yet; what is none is left out.
        """
        cached = make_wheel("demo", "1.0", payload=5_000)
        self.index.add(cached)
        self.get(f"/files/demo/{cached.filename}")
        private = make_wheel("acme", "1.0", payload=3_000)
        self.drop(private)
        self.files("acme")
        unread = make_sdist("acme", "2.0", payload=1_000)
        self.drop(unread, "acme")
        (self.directory / "notes.txt").write_text("none")
        (self.directory / "empty").mkdir()
        census = self.take()
        self.assertEqual(2, census.projects)
        self.assertEqual({CACHED: 1, PRIVATE: 1, UNREAD: 1}, census.files)
        self.assertEqual(
            {
                CACHED: len(cached.content),
                PRIVATE: len(private.content),
                UNREAD: len(unread.content),
            },
            census.sizes,
        )
        self.assertEqual([(0, 2), (1, 2)], self.told)

    def test_replaced(self) -> None:
        """
        What is known of a file is not known of another one in its place.
        """
        self.drop(make_wheel("acme", "1.0"))
        self.files("acme")
        self.assertEqual({PRIVATE: 1}, self.take().files)
        self.drop(make_wheel("acme", "1.0", payload=10))
        self.assertEqual({UNREAD: 1}, self.take().files)

    def test_unreadable(self) -> None:
        """
        A directory that cannot be read is an error, not an empty one.
        """

        def fail(path: Path) -> NoReturn:
            raise PermissionError(13, "Permission denied", str(path))

        self.patch(os, "scandir", fail)
        self.assertRaises(PermissionError, self.take)

    def test_damaged(self) -> None:
        """
        Where the record is damaged, it is not known whose the files are.
        """
        self.drop(make_wheel("acme", "1.0"))
        self.files("acme")
        record = self.directory / ".proxypypi" / "cache" / "facts" / "acme.json"
        record.write_bytes(b"{")
        self.assertEqual({UNREAD: 1}, self.take().files)
