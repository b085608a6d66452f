"""
Tests for :mod:`proxypypi.commands.pin`.
"""

import json

from proxypypi.rules.eviction import Pins
from proxypypi.store.pins import PinStore
from tests.project_case import ProjectTestCase


class PinTests(ProjectTestCase):
    def pins(self) -> Pins:
        return PinStore.of(self.directory).load()

    def test_pin(self) -> None:
        """
        Projects in any spelling, files, and patterns of both are pinned, once each.
        """
        said = "acme-x is pinned\nacme-* is pinned\ntorch-2.*.whl is pinned\n"
        self.assertEqual(
            (0, said, ""),
            self.run_command("pin", "Acme_X", "acme.x", "acme-*", "torch-2.*.whl"),
        )
        self.assertEqual(
            (0, "acme-x was pinned already\nb is pinned\n", ""),
            self.run_command("pin", "acme-x", "b"),
        )
        expected = Pins(projects=("acme-*", "acme-x", "b"), files=("torch-2.*.whl",))
        self.assertEqual(expected, self.pins())

    def test_list(self) -> None:
        """
        Without a name, what is pinned is listed.
        """
        self.assertEqual((0, "", ""), self.run_command("pin"))
        self.assertFalse(self.decisions.exists())
        self.run_command("pin", "b", "a.zip")
        self.assertEqual((0, "a.zip\nb\n", ""), self.run_command("pin"))
        _, out, _ = self.run_command("pin", "--json")
        self.assertEqual({"pins": ["a.zip", "b"]}, json.loads(out))

    def test_unpin(self) -> None:
        """
        Pins are taken back; one that there is none of is told, and the others go.
        """
        self.run_command("pin", "a", "b", "c.whl")
        self.assertEqual(
            (0, "a is no longer pinned\n", ""), self.run_command("unpin", "A")
        )
        self.assertEqual(
            (
                1,
                "c.whl is no longer pinned\n",
                f"proxypypi: a is not pinned in {self.directory}\n",
            ),
            self.run_command("unpin", "a", "c.whl"),
        )
        self.assertEqual(Pins(projects=("b",)), self.pins())

    def test_json(self) -> None:
        """
        The reports for programs have a list for each outcome.
        """
        self.run_command("pin", "a")
        for command, expected in (
            ("pin", {"pinned": ["b"], "already": ["a"]}),
            ("unpin", {"unpinned": ["a", "b"], "not-pinned": []}),
            ("unpin", {"unpinned": [], "not-pinned": ["a", "b"]}),
        ):
            _, out, _ = self.run_command(command, "--json", "a", "b")
            self.assertEqual(expected, json.loads(out))

    def test_damaged(self) -> None:
        """
        A record that cannot be read is an error, and stays as it is.
        """
        record = self.decisions / "pins" / "pins.json"
        record.parent.mkdir(parents=True)
        record.write_bytes(b"nonsense")
        for command in ("pin", "unpin"):
            status, out, err = self.run_command(command, "demo")
            self.assertEqual((1, ""), (status, out))
            self.assertIn("everything counts as pinned", err)
        self.assertEqual(b"nonsense", record.read_bytes())

    def test_misuse(self) -> None:
        """
        What nothing can be called is refused, and so is to take back nothing.
        """
        self.check_misuse("pin", (("a/b",), "neither"), (("a", ""), "neither"))
        self.check_misuse("unpin", ((), "needs"), (("../x",), "neither"))

    def test_help(self) -> None:
        """
        Both say how they are used.
        """
        self.check_help("pin", "[NAME|FILE|PATTERN...]")
        self.check_help("unpin", "NAME|FILE|PATTERN...")
