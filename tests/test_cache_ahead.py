"""
Tests for :mod:`proxypypi.cache.ahead`, over HTTP.
"""

from attrs import evolve

from proxypypi.names import normalize
from proxypypi.rules.merge import iso
from proxypypi.settings import CooldownExemption
from tests.distributions import BuiltDistribution, make_sdist, make_wheel
from tests.fake_index import Fault
from tests.proxy_case import ProxyTestCase, Wire

SMALL = 4 * 1024 * 1024


class AheadTests(ProxyTestCase):
    """
    A client on one connection, as installers have it.
    """

    def setUp(self) -> None:
        super().setUp()
        self.wire = self.connect()

    def offer(self, *names: str, payload: int = 0) -> list[BuiltDistribution]:
        wheels = [make_wheel(name, payload=payload) for name in names]
        for wheel in wheels:
            self.index.add(wheel)
        return wheels

    def ask(
        self, built: BuiltDistribution, more: str = "", wire: Wire | None = None
    ) -> None:
        """
        :param more: of its address.
        """
        wire = wire or self.wire
        wire.send(f"GET /files/{built.project}/{built.filename}{more} HTTP/1.1")
        self.flush()

    def read(self, *wheels: BuiltDistribution) -> None:
        for wheel in wheels:
            self.ask(wheel, ".metadata")

    def fetched(self, *wheels: BuiltDistribution) -> list[int]:
        """
        How often upstream was asked for each.
        """
        return [
            len(self.index.asked(f"/files/{wheel.project}/{wheel.filename}"))
            for wheel in wheels
        ]

    def test_installer(self) -> None:
        """
        With the first wheel come those that the client has read about, once each.
        """
        wheels = self.offer("one", "two", "three")
        self.read(*wheels)
        self.assertEqual([0, 0, 0], self.fetched(*wheels))
        self.ask(wheels[0])
        self.assertEqual([1, 1, 1], self.fetched(*wheels))
        self.assertEqual(3, len(self.kept()))
        self.ask(wheels[1])
        self.ask(wheels[2])
        self.assertEqual([1, 1, 1], self.fetched(*wheels))
        for wheel in wheels:
            self.assertIn(wheel.content, self.wire.received)

    def test_resolver(self) -> None:
        """
        Who asks for no wheel has none fetched; of what others read nothing is known.
        """
        wheels = self.offer("one", "two")
        self.read(*wheels)
        another = self.connect()
        self.ask(self.offer("three")[0], wire=another)
        self.assertEqual([0, 0], self.fetched(*wheels))

    def test_last_of_a_project(self) -> None:
        """
        Of several files of one project, the one that was read about last is wanted.
        """
        newer, older = make_wheel("demo", "2.0"), make_wheel("demo", "1.0")
        self.index.add(newer)
        self.index.add(older)
        (first,) = self.offer("first")
        self.read(newer, older)
        self.ask(first)
        self.assertEqual([0, 1], self.fetched(newer, older))

    def test_not_worth_it(self) -> None:
        """
        What is large or here already is left alone, and what is no wheel.
        """
        (large,) = self.offer("large", payload=SMALL)
        first, here = self.offer("first", "here")
        sdist = make_sdist("source")
        self.index.add(sdist, core_metadata=True)
        self.get(f"/files/here/{here.filename}")
        self.read(large, here, sdist)
        self.ask(first)
        self.assertEqual([0, 1, 0], self.fetched(large, here, sdist))

    def test_ranges(self) -> None:
        """
        Who looks into a wheel may not want the whole.
        """
        first, other = self.offer("first", "other", payload=100_000)
        self.read(other)
        path = f"/files/first/{first.filename}"
        self.wire.send(f"GET {path} HTTP/1.1", "Range: bytes=0-99")
        self.flush()
        self.assertEqual([0], self.fetched(other))

    def test_too_young(self) -> None:
        """
        What is held back is not fetched ahead, even if it was free when it was read
        about.
        """
        wheels = self.offer("one", "two", "three")
        self.advance(1)
        ends_at = self.clock.seconds() + 10.0
        until = [
            CooldownExemption(project=normalize(name), ends_at=ends_at)
            for name in ("one", "two", "three")
        ]
        until[0] = evolve(until[0], ends_at=None)
        self.index.add(wheels[1], upload_time=iso(self.clock.seconds()))
        self.start_proxy(min_age=3600.0, cooldown_exemptions=tuple(until))
        self.wire = self.connect()
        self.read(*wheels)
        self.advance(10)
        self.ask(wheels[0])
        self.assertEqual([1, 0, 1], self.fetched(*wheels))

    def test_a_few_at_once(self) -> None:
        """
        The rest waits for those before it.
        """
        wheels = self.offer(*(f"p{n}" for n in range(20)))
        self.read(*wheels)
        self.index.delay = 1.0
        self.ask(wheels[0])
        self.assertEqual(9, sum(self.fetched(*wheels)))
        self.advance(1.0)
        self.assertEqual(17, sum(self.fetched(*wheels)))
        self.advance_slowly(3)
        self.assertEqual([1] * 20, self.fetched(*wheels))

    def test_failure(self) -> None:
        """
        One that cannot be had is told of when it is asked for, and holds up no other.
        """
        first, broken, last = self.offer("first", "broken", "last")
        self.read(broken, last)
        path = f"/files/broken/{broken.filename}"
        self.index.fail(path, Fault(status=403))
        self.ask(first)
        self.advance(1.0)
        self.assertEqual([1], self.fetched(last))
        self.assertEqual(2, len(self.kept()))
        self.ask(broken)
        self.assertIn(broken.content, self.wire.received)

    def test_end(self) -> None:
        """
        When the proxy stops, those that wait are not begun.
        """
        wheels = self.offer(*(f"p{n}" for n in range(20)))
        self.read(*wheels)
        self.index.delay = 1.0
        self.ask(wheels[0])
        self.proxy.core.ahead.stop()
        self.advance_slowly(3)
        self.assertEqual(9, sum(self.fetched(*wheels)))
        self.read(wheels[15])
        self.advance(1.0)
        self.ask(wheels[14])
        self.assertEqual([0], self.fetched(wheels[15]))

    def test_gone(self) -> None:
        """
        A client that leaves before its answer is ready does no harm.
        """
        (wheel,) = self.offer("one")
        self.index.delay = 1.0
        self.ask(wheel, ".metadata")
        self.wire.hang_up()
        self.advance(1.0)
        self.advance(1.0)
        self.assertEqual([0], self.fetched(wheel))
