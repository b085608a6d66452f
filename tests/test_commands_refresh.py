"""
Tests for :mod:`proxypypi.commands.refresh`.
"""

import json
from pathlib import Path

from proxypypi.names import normalize
from proxypypi.store.wishes import Wishes
from tests.cli_case import CliTestCase


class RefreshTests(CliTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir()

    def run_here(self, *arguments: str) -> tuple[object, str, str]:
        return self.run_main("refresh", "-d", str(self.directory), *arguments)

    def test_refresh(self) -> None:
        """
        The server of the directory finds word of each, in whatever spelling.
        """
        said = f"acme-x is fetched anew at its next request, in {self.directory}\n"
        self.assertEqual((0, said, ""), self.run_here("Acme_X"))
        _, out, _ = self.run_here("--json", "b", "B")
        self.assertEqual({"refreshed": ["b"]}, json.loads(out))
        wishes = Wishes.of(self.directory)
        self.assertTrue(wishes.take(normalize("acme-x")))
        self.assertTrue(wishes.take(normalize("b")))

    def test_misused(self) -> None:
        """
        Without a name, or with one that is none, nothing is done.
        """
        for names in ((), ("..",)):
            status, _, err = self.run_here(*names)
            self.assertEqual(2, status)
            self.assertIn("proxypypi: ", err)
        self.assertFalse((self.directory / ".proxypypi").exists())
