"""
A cache directory, and commands that work on one project of it.
"""

from pathlib import Path

from tests.cli_case import CliTestCase
from tests.distributions import BuiltDistribution, make_sdist, make_wheel


class ProjectTestCase(CliTestCase):
    """
    Of demo there is 1.0, a wheel in the root and an sdist in a folder, and 2.0.
    """

    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(self.mktemp()).resolve()
        self.decisions = self.directory / ".proxypypi" / "decisions"
        self.wheel, self.sdist = make_wheel("demo"), make_sdist("demo")
        self.second = make_wheel("demo", "2.0")
        self.put(".", self.wheel)
        self.put("demo", self.sdist)
        self.put("Demo", self.second)

    def put(self, folder: str, built: BuiltDistribution) -> Path:
        path = self.directory / folder / built.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(built.content)
        return path

    def run_command(self, command: str, *rest: str) -> tuple[object, str, str]:
        return self.run_main(command, "-d", str(self.directory), *rest)

    def check_misuse(self, command: str, *cases: tuple[tuple[str, ...], str]) -> None:
        """
        What makes no sense is said, and nothing is done at all.
        """
        for operands, word in cases:
            status, out, err = self.run_command(command, *operands)
            self.assertEqual((2, ""), (status, out), operands)
            self.assertIn(word, err)
        self.assertFalse(self.decisions.exists())

    def check_help(self, command: str, operands: str) -> None:
        """
        It is listed among the commands, and says how it is used.
        """
        _, listed, _ = self.run_main("--help")
        self.assertIn(f"\n    {command} ", listed)
        status, out, _ = self.run_main(command, "--help")
        self.assertEqual(0, status)
        synopsis = f"Usage: proxypypi {command} [options] {operands}".rstrip()
        self.assertIn(f"{synopsis}\n", out)
