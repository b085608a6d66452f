"""
Tests for :mod:`proxypypi.commands.directory`.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from proxypypi import __version__, cli
from proxypypi.commands.directory import DirectoryOptions, parse
from tests.cli_case import CliTestCase


class CountOptions(DirectoryOptions):
    operands = "WORD..."

    def parseArgs(self, *words: str) -> None:
        self["words"] = words


def count(command: str, arguments: Sequence[str]) -> int:
    """
    A command that reports the words it was given, and its directory.
    """
    options = parse(CountOptions, command, arguments)
    facts = {"words": options["words"], "dir": str(options.settings.directory)}
    options.report(facts, [f"{len(options['words'])} words", facts["dir"]])
    return 0


class DirectoryTests(CliTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(cli, "COMMANDS", {"count": count})
        self.base = Path(self.mktemp()).resolve()
        for name in ("a", "b", "c"):
            (self.base / name).mkdir(parents=True)
        self.addCleanup(os.chdir, Path.cwd())
        os.chdir(self.base)

    def test_directory(self) -> None:
        """
        The command line says which one, else the environment, else the file; without
        any of them it is the current one.
        """
        (self.base / "p.toml").write_text("dir = 'c'\n")
        file, line = ["--config", "p.toml"], ["-d", "a"]
        for arguments, around, expected in (
            ([*file, *line], "b", "a"),
            (["--dir", "a"], "b", "a"),
            (["--cache=a"], "", "a"),
            (file, "b", "b"),
            (file, "", "c"),
            ([], "", "."),
        ):
            self.patch(os, "environ", {"PROXYPYPI_DIR": around} if around else {})
            said = self.run_main("count", *arguments, "x", "y")
            directory = (self.base / expected).resolve()
            self.assertEqual((0, f"2 words\n{directory}\n", ""), said, arguments)

    def test_meant(self) -> None:
        """
        What a command says itself of a server's options beats all others.
        """
        asked: list[bool] = []

        class AloneOptions(DirectoryOptions):
            meant = {"no-proxy": ["true"]}

        def alone(command: str, arguments: Sequence[str]) -> int:
            options = parse(AloneOptions, command, arguments)
            asked.append(bool(options.settings.upstreams))
            return 0

        self.patch(cli, "COMMANDS", {"alone": alone, "count": count})
        self.patch(os, "environ", {"PROXYPYPI_NO_PROXY": "false"})
        self.assertEqual((0, "", ""), self.run_main("alone", "-d", "a"))
        self.assertEqual([False], asked)

    def test_options_anywhere(self) -> None:
        """
        Options may stand before, between and after the words; what comes after ``--``
        is a word.
        """
        for arguments, words in (
            (["x", "--json", "y", "-d", "a"], ["x", "y"]),
            (["x", "-da", "--json"], ["x"]),
            (["--js", "--dir=a", "x"], ["x"]),
            (["--json", "-d", "a", "--", "--json", "x"], ["--json", "x"]),
        ):
            status, out, err = self.run_main("count", *arguments)
            self.assertEqual((0, ""), (status, err), arguments)
            self.assertEqual(
                {"words": words, "dir": str(self.base / "a")}, json.loads(out)
            )
        status, _, err = self.run_main("count", "x", "--frobnicate")
        self.assertEqual((2, True), (status, "frobnicate" in err))

    def test_json(self) -> None:
        """
        With ``--json`` the report is for programs.
        """
        status, out, err = self.run_main("count", "--json", "x")
        self.assertEqual((0, ""), (status, err))
        self.assertEqual({"words": ["x"], "dir": str(self.base)}, json.loads(out))

    def test_misused(self) -> None:
        """
        What makes no sense is told on stderr, and has an exit status of its own.
        """
        (self.base / "file").touch()
        for arguments, word in (
            (["--frobnicate"], "frobnicate"),
            (["-d", "nowhere"], "no such directory"),
            (["-d", "file"], "no directory"),
            (["--config", "nowhere"], "nowhere"),
        ):
            status, out, err = self.run_main("count", *arguments)
            self.assertEqual((2, ""), (status, out), arguments)
            self.assertTrue(err.startswith("proxypypi: "), err)
            self.assertIn(word, err)

    def test_every_problem(self) -> None:
        """
        If more than one thing is wrong with the configuration, each has its line.
        """
        (self.base / "p.toml").write_text("port = 'x'\nfrob = 1\n")
        status, _, err = self.run_main("count", "--config", "p.toml")
        self.assertEqual((2, 2), (status, len(err.splitlines())), err)
        for line in err.splitlines():
            self.assertTrue(line.startswith("proxypypi: "), line)

    def test_help(self) -> None:
        """
        Help and the version are given as by any command.
        """
        for word in ("--help", "-h"):
            status, out, err = self.run_main("count", word)
            self.assertEqual((0, ""), (status, err))
            self.assertIn("Usage: proxypypi count [options] WORD...\n", out)
            for option in ("-d, --dir=", "--json", "--config="):
                self.assertIn(option, out)
        expected = (0, f"proxypypi {__version__}\n", "")
        self.assertEqual(expected, self.run_main("count", "--version"))
