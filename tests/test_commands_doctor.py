"""
Tests for :mod:`proxypypi.commands.doctor`; :mod:`tests.e2e.test_doctor` has it at work.
"""

import json
import sys
from pathlib import Path
from typing import Any

from proxypypi.model import Finding
from tests.cli_case import CliTestCase

MODULE = sys.modules["proxypypi.commands.doctor"]


class DoctorTests(CliTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir()
        self.findings = [Finding.ok("directory", "fine")]
        self.examined: list[Any] = []
        self.patch(MODULE, "_examine", self.examine)

    def examine(self, options: Any) -> list[Finding]:
        self.examined.append(options.settings)
        return self.findings

    def doctor(self, *arguments: str) -> tuple[object, str, str]:
        return self.run_main("doctor", "-d", str(self.directory), *arguments)

    def test_well(self) -> None:
        """
        Each check is a line; warnings are no failure.
        """
        self.findings.append(Finding.warning("clock", "it is 90 s fast", "set it"))
        expected = "ok: directory: fine\nwarning: clock: it is 90 s fast; set it\n"
        self.assertEqual((0, expected, ""), self.doctor())

    def test_error(self) -> None:
        """
        An error is one.
        """
        self.findings.append(Finding.error("locks", "there\nare none", "move"))
        status, out, _ = self.doctor()
        self.assertEqual(1, status)
        self.assertIn("error: locks: there are none; move\n", out)

    def test_options(self) -> None:
        """
        It takes those of a server.
        """
        self.assertEqual(0, self.doctor("-p", "8123", "--private", "acme-*")[0])
        (settings,) = self.examined
        self.assertEqual(self.directory, settings.directory)
        self.assertEqual(("tcp:8123:interface=127.0.0.1",), settings.listen)
        self.assertEqual(("acme-*",), settings.private)

    def test_bad_options(self) -> None:
        """
        What a start would end with is told, all of it, and nothing else is looked at.
        """
        config = self.directory / "c.toml"
        config.write_text("frob = 1\n")
        arguments = ("--port", "http", "--config", str(config))
        status, out, err = self.doctor(*arguments)
        self.assertEqual((1, ""), (status, err))
        self.assertEqual([], self.examined)
        _, _, said = self.run_main("run", "-d", str(self.directory), *arguments)
        problems = [line.removeprefix("proxypypi: ") for line in said.splitlines()]
        self.assertEqual(2, len(problems))
        self.assertEqual([f"error: options: {p}" for p in problems], out.splitlines())

    def test_no_directory(self) -> None:
        """
        So it is if there is no directory.
        """
        status, out, _ = self.run_main("doctor", "-d", str(self.directory / "none"))
        self.assertEqual(1, status)
        self.assertIn("there is no such directory", out)

    def test_json(self) -> None:
        """
        With --json, the report is one object.
        """
        self.findings = [Finding.error("locks", "none", "move")]
        status, out, _ = self.doctor("--json")
        check = {"grade": "error", "subject": "locks", "what": "none", "advice": "move"}
        self.assertEqual((1, {"checks": [check]}), (status, json.loads(out)))

    def test_misused(self) -> None:
        """
        What is no option is nonsense.
        """
        for arguments, word in (
            (("--frobnicate",), "there is no such option"),
            (("surplus",), "unexpected argument 'surplus'"),
        ):
            status, out, err = self.doctor(*arguments)
            self.assertEqual((2, ""), (status, out), arguments)
            self.assertIn(word, err)
        self.assertEqual([], self.examined)

    def test_help(self) -> None:
        """
        It is listed among the commands, and says how it is used.
        """
        self.assertIn("\n    doctor ", self.run_main("--help")[1])
        status, out, _ = self.run_main("doctor", "--help")
        self.assertEqual(0, status)
        self.assertIn("Usage: proxypypi doctor [options]\n", out)
        for option in ("--json", "--index-url", "--min-free"):
            self.assertIn(option, out)
        self.assertIn("Say whether a server would work here", " ".join(out.split()))
