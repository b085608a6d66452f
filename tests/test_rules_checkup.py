"""
Tests for :mod:`proxypypi.rules.checkup`.
"""

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.model import Distribution, Grade, ProjectPage
from proxypypi.names import normalize
from proxypypi.rules.checkup import (
    grade_certificate,
    grade_clock,
    grade_open_files,
    missing_from,
)

DAY = 86_400.0

WHEEL = Distribution(
    filename="demo-1.0-py3-none-any.whl",
    url="u",
    hashes={"sha256": "5f" * 32},
    size=7,
    upload_time="2026-01-02T03:04:05Z",
    core_metadata=True,
)
SDIST = evolve(WHEEL, filename="demo-1.0.tar.gz", core_metadata=None)


class MissingTests(SynchronousTestCase):
    def missing(self, *files: Distribution, is_json: bool = True) -> list[str]:
        page = ProjectPage(name=normalize("demo"), distributions=files)
        found = missing_from(page, is_json)
        return [what.partition(",")[0] for what in found]

    def test_complete(self) -> None:
        """
        Nothing is missing if some files have it, and sdists need no metadata.
        """
        bare = Distribution(filename="demo-0.1-py3-none-any.whl", url="u")
        for files in ((WHEEL, SDIST), (bare, WHEEL), (SDIST,), ()):
            self.assertEqual([], self.missing(*files))

    def test_cases(self) -> None:
        """
        What no file has is told.
        """
        cases: tuple[tuple[dict[str, Any], str], ...] = (
            ({"hashes": {}}, "digests"),
            ({"upload_time": None}, "upload times"),
            ({"upload_time": "yesterday"}, "upload times"),
            ({"core_metadata": False}, "core metadata"),
            ({"size": None}, "sizes"),
        )
        for change, what in cases:
            self.assertEqual([what], self.missing(evolve(WHEEL, **change)), change)
        self.assertEqual(["JSON"], self.missing(WHEEL, is_json=False))


class GradeTests(SynchronousTestCase):
    def test_clock(self) -> None:
        """
        A clock may be off by a minute.
        """
        for difference, expected in (
            (0.0, Grade.OK),
            (-60.0, Grade.OK),
            (61.0, Grade.WARNING),
            (-61.0, Grade.WARNING),
        ):
            self.assertIs(expected, grade_clock(difference), difference)

    def test_certificates(self) -> None:
        """
        One that ends within two weeks is worth a warning.
        """
        for left, expected in (
            (15 * DAY, Grade.OK),
            (13 * DAY, Grade.WARNING),
            (0.0, Grade.ERROR),
            (-DAY, Grade.ERROR),
        ):
            self.assertIs(expected, grade_certificate(1e9 + left, 1e9), left)

    def test_open_files(self) -> None:
        """
        A thousand are few.
        """
        self.assertIs(Grade.WARNING, grade_open_files(1023))
        self.assertIs(Grade.OK, grade_open_files(1024))
