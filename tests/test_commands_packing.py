"""
Tests for :mod:`proxypypi.commands.packing`; it is tested at work with processes, in
:mod:`tests.e2e.test_bundles`.
"""

import io
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from proxypypi.commands import packing
from proxypypi.rules.requirements import parse_requirement
from proxypypi.settings import Settings


class PackTests(TestCase):
    async def test_nothing(self) -> None:
        """
        In an empty directory there is nothing to pack, which is told of what was wanted
        only, and nothing is left behind.
        """
        root = Path(self.mktemp()).resolve()
        root.mkdir()
        works: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self.patch(packing, "run", lambda reactor, work: works.append(work))
        settings = Settings(directory=root, upstreams=())
        for wanted, missing in ((None, []), (["demo"], ["demo"])):
            parsed = [parse_requirement(each) for each in wanted or ()]
            contents, trouble = packing.pack(
                *(settings, parsed if wanted else None, io.BytesIO()),
                *(0.0, False, lambda done, all: None),
            )
            await works.pop()()
            self.assertEqual(([], ""), (contents.pieces, trouble))
            self.assertEqual(missing, [said for said, _ in contents.missing])
        self.assertEqual([], list(root.iterdir()))
