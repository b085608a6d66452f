"""
Tests for :mod:`proxypypi.commands.release`.
"""

import json
import os
from pathlib import Path

from proxypypi.names import normalize
from proxypypi.store.releases import load_releases
from tests.cli_case import CliTestCase
from tests.distributions import BuiltDistribution, make_wheel


class ReleaseTests(CliTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(self.mktemp()).resolve()
        self.wheel = make_wheel("demo")
        self.put("demo", self.wheel)

    def put(self, folder: str, built: BuiltDistribution) -> None:
        path = self.directory / folder / built.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(built.content)

    def run_release(self, *arguments: str) -> tuple[object, str, str]:
        return self.run_main("release", "-d", str(self.directory), *arguments)

    def released(self, name: str = "demo") -> dict[str, str]:
        decisions = self.directory / ".proxypypi" / "decisions"
        return dict(load_releases(decisions, normalize(name)))

    def test_release(self) -> None:
        """
        Name and digest of each file are kept, under the project that has it.
        """
        other = make_wheel("other")
        self.put("other", other)
        names = (self.wheel.filename, other.filename, self.wheel.filename)
        expected = (
            f"{self.wheel.filename} of demo is released\n"
            f"{other.filename} of other is released\n"
        )
        self.assertEqual((0, expected, ""), self.run_release(*names))
        self.assertEqual({self.wheel.filename: self.wheel.sha256}, self.released())
        self.assertEqual({other.filename: other.sha256}, self.released("other"))

    def test_directory(self) -> None:
        """
        Which directory it is may be said where a server is told.
        """
        config = Path(self.mktemp())
        config.write_text(f"dir = '{self.directory}'\n")
        for environment, options in (
            ({"PROXYPYPI_DIR": str(self.directory)}, []),
            ({}, ["--config", str(config)]),
        ):
            self.patch(os, "environ", environment)
            status, _, err = self.run_main("release", *options, self.wheel.filename)
            self.assertEqual((0, ""), (status, err))
            self.assertEqual({self.wheel.filename: self.wheel.sha256}, self.released())
            (self.directory / ".proxypypi/decisions/releases/demo.json").unlink()

    def test_json(self) -> None:
        """
        With --json, the report is one object; a file that is not here is an error.
        """
        status, out, err = self.run_release("--json", self.wheel.filename, "x-1.zip")
        self.assertEqual(1, status)
        self.assertEqual(
            {
                "released": [
                    {
                        "project": "demo",
                        "filename": self.wheel.filename,
                        "sha256": self.wheel.sha256,
                    }
                ],
                "missing": ["x-1.zip"],
            },
            json.loads(out),
        )
        self.assertIn("'x-1.zip'", err)

    def test_damaged_record(self) -> None:
        """
        That a record was damaged is said, and no reason to fail.
        """
        releases = self.directory / ".proxypypi" / "decisions" / "releases"
        releases.mkdir(parents=True)
        (releases / "demo.json").write_bytes(b"{")
        status, _, err = self.run_release(self.wheel.filename)
        self.assertEqual(0, status)
        self.assertIn("demo.json cannot be read", err)
        self.assertEqual({self.wheel.filename: self.wheel.sha256}, self.released())

    def test_misused(self) -> None:
        """
        Without a file, or with a name that files cannot have, nothing is done at all.
        """
        for names, word in (
            ([], "release needs the name of a FILE"),
            ([self.wheel.filename, "../x-1.zip"], "'../x-1.zip' is no file name"),
            ([self.wheel.filename, ""], "'' is no file name"),
        ):
            status, out, err = self.run_release(*names)
            self.assertEqual((2, ""), (status, out), names)
            self.assertIn(word, err)
        self.assertFalse((self.directory / ".proxypypi").exists())

    def test_no_pattern(self) -> None:
        """
        A name stands for itself, whatever a shell would make of it.
        """
        status, _, err = self.run_release("*")
        self.assertEqual(1, status)
        self.assertIn("there is no file '*'", err)

    def test_hidden(self) -> None:
        """
        What lies in hidden directories is nobody's file.
        """
        hidden = make_wheel("hidden")
        self.put(".proxypypi", hidden)
        self.assertEqual(1, self.run_release(hidden.filename)[0])

    def test_help(self) -> None:
        """
        It is listed among the commands, and says how it is used.
        """
        _, listed, _ = self.run_main("--help")
        self.assertIn("\n    release ", listed)
        status, out, _ = self.run_main("release", "--help")
        self.assertEqual(0, status)
        self.assertIn("Usage: proxypypi release [options] FILE...\n", out)
