"""
Tests for :mod:`proxypypi.commands.claims`.
"""

import json
from pathlib import Path

from proxypypi.names import normalize
from proxypypi.store.claims import ClaimStore
from tests.cli_case import CliTestCase


class ClaimTests(CliTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir()

    def run_here(self, command: str, *arguments: str) -> tuple[object, str, str]:
        return self.run_main(command, "-d", str(self.directory), *arguments)

    def claimed(self, *names: str) -> list[bool]:
        store = ClaimStore.of(self.directory)
        return [store.is_claimed(normalize(name)) for name in names]

    def test_claim(self) -> None:
        """
        Names in any spelling are claimed, once each; it is told in which directory, as
        it may be the wrong one.
        """
        here = self.directory
        self.assertEqual(
            (
                0,
                f"acme-x is claimed in {here}: no upstream is asked about it\n",
                "",
            ),
            self.run_here("claim", "Acme_X", "acme.x"),
        )
        self.assertEqual(
            (
                0,
                f"b is claimed in {here}: no upstream is asked about it\n"
                "acme-x was claimed already\n",
                "",
            ),
            self.run_here("claim", "b", "acme-x"),
        )
        self.assertEqual([True, True, False], self.claimed("acme-x", "b", "c"))

    def test_unclaim(self) -> None:
        """
        Claims are dropped; one that there is none of is told, and the others go.
        """
        self.run_here("claim", "a", "b", "c")
        self.assertEqual(
            (0, "a is no longer claimed\n", ""), self.run_here("unclaim", "A")
        )
        self.assertEqual(
            (
                1,
                "b is no longer claimed\n",
                f"proxypypi: a is not claimed in {self.directory}\n",
            ),
            self.run_here("unclaim", "a", "b"),
        )
        self.assertEqual([False, False, True], self.claimed("a", "b", "c"))

    def test_json(self) -> None:
        """
        The reports for programs have a list for each outcome.
        """
        self.run_here("claim", "a")
        for command, expected in (
            ("claim", {"claimed": ["b"], "already": ["a"]}),
            ("unclaim", {"unclaimed": ["a", "b"], "not-claimed": []}),
            ("unclaim", {"unclaimed": [], "not-claimed": ["a", "b"]}),
        ):
            _, out, _ = self.run_here(command, "--json", "a", "b")
            self.assertEqual(expected, json.loads(out))

    def test_misused(self) -> None:
        """
        Without a name, or with one that is none, nothing is done at all.
        """
        self.run_here("claim", "a")
        for command in ("claim", "unclaim"):
            for names, word in (
                ([], f"{command} needs a project NAME"),
                (["a", "b", "../c"], "'../c' is no project name"),
                (["a", ""], "'' is no project name"),
            ):
                status, out, err = self.run_here(command, *names)
                self.assertEqual((2, ""), (status, out), names)
                self.assertIn(word, err)
        self.assertEqual([True, False], self.claimed("a", "b"))

    def test_cannot_be_kept(self) -> None:
        """
        If the claim cannot be written, the reason is told, and the status is 1.
        """
        (self.directory / ".proxypypi").touch()
        status, out, err = self.run_here("claim", "a")
        self.assertEqual((1, ""), (status, out))
        self.assertIn(".proxypypi", err)

    def test_help(self) -> None:
        """
        Both are listed among the commands, and say what they do.
        """
        _, listed, _ = self.run_main("--help")
        for command, does in (
            ("claim", "no upstream is asked"),
            ("unclaim", "Take claims back"),
        ):
            status, out, _ = self.run_main(command, "--help")
            self.assertEqual(0, status)
            self.assertIn(f"\n    {command} ", listed)
            self.assertIn(f"Usage: proxypypi {command} [options] NAME...\n", out)
            self.assertIn(does, " ".join(out.split()))
