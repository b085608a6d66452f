"""
A proxy with a bound, and files of one size to fill it with.
"""

import shutil
from typing import Any

from proxypypi.names import normalize
from tests.distributions import BuiltDistribution, make_wheel
from tests.proxy_case import ProxyTestCase

LONG = 100.0  # seconds after which a file is young no more


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

    def put(self, version: str, folder: str = "demo") -> BuiltDistribution:
        """
        Somebody drops a wheel in.
        """
        wheel = self.wheels[version]
        self.drop(wheel, folder)
        return wheel

    def health(self) -> str:
        return self.get("/-/health").body.decode().strip()

    def evictions(self) -> int:
        """
        How often all files were looked at.
        """
        return self.threads.calls.count("evict")

    def forget(self, what: str) -> None:
        """
        A part of the cache's state is lost.
        """
        shutil.rmtree(self.directory / ".proxypypi" / "cache" / what)


DEMO = normalize("demo")
