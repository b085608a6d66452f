"""
Tests for :mod:`proxypypi.cli`.
"""

from importlib.metadata import entry_points
from itertools import product
from pathlib import Path

from proxypypi import __version__, cli
from proxypypi.commands.options import StartOptions, configure
from proxypypi.tap import Options
from tests.cli_case import CliTestCase

COMMANDS = (
    "run",
    "start",
    "stop",
    "restart",
    "forcerestart",
    "condstart",
    "maybestop",
    "status",
)
STARTING = ("start", "restart", "forcerestart", "condstart")


class MainTests(CliTestCase):
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
            for command in COMMANDS:
                self.assertIn(f"\n    {command} ", out, word)

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
        self.assertEqual((0, ""), (status, err))
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

    def test_unknown_options(self) -> None:
        """
        Of an option that a command has not, it is told in a line which there are.
        """
        for command in COMMANDS:
            arguments = ["list"] if command == "token" else []
            status, out, err = self.run_main(command, *arguments, "--frobnicate")
            self.assertIn(status, (1, 2), command)
            said = "proxypypi: --frobnicate: there is no such option; there are --"
            self.assertTrue(err.startswith(said), err)
            self.assertEqual((1, ""), (len(err.splitlines()), out), command)

    def test_help_of_commands(self) -> None:
        """
        ``COMMAND --help`` lists the options of that command.
        """
        for command in COMMANDS:
            for word in ("--help", "-h"):
                status, out, err = self.run_main(command, word)
                self.assertEqual((0, ""), (status, err), command)
                self.assertIn(f"Usage: proxypypi {command} ", out)
                serves = command == "run" or command in STARTING
                self.assertEqual(serves, "--index-url" in out, command)
                self.assertEqual(command != "run", "-P, --pid" in out, command)
                self.assertEqual(command in STARTING, "is rotated" in out, command)
                ignores = command in ("stop", "maybestop", "status")
                self.assertEqual(ignores, "Ignored" in out, command)
                for line in out.splitlines():
                    self.assertLess(line.count("[default:"), 2, command)
        self.assertEqual([], self.ran)

    def test_version_of_commands(self) -> None:
        """
        ``COMMAND --version`` is that of the program.
        """
        for command in COMMANDS:
            expected = (0, f"proxypypi {__version__}\n", "")
            self.assertEqual(expected, self.run_main(command, "--version"), command)

    def test_missing_files(self) -> None:
        """
        A daemon needs three files, and what deals with one the pid file; the error says
        which are missing.
        """
        given = {"-P/--pid": ["-P", "p"], "-l/--log": ["-l", "l"], "-o/--out": ["-oo"]}
        for present in product((False, True), repeat=3):
            here = [
                option
                for option, is_here in zip(given, present, strict=True)
                if is_here
            ]
            arguments = [word for option in here for word in given[option]]
            for command in COMMANDS[1:]:
                needed = set(given) if command in STARTING else {"-P/--pid"}
                if needed <= set(here):
                    continue
                status, out, err = self.run_main(command, *arguments)
                self.assertEqual((1, ""), (status, out), (command, here))
                self.assertIn(f"{command} needs", err)
                for option in given:
                    missing = option in needed and option not in here
                    self.assertEqual(missing, option in err, (command, here, err))

    def test_one_file_for_two(self) -> None:
        """
        The three have to be different files.
        """
        for command in STARTING:
            arguments = ["-P", "a", "-l", "b", "-o", "./b"]
            status, _, err = self.run_main(command, *arguments)
            self.assertEqual(1, status)
            self.assertIn("different files", err)

    def test_file_names(self) -> None:
        """
        All names of the files' options mean the same, and relative paths are of the
        directory that we are in.
        """
        for names in (("-P", "-l", "-o"), ("--pidfile", "--logfile", "--out")):
            words = [word for name in names for word in (name, name.strip("-"))]
            config = configure(StartOptions, "start", words)
            for key, name in zip(("pid", "log", "out"), names, strict=True):
                expected = Path.cwd() / name.strip("-")
                self.assertEqual(expected, config.subOptions.file(key))

    def test_linked_pid_file(self) -> None:
        """
        A link to a pid file means that file, be it there or not.
        """
        directory = Path(self.mktemp()).resolve()
        directory.mkdir()
        link = directory / "link"
        link.symlink_to("p.pid")
        words = ["-P", str(link), "-l", "l", "-o", "o"]
        config = configure(StartOptions, "start", words)
        self.assertEqual(directory / "p.pid", config.subOptions.file("pid"))
        status, _, err = self.run_main("start", *words[:-1], str(directory / "p.pid"))
        self.assertEqual(1, status)
        self.assertIn("different files", err)

    def test_surplus(self) -> None:
        """
        What is no option is named.
        """
        for command in COMMANDS[1:]:
            status, out, err = self.run_main(command, "-P", "p", "surplus")
            self.assertEqual((1, ""), (status, out), command)
            self.assertIn("unexpected argument 'surplus'", err, command)

    def test_not_running(self) -> None:
        """
        Of a daemon that there is none of, ``stop`` complains, ``maybestop`` does not,
        and ``status`` has a status of its own.
        """
        said = "proxypypi is not running\n"
        for command, expected in (
            ("stop", (1, "", said)),
            ("maybestop", (0, said, "")),
            ("status", (3, said, "")),
        ):
            self.assertEqual(expected, self.run_main(command, "-P", self.mktemp()))

    def test_nobody_reads(self) -> None:
        """
        If nobody reads what is printed any more, that is the end, without a word.
        """

        def fail(*_: object) -> int:
            raise BrokenPipeError(32, "Broken pipe")

        for broken in ("write", "flush"):
            directory = Path(self.mktemp())
            directory.mkdir()
            (directory / "demo-1.0.zip").touch()
            patched = self.patch(self.stdout, broken, fail)
            status, _, err = self.run_main("list", "-d", str(directory))
            self.assertEqual((1, ""), (status, err), broken)
            patched.restore()

    def test_unreadable(self) -> None:
        """
        A pid file that cannot be read is one line on stderr.
        """
        directory = self.mktemp()
        Path(directory).mkdir()
        for command in ("stop", "maybestop", "status"):
            status, out, err = self.run_main(command, "--pidfile", directory)
            self.assertEqual((1, ""), (status, out))
            self.assertIn(directory, err)
