"""
Tests for :mod:`proxypypi.commands.project`.
"""

from pathlib import Path

from proxypypi.commands.project import KnownProject
from proxypypi.names import normalize
from tests.project_case import ProjectTestCase


class ProjectOptionsTests(ProjectTestCase):
    def test_order(self) -> None:
        """
        Options may stand anywhere; what follows a double dash is none.
        """
        where = ("-d", str(self.directory))
        orders: tuple[tuple[str, ...], ...] = (
            ("--reason", "x", *where, "demo", "archived"),
            ("demo", "--reason=x", "archived", *where),
            (f"-d{self.directory}", "demo", "archived", "--reason", "x"),
            ("demo", *where, "--reason", "x", "--", "archived"),
        )
        for arguments in orders:
            status, out, err = self.run_main("mark", *arguments)
            self.assertEqual((0, "demo is archived: x\n", ""), (status, out, err))
        for misused, word in (
            (
                ("demo", "archived", "--x"),
                "--x: there is no such option; there are",
            ),
            (("demo", "archived", "--", "--json"), "mark needs a PROJECT and"),
        ):
            status, out, err = self.run_main("mark", *where, *misused)
            self.assertEqual((2, ""), (status, out))
            self.assertIn(word, err)


class KnownProjectTests(ProjectTestCase):
    def find(self, name: str) -> KnownProject | None:
        return KnownProject.find(self.directory, normalize(name))

    def test_files(self) -> None:
        """
        Files are found wherever they lie, and told by their version in any spelling.
        """
        project = self.find("demo")
        assert project is not None
        self.assertEqual(3, len(project.here))
        expected = {self.wheel.filename, self.sdist.filename}
        for version in ("1", "1.0", "v1.0.0"):
            self.assertEqual(expected, project.files_of(version))
        self.assertEqual(set(), project.files_of("3"))

    def test_nothing(self) -> None:
        """
        Of what there is nothing, nothing is known; a damaged page is none.
        """
        pages = self.directory / ".proxypypi" / "cache" / "pages"
        pages.mkdir(parents=True)
        Path(pages / "other.page").write_bytes(b"{")
        self.assertIsNone(self.find("other"))
