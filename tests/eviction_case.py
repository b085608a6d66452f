"""
A proxy with a bound, and files of one size to fill it with.
"""

import shutil
from collections.abc import Mapping
from functools import partial
from typing import Any

from twisted.internet.defer import maybeDeferred

from proxypypi.cache.eviction import Evicted, Eviction
from proxypypi.rules.asking import Asking
from proxypypi.rules.eviction import Kind, surplus
from proxypypi.settings import Settings, UpstreamSettings
from proxypypi.store.directory import Directory
from proxypypi.store.locked import open_locked
from proxypypi.upkeep import build_eviction
from tests.distributions import make_wheel
from tests.proxy_case import INDEX_URL, ProxyTestCase

LONG = 100.0  # seconds after which a file is young no more
HERE = UpstreamSettings.from_url(INDEX_URL)
ALL_OF_IT = partial(surplus, most=0)


class EvictionTestCase(ProxyTestCase):
    """
    Of demo there is a wheel for each version, from 1 to 9, all of :attr:`size` bytes.
    """

    def setUp(self) -> None:
        super().setUp()
        self.wheels = {
            n: make_wheel("demo", str(n), payload=10_000) for n in "123456789"
        }
        self.paths = {n: self.index.add(wheel) for n, wheel in self.wheels.items()}
        (self.size,) = {len(wheel.content) for wheel in self.wheels.values()}

    def allow(self, files: float, **settings: Any) -> None:
        """
        Have the server start anew with room for so many files.
        """
        most = round(files * self.size)
        self.start_proxy(max_size=most, **settings)

    def url(self, version: str) -> str:
        return f"/files/demo/{self.wheels[version].filename}"

    def fetch(self, versions: str, pause: float = LONG) -> None:
        """
        Ask for one after the other.
        """
        for version in versions:
            answer = self.get(self.url(version))
            self.assertEqual(200, answer.code)
            self.assertEqual(self.wheels[version].content, answer.body)
            self.advance(pause)

    def here(self) -> str:
        """
        The versions that are in the directory.
        """
        return "".join(
            version
            for version, wheel in self.wheels.items()
            if (self.directory / "demo" / wheel.filename).exists()
        )

    def health(self) -> str:
        return self.get("/-/health").body.decode().strip()

    def evictions(self) -> int:
        """
        How often all files were looked at.
        """
        return self.threads.calls.count("evict")

    def be_evicting(self) -> int:
        """
        As another process is, until what is returned is closed.
        """
        turn = self.directory / ".proxypypi" / "cache" / "turns" / "eviction.turn"
        turn.parent.mkdir(exist_ok=True)
        return open_locked(turn)

    def forget(self, what: str) -> None:
        """
        A part of the cache's state is lost.
        """
        shutil.rmtree(self.directory / ".proxypypi" / "cache" / what)


class StockTestCase(EvictionTestCase):
    """
    Of demo, 1 to 3 have been fetched, and 9 was dropped in.
    """

    def setUp(self) -> None:
        super().setUp()
        self.fetch("123")
        self.index.remove(self.wheels["9"].filename)
        self.drop(self.wheels["9"])
        self.advance(901)
        self.files("demo")

    def eviction(
        self,
        private: tuple[str, ...] = (),
        upstreams: tuple[UpstreamSettings, ...] = (HERE,),
    ) -> Eviction:
        settings = Settings(
            directory=self.directory, upstreams=upstreams, private=private
        )
        directory = Directory(self.directory, self.clock, maybeDeferred)
        askings = [Asking.said_by(settings)]
        return build_eviction(self.directory, directory, askings)

    def kinds(self, eviction: Eviction | None = None) -> Mapping[str, Kind]:
        """
        Of the files that count, by version.
        """
        eviction = eviction or self.eviction()
        stock, _ = eviction.look(self.clock.seconds())
        return {stored.filename.split("-")[1]: stored.kind for stored in stock}

    def check_kinds(self, *expected: Kind, eviction: Eviction | None = None) -> None:
        """
        Those of the three files that were fetched; the one dropped in never counts.
        """
        found = self.kinds(eviction)
        self.assertEqual(dict(zip("123", expected, strict=True)), found)

    def evict(self) -> Evicted:
        done = self.eviction().evict(ALL_OF_IT, self.clock.seconds())
        assert done is not None
        return done
