"""
Tests for :mod:`proxypypi.cli`.
"""

import io
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from twisted.scripts import twistd
from twisted.trial.unittest import SynchronousTestCase

from proxypypi import __version__, cli
from proxypypi.tap import Options


class MainTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ran: list[Any] = []
        self.patch(twistd, "runApp", self.ran.append)
        self.stdout, self.stderr = io.StringIO(), io.StringIO()
        for name, stream in (
            *(("stdout", self.stdout), ("stderr", self.stderr)),
            ("__stderr__", self.stderr),
        ):
            self.patch(sys, name, stream)

    def run_main(self, *arguments: str) -> tuple[object, str, str]:
        """
        :returns: exit status (:obj:`None` if it just returned), stdout and stderr.
        """
        self.patch(sys, "argv", ["proxypypi", *arguments])
        for stream in (self.stdout, self.stderr):
            stream.seek(0)
            stream.truncate()
        status: object = None
        try:
            cli.main()
        except SystemExit as e:
            status = e.code
        return status, self.stdout.getvalue(), self.stderr.getvalue()

    def test_console_script(self) -> None:
        """
        What the shell runs is this.
        """
        (script,) = entry_points(group="console_scripts", name="proxypypi")
        self.assertIs(cli.main, script.load())

    def test_help(self) -> None:
        """
        Asked for help it lists the commands, and has succeeded.
        """
        for word in ("help", "--help", "-h"):
            status, out, err = self.run_main(word)
            self.assertEqual((0, ""), (status, err), word)
            self.assertIn("Usage: proxypypi COMMAND", out, word)
            self.assertIn("run ", out, word)

    def test_nothing(self) -> None:
        """
        Without a command it does the same, but has not.
        """
        status, out, err = self.run_main()
        self.assertEqual((2, ""), (status, err))
        self.assertIn("Usage: proxypypi COMMAND", out)

    def test_version(self) -> None:
        """
        It says which version it is.
        """
        for word in ("--version", "-V"):
            expected = (0, f"proxypypi {__version__}\n", "")
            self.assertEqual(expected, self.run_main(word), word)

    def test_unknown_command(self) -> None:
        """
        A command there is none of is named on stderr, and the ones there are.
        """
        for word in ("frobnicate", "--frobnicate", "", "Run", "runs"):
            status, out, err = self.run_main(word, "--port", "1")
            self.assertEqual((2, ""), (status, out), word)
            self.assertIn(f"no command {word!r}", err)
            self.assertIn("Usage: proxypypi COMMAND", err)
        self.assertEqual([], self.ran)

    def test_run(self) -> None:
        """
        ``run`` serves in the foreground, without a pid file, with the options given.
        """
        directory = Path(self.mktemp()).resolve()
        directory.mkdir()
        status, _, err = self.run_main("run", "-d", str(directory), "--index-ttl", "5")
        self.assertEqual((None, ""), (status, err))
        (config,) = self.ran
        self.assertTrue(config["nodaemon"])
        self.assertEqual("", config["pidfile"])
        self.assertEqual("proxypypi", config.subCommand)
        options = config.subOptions
        self.assertIsInstance(options, Options)
        self.assertEqual(directory, options.settings.directory)
        self.assertEqual(5.0, options.settings.index_ttl)
        self.assertTrue(options.parent["nodaemon"])

    def test_bad_options(self) -> None:
        """
        What is wrong with them is told before anything runs.
        """
        for arguments, word in (
            (["--port", "http"], "--port: 'http'"),
            (["--frobnicate"], "frobnicate"),
            (["surplus"], "'surplus'"),
        ):
            status, _, err = self.run_main("run", *arguments)
            self.assertEqual(1, status, arguments)
            self.assertIn(word, err)
        self.assertEqual([], self.ran)

    def test_help_of_run(self) -> None:
        """
        ``run --help`` lists the options.
        """
        status, out, _ = self.run_main("run", "--help")
        self.assertEqual(0, status)
        self.assertIn("--index-url", out)
        self.assertEqual([], self.ran)
