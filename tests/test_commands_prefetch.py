"""
Tests for :mod:`proxypypi.commands.prefetch`; what it fetches is tested with processes,
in :mod:`tests.e2e.test_prefetch`.
"""

import json
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from proxypypi.cache.prefetch import Fetched
from proxypypi.commands import fetching
from proxypypi.rules.wanted import Wanted
from proxypypi.settings import Settings
from tests.cli_case import CliTestCase
from tests.test_rules_lockfiles import UV


class PrefetchTests(CliTestCase):
    """
    :ivar wanted: what would have been fetched.
    """

    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir()
        self.wanted: list[str] = []
        self.problems: dict[str, str] = {}
        self.patch(fetching, "fetch", self.fetch)

    def fetch(
        self, settings: Settings, wanted: Collection[Wanted]
    ) -> Sequence[Fetched]:
        self.assertEqual(self.directory, settings.directory)
        self.wanted = [one.said for one in wanted]
        return [
            Fetched(
                said=one.said,
                files=() if one.said in self.problems else (f"{one.project}-1.zip",),
                problem=self.problems.get(one.said, ""),
            )
            for one in wanted
        ]

    def run_here(self, *arguments: str) -> tuple[object, str, str]:
        return self.run_main("prefetch", "-d", str(self.directory), *arguments)

    def write(self, name: str, text: str | bytes) -> str:
        path = self.directory / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    def test_arguments(self) -> None:
        """
        Requirements, requirements files and lock files can be named side by side.
        """
        lines = self.write("all.txt", "a==1\n# b\nc>=2 --hash=sha256:aa\n")
        lock = self.write("uv.lock", UV.partition('[[package]]\nname = "mine"')[0])
        status, out, err = self.run_here(lines, "Demo>=1", lock)
        wanted = ["a==1", "c>=2", "Demo>=1", "demo-x==1.0", "flat==2"]
        self.assertEqual((0, wanted, ""), (status, self.wanted, err))
        self.assertEqual(
            [f"{said}: 1 file is here" for said in wanted], out.splitlines()
        )

    def test_beside(self) -> None:
        """
        By its ending a file is told from a project, in the current directory, too.
        """
        self.addCleanup(os.chdir, os.getcwd())
        self.write("some.in", "inside")
        self.write("demo", "no requirements file")
        os.chdir(self.directory)
        self.run_here("some.in", "demo")
        self.assertEqual(["inside", "demo"], self.wanted)

    def test_failures(self) -> None:
        """
        What failed, and what is not understood, is told; the status is 1 for either.
        """
        self.problems = {"a": "no such thing"}
        for text, out, err in (
            ("a\nb", "b: 1 file is here\n", "a: no such thing"),
            ("b\n-e .", "b: 1 file is here\n", "-e .: names nothing of an index"),
        ):
            path = self.write("x.txt", text)
            self.assertEqual((1, out, f"proxypypi: {err}\n"), self.run_here(path))

    def test_json(self) -> None:
        """
        The report for programs is that of the route, with the names of the files.
        """
        self.problems = {"a": "no such thing"}
        path = self.write("x.txt", "a\nb\n-e .\nb")
        status, out, _ = self.run_here("--json", path)
        self.assertEqual(1, status)
        self.assertEqual(
            {
                "cached": ["b", "b"],
                "unparseable": ["-e ."],
                "failed": [{"requirement": "a", "reason": "no such thing"}],
                "files": ["b-1.zip"],
            },
            json.loads(out),
        )

    def test_misused(self) -> None:
        """
        What makes no sense is refused before anything is fetched.
        """
        for arguments, word in (
            ([], "needs a FILE or a REQUIREMENT"),
            (["demo", "two words"], "'two words' is neither"),
            (["demo @ https:x"], "is neither"),
            (["-r", "x"], "-r"),
            (["none.txt"], "'none.txt' cannot be read: No such file"),
            (["./none"], "'./none' cannot be read: No such file"),
            ([self.write("l.txt", b"\xff")], "not in UTF-8"),
            ([self.write("pyproject.toml", "[project]")], "no lock file"),
            ([self.write("x.lock", "demo==1")], "no lock file"),
            ([str(self.directory / "no/x.txt")], "cannot be read"),
        ):
            status, out, err = self.run_here(*arguments)
            self.assertEqual((2, ""), (status, out), arguments)
            self.assertIn(word, err, arguments)
        self.assertEqual([], self.wanted)

    def test_help(self) -> None:
        """
        It says what it takes, and that it resolves nothing.
        """
        _, listed, _ = self.run_main("--help")
        status, out, _ = self.run_main("prefetch", "--help")
        said = " ".join(out.split())
        self.assertEqual(0, status)
        self.assertIn("\n    prefetch ", listed)
        self.assertIn("Usage: proxypypi prefetch [options] FILE|REQUIREMENT...", said)
        self.assertIn("What these depend on does not come", said)
