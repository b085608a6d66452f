"""
An index with a JSON API, and ours before it.
"""

from typing import Any

from proxypypi.names import normalize
from proxypypi.store.marks import Yanks, change_yanks
from tests.distributions import make_sdist, make_wheel
from tests.proxy_case import ProxyTestCase

DEMO = normalize("demo")
DOCUMENT = "/pypi/demo/json"


class DocumentTestCase(ProxyTestCase):
    """
    Upstream has demo 1.0, a wheel and an sdist, and 2.0, a wheel.
    """

    def setUp(self) -> None:
        super().setUp()
        self.decisions = self.directory / ".proxypypi" / "decisions"
        self.first = make_wheel("demo", requires_python=">=3.8")
        self.sdist, self.second = make_sdist("demo"), make_wheel("demo", "2.0")
        for built in (self.first, self.sdist, self.second):
            self.index.add(built)

    def document(self, name: str = "demo", version: str = "") -> dict[str, Any]:
        answer = self.get(f"/pypi/{name}/{version}{'/' if version else ''}json")
        self.assertEqual(200, answer.code, answer.body)
        document: dict[str, Any] = answer.json
        return document

    def versions(self, name: str = "demo") -> dict[str, list[str]]:
        releases = self.document(name)["releases"]
        return {v: [f["filename"] for f in files] for v, files in releases.items()}

    def yank(self, version: str, reason: str = "") -> None:
        def change(yanks: Yanks) -> None:
            yanks.versions[version] = reason

        change_yanks(self.decisions, DEMO, change)

    def asked(self, path: str = DOCUMENT) -> int:
        return len(self.index.asked(path))
