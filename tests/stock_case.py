"""
A cache directory with records of its files and of an index's pages, as a server leaves
them.
"""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from attrs import evolve
from twisted.internet.defer import maybeDeferred

from proxypypi.cache.facts import make_facts
from proxypypi.model import Doubt, FileFacts, RawPage
from proxypypi.names import normalize
from proxypypi.store.archives import Findings
from proxypypi.store.directory import look
from proxypypi.store.facts import FactsStore, load_facts
from proxypypi.store.pages import PageStore
from tests.distributions import BuiltDistribution
from tests.fake_index import JSON
from tests.project_case import ProjectTestCase

INDEX = "https://index.example/simple/"
SEEN_AT = 1_700_000_000.0


class StockTestCase(ProjectTestCase):
    """
    Nothing is on record of any file until a test says so.
    """

    def setUp(self) -> None:
        super().setUp()
        self.cache = self.directory / ".proxypypi" / "cache"
        self.pages = PageStore(self.cache / "pages", maybeDeferred)

    def remember(self, *all_built: BuiltDistribution, **more: Any) -> None:
        """
        Have it known that files, as they lie there now, are from the index.

        :param more: other facts.
        """
        for built in all_built:
            name = normalize(built.project)
            file = look(self.directory, name)[built.filename]
            findings = Findings(
                hashes={"sha256": built.sha256}, requires_python=None, metadata=None
            )
            facts = evolve(make_facts(file, findings, SEEN_AT, INDEX), **more)
            known = {**load_facts(self.cache, name), built.filename: facts}
            store = FactsStore(self.cache, self.decisions, maybeDeferred)
            store.change_facts(name, partial(_instead, known))

    def keep_page(
        self,
        *all_built: BuiltDistribution,
        doubt: Doubt | None = None,
        sha256: str = "",
        said: Mapping[str, Any] | None = None,
        **of_files: Any,
    ) -> None:
        """
        Have a page of demo kept that lists files.

        :param sha256: in place of their own.
        :param said: more keys of the page.
        :param of_files: more keys of each file.
        """
        files = [
            {
                "filename": built.filename,
                "url": f"https://index.example/files/{built.filename}",
                "hashes": {"sha256": sha256 or built.sha256},
                "size": len(built.content),
                **of_files,
            }
            for built in all_built
        ]
        page = {"meta": {"api-version": "1.1"}, "files": files, **(said or {})}
        raw = RawPage(
            index=INDEX,
            url=f"{INDEX}demo/",
            content_type=JSON,
            body=json.dumps({"name": "demo", **page}).encode(),
        )
        self.pages.save("demo", raw, SEEN_AT)
        self.pages.save_doubt("demo", doubt)


def _instead(
    facts: Mapping[str, FileFacts], _: Mapping[str, FileFacts]
) -> Mapping[str, FileFacts]:
    return facts
