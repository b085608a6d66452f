"""
Tests for several processes that keep one directory within its bounds.
"""

from typing import Any

from proxypypi.store.generations import Generations
from proxypypi.store.tally import Tally
from tests.eviction_case import LONG, EvictionTestCase
from tests.proxy_case import Process


class EvictionsTests(EvictionTestCase):
    """
    ``self.other`` is another process of the server, which has room for three files.
    """

    def setUp(self) -> None:
        super().setUp()
        self.start_both()

    def start_both(self, **settings: Any) -> None:
        generations = Generations.alone()
        self.allow(3.5, generations=generations, **settings)
        self.other = self.start_another(
            generations=generations, max_size=round(3.5 * self.size), **settings
        )

    def fetch_by(self, process: Process, versions: str, pause: float = LONG) -> None:
        for version in versions:
            answer = process.get(self.url(version))
            self.assertEqual(self.wheels[version].content, answer.body)
            self.advance(pause)

    def test_files_of_all_count(self) -> None:
        """
        What the others have fetched counts, whoever finds that it is too much.
        """
        for version in "123456789":
            process = self.processes[int(version) % 2]
            self.fetch_by(process, version)
        self.assertEqual("789", self.here())
        count = Tally.of(self.directory).read()
        assert count is not None
        self.assertEqual(3 * self.size, count.size)

    def test_uses_of_all_count(self) -> None:
        """
        A file that clients of another process use stays.
        """
        self.fetch("123")
        self.fetch_by(self.other, "1")
        self.fetch("4")
        self.assertEqual("134", self.here())

    def test_seen_by_all(self) -> None:
        """
        Who had the file a moment ago fetches it again, without an error.
        """
        self.fetch("123")
        self.fetch_by(self.other, "1", pause=0)
        self.fetch("23")
        self.fetch_by(self.other, "1", pause=0)
        self.advance(LONG)
        self.fetch("234", pause=0)
        self.assertEqual("234", self.here())
        answer = self.other.get(self.url("1"))
        self.assertEqual(self.wheels["1"].content, answer.body)
        self.assertEqual("proxypypi; fwd=miss; stored", answer.header("Cache-Status"))

    def test_one_evicts(self) -> None:
        """
        While one evicts, another does not, and leaves what it has fetched to that one.
        """
        self.fetch("123")
        self.threads.hold("evict")
        self.fetch("4", pause=0)
        self.threads.hold("note")
        self.fetch_by(self.other, "5", pause=0)
        self.threads.release()
        self.advance_slowly(2)
        self.assertEqual("345", self.here())

    def test_another_command(self) -> None:
        """
        What a process fetches that knows no bound counts as well, a minute later.
        """
        self.fetch("12")
        beside = self.start_another()
        self.fetch_by(beside, "34", pause=0)
        self.assertEqual("1234", self.here())
        self.advance_slowly(61)
        self.assertEqual("234", self.here())
