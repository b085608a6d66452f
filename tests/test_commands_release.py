"""
Tests for :mod:`proxypypi.commands.release`.
"""

import io
import json
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proxypypi import __version__, cli
from proxypypi.names import normalize
from proxypypi.store.releases import load_releases
from tests.distributions import BuiltDistribution, make_wheel


class ReleaseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.wheel = make_wheel("demo")
        self.put("demo", self.wheel)
        self.stdout, self.stderr = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", self.stdout)
        self.patch(sys, "stderr", self.stderr)
        self.patch(sys, "__stderr__", self.stderr)

    def put(self, folder: str, built: BuiltDistribution) -> None:
        path = self.directory / folder / built.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(built.content)

    def run_release(self, *arguments: str) -> object:
        """
        :returns: the exit status.
        """
        self.patch(sys, "argv", ["proxypypi", "release", *arguments])
        with self.assertRaises(SystemExit) as caught:
            cli.main()
        return caught.exception.code

    def released(self, name: str = "demo") -> dict[str, str]:
        decisions = self.directory / ".proxypypi" / "decisions"
        return dict(load_releases(decisions, normalize(name)))

    def test_release(self) -> None:
        """
        Name and digest of each file are kept, under the project that has it.
        """
        other = make_wheel("other")
        self.put("other", other)
        names = (self.wheel.filename, other.filename)
        status = self.run_release("-d", str(self.directory), *names)
        self.assertEqual(0, status, self.stderr.getvalue())
        self.assertEqual({self.wheel.filename: self.wheel.sha256}, self.released())
        self.assertEqual({other.filename: other.sha256}, self.released("other"))
        expected = [
            f"{self.wheel.filename} of demo is released",
            f"{other.filename} of other is released",
        ]
        self.assertEqual(expected, self.stdout.getvalue().splitlines())

    def test_json(self) -> None:
        """
        With --json, the report is one object; a file that is not here is an error.
        """
        status = self.run_release(
            "--json", "--dir", str(self.directory), self.wheel.filename, "x-1.zip"
        )
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
            json.loads(self.stdout.getvalue()),
        )
        self.assertIn("'x-1.zip'", self.stderr.getvalue())

    def test_damaged_record(self) -> None:
        """
        That a record was damaged is said, and no reason to fail.
        """
        releases = self.directory / ".proxypypi" / "decisions" / "releases"
        releases.mkdir(parents=True)
        (releases / "demo.json").write_bytes(b"{")
        status = self.run_release("-d", str(self.directory), self.wheel.filename)
        self.assertEqual(0, status)
        self.assertIn("demo.json cannot be read", self.stderr.getvalue())
        self.assertEqual({self.wheel.filename: self.wheel.sha256}, self.released())

    def test_refused(self) -> None:
        """
        Without a file, a directory, or a name that files can have, nothing is done.
        """
        for arguments, told in [
            (["-d", str(self.directory)], "needs the name of a file"),
            (["-d", "missing", "x-1.zip"], "missing"),
            (["-d", str(self.directory), "../x-1.zip"], "is no file name"),
            (["-d", str(self.directory), "*"], "is no file"),
            (["-d", str(self.directory), "--frob", "x-1.zip"], "frob"),
        ]:
            self.assertEqual(1, self.run_release(*arguments), arguments)
            self.assertIn(told, self.stderr.getvalue(), arguments)
        self.assertFalse((self.directory / ".proxypypi").exists())

    def test_hidden(self) -> None:
        """
        What lies in hidden directories is nobody's file.
        """
        self.put(".proxypypi", make_wheel("hidden"))
        name = make_wheel("hidden").filename
        self.assertEqual(1, self.run_release("-d", str(self.directory), name))

    def test_help(self) -> None:
        """
        It says how it is used, and which version it is.
        """
        for argument, told in [
            ("--help", "Usage: proxypypi release"),
            ("-h", "--json"),
            ("--version", f"proxypypi {__version__}\n"),
        ]:
            self.assertFalse(self.run_release(argument))
            self.assertIn(told, self.stdout.getvalue())
