"""
Two processes that serve one directory, in memory.
"""

from typing import Any

from proxypypi.names import normalize
from proxypypi.store.generations import Generations
from tests.distributions import make_wheel
from tests.fake_index import JSON
from tests.proxy_case import Process, ProxyTestCase, Transfer

DEMO = normalize("demo")
PAGE = "/simple/demo/"


class ProcessesTestCase(ProxyTestCase):
    """
    Two of them: ``self.process`` and ``self.other``.
    """

    def setUp(self) -> None:
        super().setUp()
        self.generations = Generations.alone()
        self.start_both()
        self.wheel = make_wheel("demo", "1.0", payload=100_000)
        self.path = self.index.add(self.wheel)
        self.url = f"/files/demo/{self.wheel.filename}"

    def start_both(self, **settings: Any) -> None:
        self.start_proxy(generations=self.generations, **settings)
        self.other = self.start_another(generations=self.generations, **settings)

    @property
    def asked(self) -> int:
        """
        How often the index was asked for the page.
        """
        return len(self.index.asked(PAGE))

    def versions(self, process: Process, route: str = "simple") -> list[str]:
        answer = process.get(f"/{route}/demo/", Accept=JSON)
        return [file["filename"].split("-")[1] for file in answer.json["files"]]

    def start_pages(self) -> list[Transfer]:
        return [process.start(PAGE, Accept=JSON) for process in self.processes]
