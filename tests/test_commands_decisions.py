"""
Tests for :mod:`proxypypi.commands.decisions`.
"""

import json
import sys
from typing import Any

from proxypypi.names import normalize
from proxypypi.quantities import amount
from proxypypi.store.claims import ClaimStore
from proxypypi.store.marks import Yanks, change_yanks
from proxypypi.store.removed import load_removed
from tests.stock_case import StockTestCase


class DecisionsTests(StockTestCase):
    def setUp(self) -> None:
        super().setUp()
        claims = ClaimStore.of(self.directory)
        claims.claim(normalize("acme"), 1_700_000_000.0, "no upstream has it")

    def decide(self) -> None:
        self.patch(sys.modules["proxypypi.commands.remove"], "getuser", lambda: "ada")
        name = self.wheel.filename
        for words in (
            ("yank", "demo", "1.0", name),
            ("yank", "demo", "2.0", "--reason", "loses data"),
            ("mark", "demo", "deprecated", "--reason", "use acme"),
            ("release", self.sdist.filename),
            ("pin", "demo", "ours-*", self.wheel.filename),
            ("remove", "--yes", "demo", self.sdist.filename, "--reason", "secret"),
        ):
            self.assertEqual(0, self.run_command(*words)[0], words)

    def report(self, *arguments: str) -> Any:
        _, out, _ = self.run_command("list", "--decisions", "--json", *arguments)
        return json.loads(out)

    def test_all(self) -> None:
        """
        Each decision is a line that begins with its kind and the project.
        """
        self.decide()
        status, out, err = self.run_command("list", "--decisions")
        self.assertEqual((0, ""), (status, err))
        lines = out.splitlines()
        sdist = self.sdist
        self.assertEqual(
            [
                "claim  acme  2023-11-14T22:13:20Z  no upstream has it",
                "yank  demo  2  loses data",
                f"yank  demo  {self.wheel.filename}",
                "status  demo  deprecated  use acme",
                f"release  demo  {sdist.filename}  sha256:{sdist.sha256}",
            ],
            [*lines[:4], lines[4].rpartition("  20")[0]],
        )
        size = len(sdist.content)
        begin = f"removal  demo  demo/{sdist.filename}  {amount(size)}  20"
        self.assertTrue(lines[5].startswith(begin), lines[5])
        self.assertTrue(lines[5].endswith("Z  by ada  secret"), lines[5])
        self.assertEqual(
            ["pin  demo", f"pin  {self.wheel.filename}", "pin  ours-*"],
            ["  ".join(line.split("  ")[:2]) for line in lines[6:]],
        )

    def test_for_programs(self) -> None:
        """
        With --json there is a list for each kind.
        """
        self.decide()
        report = self.report()
        (removed,) = load_removed(self.decisions, normalize("demo"))
        (removal,) = report.pop("removals")
        pins = report.pop("pins")
        self.assertTrue(report["releases"][0].pop("released").startswith("20"))
        self.assertEqual(
            ["demo", self.wheel.filename, "ours-*"], [pin["pin"] for pin in pins]
        )
        self.assertTrue(all(pin["pinned"].startswith("20") for pin in pins))
        self.assertEqual(removed.sha256, removal["sha256"])
        self.assertEqual(("ada", "secret"), (removal["by"], removal["reason"]))
        claimed = {"claimed": "2023-11-14T22:13:20Z", "reason": "no upstream has it"}
        self.assertEqual(
            {
                "claims": [{"project": "acme", **claimed}],
                "yanks": [
                    {"project": "demo", "version": "2", "reason": "loses data"},
                    {"project": "demo", "file": self.wheel.filename, "reason": ""},
                ],
                "statuses": [
                    {"project": "demo", "status": "deprecated", "reason": "use acme"}
                ],
                "releases": [
                    {
                        "project": "demo",
                        "file": self.sdist.filename,
                        "sha256": self.sdist.sha256,
                    }
                ],
                "damaged": [],
            },
            report,
        )

    def test_on_one_line(self) -> None:
        """
        Whatever is on record as yanked breaks no line, and no terminal.
        """

        def yank(yanks: Yanks) -> None:
            yanks.versions["1\n\x1b[31m"] = "a\nb"

        change_yanks(self.decisions, normalize("demo"), yank)
        _, out, _ = self.run_command("list", "--decisions", "demo")
        self.assertEqual("yank  demo  1 [31m  a b\n", out)

    def test_named(self) -> None:
        """
        Of named projects there is what is decided of them; if nothing is, that is told.
        """
        self.decide()
        status, out, _ = self.run_command("list", "--decisions", "Acme")
        self.assertEqual((0, 1), (status, len(out.splitlines())))
        status, out, err = self.run_command("list", "--decisions", "acme", "other")
        self.assertEqual((1, 1), (status, len(out.splitlines())))
        said = f"proxypypi: nothing is decided about other in {self.directory}\n"
        self.assertEqual(said, err)

    def test_damaged(self) -> None:
        """
        A record that is damaged is told, and what that means.
        """
        path = self.decisions / "claims" / "acme.json"
        path.write_bytes(b"")
        status, out, err = self.run_command("list", "--decisions", "acme")
        self.assertEqual((1, ""), (status, out))
        self.assertIn(f"{path} cannot be read, so it is claimed nevertheless", err)
        self.assertEqual(1, len(err.splitlines()))
        self.assertEqual([str(path)], self.report()["damaged"])

    def test_pins(self) -> None:
        """
        Pins of named projects are those of their names, and of their files.
        """
        self.decide()
        _, out, _ = self.run_command("list", "--decisions", "demo", "ours-web")
        self.assertEqual(3, sum(line.startswith("pin  ") for line in out.splitlines()))
        _, out, _ = self.run_command("list", "--decisions", "acme")
        self.assertNotIn("pin  ", out)

    def test_damaged_pins(self) -> None:
        """
        So is that of all pins, if it is damaged.
        """
        path = self.decisions / "pins" / "pins.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"{")
        status, _, err = self.run_command("list", "--decisions", "acme")
        self.assertEqual(1, status)
        self.assertIn(f"{path} cannot be read, so everything counts as pinned", err)

    def test_nobody(self) -> None:
        """
        Who removed a file may not be known.
        """
        self.patch(sys.modules["proxypypi.commands.remove"], "getuser", lambda: "")
        self.run_command("remove", "--yes", "demo", self.sdist.filename)
        _, out, _ = self.run_command("list", "--decisions", "demo")
        self.assertTrue(out.endswith("Z  by nobody known\n"), out)
